// `tap` and `replay`: what passes is recorded and unchanged, and can be played again; `/api/bridge` of serve, by the same engine.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import type { AddressInfo } from 'node:net';
import { dialWebSocket } from '../../../shared/connection/websocket.ts';
import { openBridge } from '../../../shared/connection/bridge.ts';
import { ExecServerClient } from '../../../shared/client/harness.ts';
import { parseRecording } from '../../../shared/recording/jsonl.ts';
import { connectWebSocket, UpgradeRefused } from '../../helpers/carriers.ts';
import { serverProgram, startServer, useServer } from '../../helpers/server.ts';
import { until, within } from '../../helpers/until.ts';
import { WebSocket } from 'ws';
import { runCli, startCli, type RunningCli } from './cli.ts';

const server = useServer({ command: 'serve' });
const url = () => `ws://127.0.0.1:${server.current.port}/exec`;
const token = () => server.current.token ?? '';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-tap-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function startTap(...args: string[]): Promise<{ tap: RunningCli; url: string }> {
  const tap = startCli(['tap', ...args], { env: { EXEC_WORKBENCH_TOKEN: token() } });
  const where = await until('the tap to listen', () => /connect to (ws:\S+)/.exec(tap.stderr)?.[1], {
    withinMs: 15_000,
    describe: () => tap.stderr,
  });
  return { tap, url: where };
}

async function stopTap(tap: RunningCli): Promise<void> {
  tap.child.kill('SIGTERM');
  expect((await tap.result()).code).toBe(0);
}

describe('tap', () => {
  it('records a session without its secrets; replay finds nothing that differs, and what is changed', async () => {
    const file = join(folder, 'session.jsonl');
    const { tap, url: tapUrl } = await startTap(url(), '--output', file);
    const run = ['run', '--url', tapUrl, '-e', 'MY_TOKEN=geheim', '--', 'sh', '-c', 'echo hello; exit 3'];
    const result = await runCli(run, { env: { EXEC_WORKBENCH_TOKEN: token() } });
    expect([result.code, result.stdout]).toEqual([3, 'hello\n']);
    await stopTap(tap);

    const text = await readFile(file, 'utf8');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    for (const secret of ['geheim', token()]) expect(text).not.toContain(secret);
    expect(text).toContain('"MY_TOKEN\\":\\"[redacted]\\"');
    const events = parseRecording(text).entries.filter((entry) => entry.kind === 'event');
    expect(events.map(({ event }) => event)).toEqual(['dialling', 'open', 'closed']);
    expect(events.at(-1)).toMatchObject({ detail: 'by the harness', code: 1000 });

    const env = { EXEC_WORKBENCH_TOKEN: token() };
    const same = await runCli(['replay', file, url()], { env });
    expect([same.code, same.stdout]).toEqual([0, '']);
    const other = join(folder, 'other.jsonl');
    await writeFile(other, text.replace('exitCode\\":3', 'exitCode\\":4'));
    const different = await runCli(['replay', '--json', other, url()], { env });
    expect(different.code).toBe(6);
    expect(JSON.parse(different.stdout)).toMatchObject({ kind: 'different', path: 'params.exitCode' });
  });

  it('passes on close codes and reasons both ways, binary messages as they are, and refusals', async () => {
    const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => false });
    const ends: [number, string][] = [];
    sockets.on('connection', (socket) => {
      socket.on('message', (data: Buffer, isBinary) => {
        if (data.toString() === 'end') socket.close(4321, 'the executor says so');
        else socket.send(data, { binary: isBinary });
      });
      socket.on('close', (code, reason) => ends.push([code, reason.toString()]));
    });
    await new Promise((resolve) => sockets.once('listening', resolve));
    const { tap, url: tapUrl } = await startTap(`ws://127.0.0.1:${(sockets.address() as AddressInfo).port}`);
    try {
      const first = new WebSocket(tapUrl);
      await new Promise((resolve) => first.once('open', resolve));
      const echo = new Promise((resolve) => first.once('message', (data, isBinary) => resolve([data, isBinary])));
      first.send(Buffer.from([0, 255, 1]));
      expect(await echo).toEqual([Buffer.from([0, 255, 1]), true]);
      first.close(4001, 'the harness says so');
      await until('the executor to hear of the end', () => ends.length === 1);
      expect(ends).toEqual([[4001, 'the harness says so']]);

      const second = await connectWebSocket(tapUrl);
      second.sendText('end');
      expect(await second.ended).toEqual({ code: 4321, reason: 'the executor says so' });
      const third = await connectWebSocket(tapUrl);
      third.drop();
      await until('the executor to lose the harness', () => ends.length === 3);
      expect(ends.at(-1)?.[0]).toBe(1006);
      await expect(connectWebSocket(tapUrl, { headers: { origin: 'http://evil.example' } })).rejects.toThrow('403');
    } finally {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
    }
    await expect(connectWebSocket(tapUrl)).rejects.toThrow('502');
    await stopTap(tap);
    const kinds = parseRecording(tap.stdout).entries.map((entry) =>
      entry.kind === 'event' ? entry.event : entry.kind,
    );
    expect(kinds.slice(0, 5)).toEqual(['dialling', 'open', 'frame', 'frame', 'closed']);
    expect(kinds.at(-1)).toBe('failed');
  });

  it('holds back a flood for a harness that does not read, and starts programs on stdio', async () => {
    const file = join(folder, 'flood.jsonl');
    const args = ['--output', file, '--stdio', '--', ...serverProgram(), 'exec-server', '--listen', 'stdio://'];
    const { tap, url: tapUrl } = await startTap(...args);
    const carrier = await connectWebSocket(tapUrl);
    carrier.sendText('{"id":1,"method":"initialize","params":{"clientName":"slow"}}');
    carrier.sendText('{"method":"initialized"}');
    const start = { processId: 'p', argv: ['sh', '-c', 'yes | head -c 40000000'], cwd: '/', tty: false };
    let bytes = 0;
    let isClosed = false;
    carrier.onMessage = (text) => {
      const chunk = /"chunk":"([^"]*)"/.exec(text)?.[1];
      if (chunk !== undefined) bytes += Buffer.from(chunk, 'base64').length;
      isClosed ||= text.includes('process/closed');
    };
    carrier.sendText(
      JSON.stringify({ id: 2, method: 'process/start', params: { ...start, env: { PATH: '/usr/bin:/bin' } } }),
    );
    await until('output', () => bytes > 0);
    carrier.pause();
    // It stands still: what is on the way is far less than the whole.
    let size = -1;
    await until(
      'the tap to stand still',
      async () => {
        const former = size;
        size = (await stat(file)).size;
        return size === former && size > 0;
      },
      { everyMs: 300, withinMs: 20_000 },
    );
    expect(size).toBeLessThan(30_000_000);
    carrier.resume();
    await until('the end', () => isClosed, { withinMs: 20_000 });
    expect(bytes).toBe(40_000_000);
    carrier.drop();
    await stopTap(tap);
  });
});

describe('tap --listen stdio', () => {
  it('is the server of a harness that starts one by command; what is due at the end of its input is answered', async () => {
    const file = join(folder, 'stdio.jsonl');
    const args = ['tap', '--listen', 'stdio', '--output', file, '--stdio', '--', ...serverProgram(), 'exec-server'];
    const input = [
      '{"id":1,"method":"initialize","params":{"clientName":"c"}}',
      '{"method":"initialized"}',
      '{"id":2,"method":"process/terminate","params":{"processId":"none"}}',
    ].join('\n');
    const { code, stdout, stderr } = await runCli([...args, '--listen', 'stdio'], { input });
    expect([code, stdout.trim().split('\n').at(-1)]).toEqual([0, '{"id":2,"result":{"running":false}}']);
    expect(stderr).toContain('the harness is on stdin and stdout');
    const kinds = parseRecording(await readFile(file, 'utf8')).entries.map(({ kind }) => kind);
    expect(kinds).toEqual(['event', 'event', 'message', 'message', 'message', 'message', 'message', 'event']);
  });
});

describe('replay', () => {
  it('plays a scenario with placeholders and variables, and names the line of what is wrong with it', async () => {
    const file = join(folder, 'scenario.jsonl');
    const lines = [
      { dir: 'meta', scenario: 'files', vars: { name: null, REPLAYED_BY: 'me' } },
      { dir: 'send', msg: { id: 1, method: 'initialize', params: { clientName: '{{REPLAYED_BY}}' } } },
      { dir: 'recv', msg: { id: 1, result: { sessionId: '$SESSION' } } },
      { dir: 'send', msg: { method: 'initialized' } },
      { dir: 'send', msg: { id: 2, method: 'fs/createDirectory', params: { path: '$TMP/{{name}}' } } },
      { dir: 'recv', msg: { id: 2, result: {} } },
      { dir: 'open', conn: 'b' },
      {
        dir: 'send',
        conn: 'b',
        msg: { id: 1, method: 'initialize', params: { clientName: 'b', resumeSessionId: '$SESSION' } },
      },
      { dir: 'recv', conn: 'b', msg: { id: 1, error: { code: -32010, message: '' } }, loose: ['error.message'] },
    ];
    const text = lines.map((line) => JSON.stringify(line)).join('\n');
    await writeFile(file, text);
    const stdio = ['--stdio', '--', ...serverProgram(), 'exec-server', '--listen', 'stdio://'];
    const env = { EXEC_WORKBENCH_TOKEN: token(), EXEC_WORKBENCH_URL: url() };
    const given = ['--set', `TMP=${folder}`, '--var', 'name=new', '--var', 'REPLAYED_BY'];
    const played = await runCli(['replay', ...given, file], { env: { ...env, REPLAYED_BY: 'us' } });
    expect([played.code, existsSync(join(folder, 'new'))]).toEqual([0, true]);
    await writeFile(
      file,
      lines
        .slice(0, 3)
        .map((line) => JSON.stringify(line))
        .join('\n'),
    );
    expect((await runCli(['replay', file, ...stdio])).code).toBe(0);
    await writeFile(file, `${text}\n{"dir":"jump"}`);
    const wrong = await runCli(['replay', file], { env });
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('line 10 of the scenario')]);
  });
});

describe('/api/bridge', () => {
  const bridge = (query = `?token=${token()}`) => `ws://127.0.0.1:${server.current.port}/api/bridge${query}`;
  const dial = () => dialWebSocket(bridge(), { factory: (target) => new WebSocket(target) });

  it('reaches an exec server with a header, and a program on stdio, which ends with the connection', async () => {
    const targets = [
      { target: url(), headers: { authorization: `Bearer ${token()}` } },
      { command: [...serverProgram(), 'exec-server', '--listen', 'stdio://'] },
    ];
    for (const target of targets) {
      const client = await ExecServerClient.connect({
        dial: async () => openBridge(await dial(), target),
        reconnects: false,
      });
      const { exitCode, stdoutText } = await client.run({ argv: ['sh', '-c', 'ps -o ppid= -p $PPID; exit 2'] });
      expect(exitCode).toBe(2);
      expect(Number(stdoutText)).toBeGreaterThan(0);
      client.close();
    }
  });

  it('says why when it cannot, and lets in nobody without the token', async () => {
    await expect(dial().then((page) => openBridge(page, { target: url() }))).rejects.toThrow(
      'token is missing or wrong',
    );
    await expect(dial().then((page) => openBridge(page, { command: ['/no/such'] }))).rejects.toThrow('ENOENT');
    const page = await connectWebSocket(bridge());
    page.sendText('{"target":"http://127.0.0.1"}');
    expect(await within('the end', 5_000, page.ended)).toMatchObject({ code: 4400 });
    await expect(connectWebSocket(bridge(''))).rejects.toThrow(UpgradeRefused);
    const tokens = join(folder, 'tokens.json');
    const sha256 = createHash('sha256').update('a-part-of-it-all').digest('hex');
    await writeFile(tokens, JSON.stringify({ tokens: [{ id: 'part', sha256, scopes: ['admin'] }] }));
    const scoped = await startServer({
      command: 'serve',
      args: ['--ws-auth', 'capability-token', '--ws-token-file', tokens],
    });
    const part = `ws://127.0.0.1:${scoped.port}/api/bridge?token=a-part-of-it-all`;
    await expect(connectWebSocket(part)).rejects.toThrow('403');
    const headers = { origin: 'http://evil.example' };
    await expect(connectWebSocket(bridge(), { headers })).rejects.toThrow('403');
  });
});
