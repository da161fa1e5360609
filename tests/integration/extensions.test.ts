// The extensions: discovery, closeStdin, resize, wait, snapshot, kind and io, started and failed, server limits
// (docs/protocol.md §14). Graceful terminate is in groups.test.ts.
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { asArray, asNumber, fromBase64, type JsonObject } from '../helpers/json.ts';
import { startServer, useServer } from '../helpers/server.ts';
import { timed, until, within } from '../helpers/until.ts';

const server = useServer();

describe('discovery', () => {
  it('initialize names the extensions, and each named method exists', async () => {
    const client = await server.current.connect({ handshake: false });
    const result = await client.initialize();
    const names = asArray(result['extensions']).map(String);
    expect(names).toEqual(
      expect.arrayContaining(['process/closeStdin', 'process/resize', 'process/wait', 'process/snapshot']),
    );
    const unknown = await client.request('process/nothing', {});
    expect(unknown.error?.code).toBe(-32601);
    for (const method of ['process/closeStdin', 'process/resize', 'process/wait', 'process/snapshot']) {
      const answer = await client.request(method, { processId: 5 });
      expect(answer.error?.code, method).toBe(-32602);
    }
  });

  it('started comes after the answer to process/start, only for a client that asked', async () => {
    const asking = await server.current.connect({ params: { extensions: ['process/started', 'process/failed'] } });
    await asking.run(['true'], { processId: 'p' });
    const at = (name: string): number =>
      asking.messages.findIndex(
        (message) =>
          message['method'] === name ||
          (name === 'answer' && 'result' in message && JSON.stringify(message).includes('"processId":"p"')),
      );
    expect(at('process/started')).toBeGreaterThan(at('answer'));
    expect(at('process/exited')).toBeGreaterThan(at('process/started'));
    const plain = await server.current.connect();
    await plain.run(['true']);
    expect(plain.messages.filter((message) => message['method'] === 'process/started')).toEqual([]);
  });
});

describe('process/closeStdin', () => {
  it('ends stdin after all that was written before', async () => {
    const client = await server.current.connect();
    const view = await client.start({ argv: ['sh', '-c', 'sleep 0.2; wc -c'], pipeStdin: true });
    const chunk = Buffer.alloc(500_000).toString('base64');
    const written = client.request('process/write', { processId: view.processId, chunk });
    expect(await client.call('process/closeStdin', { processId: view.processId })).toEqual({ status: 'accepted' });
    expect((await written).result).toEqual({ status: 'accepted' });
    await within('closed', 5_000, view.closed);
    expect(view.text().trim()).toBe('500000');
  });

  it('is idempotent, and later writes are stdinClosed', async () => {
    const client = await server.current.connect();
    const view = await client.start({ argv: ['sh', '-c', 'cat; sleep 600'], pipeStdin: true });
    const close = (processId: string): Promise<JsonObject> => client.call('process/closeStdin', { processId });
    expect(await close(view.processId)).toEqual({ status: 'accepted' });
    expect(await close(view.processId)).toEqual({ status: 'stdinClosed' });
    expect(await client.write(view.processId, 'x')).toBe('stdinClosed');
    const never = await client.start({ argv: ['sleep', '600'] });
    expect(await close(never.processId)).toEqual({ status: 'stdinClosed' });
    expect(await close('unknown')).toEqual({ status: 'unknownProcess' });
  });

  it('writes end of file on a terminal', async () => {
    const client = await server.current.connect();
    const view = await client.start({ argv: ['sh', '-c', 'echo ready; cat; echo over'], tty: true });
    await client.waitForText(view, 'ready');
    expect(await client.call('process/closeStdin', { processId: view.processId })).toEqual({ status: 'accepted' });
    await within('closed', 5_000, view.closed);
    expect(view.text()).toContain('over');
  });
});

describe('process/resize', () => {
  it('tells the foreground group', async () => {
    const client = await server.current.connect();
    const script = 'trap "stty size; exit" WINCH; echo ready; while :; do sleep 0.02; done';
    const view = await client.start({ argv: ['bash', '-c', script], tty: true });
    await client.waitForText(view, 'ready');
    await client.call('process/resize', { processId: view.processId, rows: 40, cols: 120 });
    await within('closed', 5_000, view.closed);
    expect(view.text()).toContain('40 120');
  });

  it('sets the window size, from 1 to 65535', async () => {
    const client = await server.current.connect();
    const view = await client.start({ argv: ['sh', '-c', 'while :; do stty size; sleep 0.02; done'], tty: true });
    for (const { rows, cols } of [
      { rows: 1, cols: 1 },
      { rows: 65_535, cols: 65_535 },
      { rows: 30, cols: 100 },
    ]) {
      const resized = await client.call('process/resize', { processId: view.processId, rows, cols });
      expect(resized).toEqual({ status: 'accepted' });
      await client.waitForText(view, `\n${String(rows)} ${String(cols)}\r`);
    }
  });

  it('answers notTty, exited and unknownProcess, and -32602 for what is no size', async () => {
    const client = await server.current.connect();
    const pipe = await client.start({ argv: ['sleep', '600'] });
    const gone = await client.run(['true'], { tty: true });
    const size = { rows: 10, cols: 10 };
    expect(await client.call('process/resize', { processId: pipe.processId, ...size })).toEqual({ status: 'notTty' });
    expect(await client.call('process/resize', { processId: gone.processId, ...size })).toEqual({ status: 'exited' });
    expect(await client.call('process/resize', { processId: 'none', ...size })).toEqual({ status: 'unknownProcess' });
    for (const rows of [0, -1, 65_536, 1.5, '10', null]) {
      const answer = await client.request('process/resize', { processId: gone.processId, rows, cols: 10 });
      expect(answer.error?.code).toBe(-32602);
    }
  });
});

describe('process/wait', () => {
  it('waits for exited or for closed, as asked', async () => {
    const client = await server.current.connect();
    const view = await client.start({ argv: ['sh', '-c', 'sleep 0.8 & exit 3'] });
    const exited = await client.call('process/wait', { processId: view.processId, until: 'exited' });
    expect(exited).toEqual({ exited: true, exitCode: 3, closed: false, timedOut: false });
    const closed = await client.call('process/wait', { processId: view.processId });
    expect(closed).toEqual({ exited: true, exitCode: 3, closed: true, timedOut: false });
    expect(view.isClosed).toBe(true);
  });

  it('says timedOut after waitMs, and holds up nothing', async () => {
    const client = await server.current.connect();
    const view = await client.start({ argv: ['sleep', '600'] });
    const waiting = timed(() => client.call('process/wait', { processId: view.processId, waitMs: 400 }));
    const { tookMs } = await timed(() => client.terminate('none'));
    expect(tookMs).toBeLessThan(300);
    const { value, tookMs: waitedMs } = await waiting;
    expect(value).toEqual({ exited: false, exitCode: null, closed: false, timedOut: true });
    expect(waitedMs).toBeGreaterThan(390);
    const unknown = await client.request('process/wait', { processId: 'none' });
    expect(unknown.error).toEqual({ code: -32600, message: 'unknown process id none' });
  });
});

describe('process/snapshot', () => {
  it('has the output per stream and the seq to go on from', async () => {
    const client = await server.current.connect();
    const script = 'echo out; echo err >&2; read line; echo "$line"; exit 2';
    const view = await client.start({ argv: ['sh', '-c', script], pipeStdin: true });
    await client.waitForText(view, 'out');
    await client.waitForText(view, 'err');
    const snapshot = await client.call('process/snapshot', { processId: view.processId });
    expect(snapshot).toMatchObject({ terminal: '', truncated: false, droppedBytes: 0, exitCode: null, running: true });
    expect(fromBase64(snapshot['stdout']).toString()).toBe('out\n');
    expect(fromBase64(snapshot['stderr']).toString()).toBe('err\n');
    await client.write(view.processId, 'more\n');
    await within('closed', 5_000, view.closed);
    const rest = await client.call('process/read', {
      processId: view.processId,
      afterSeq: asNumber(snapshot['nextSeq']) - 1,
    });
    expect(asArray(rest['chunks'])).toHaveLength(1);
    const after = await client.call('process/snapshot', { processId: view.processId });
    expect(after).toMatchObject({ exitCode: 2, running: false });
  });

  it('keeps head and tail halves with maxBytes, and says what is missing', async () => {
    const text = execFileSync('seq', ['3000']).toString().replaceAll('\n', '\r\n');
    const client = await server.current.connect();
    const view = await client.run(['seq', '3000'], { tty: true });
    const snapshot = await client.call('process/snapshot', { processId: view.processId, maxBytes: 1_000 });
    const terminal = fromBase64(snapshot['terminal']).toString();
    expect(terminal.length).toBeLessThanOrEqual(1_000);
    expect(terminal.startsWith(text.slice(0, 400))).toBe(true);
    expect(terminal.endsWith(text.slice(-400))).toBe(true);
    expect(snapshot).toMatchObject({ truncated: true, droppedBytes: text.length - terminal.length });
  });

  it('counts what retention dropped', async () => {
    const client = await server.current.connect();
    const view = await client.run(['seq', '400000']);
    const snapshot = await client.call('process/snapshot', { processId: view.processId });
    const kept = fromBase64(snapshot['stdout']).length;
    expect(snapshot).toMatchObject({ truncated: true, droppedBytes: view.byteCount() - kept });
    const none = await client.request('process/snapshot', { processId: 'none' });
    expect(none.error?.code).toBe(-32600);
  });
});

describe('kind and io', () => {
  it('io sets the size of the terminal, or opens and closes stdin', async () => {
    const client = await server.current.connect();
    const pty = await client.run(['stty', 'size'], { io: { type: 'pty', rows: 50, cols: 132 } });
    expect(pty.text()).toBe('50 132\r\n');
    const open = await client.start({ argv: ['cat'], io: { type: 'pipe', stdin: 'open' } });
    expect(await client.write(open.processId, 'x')).toBe('accepted');
    const closed = await client.run(['cat'], { io: { type: 'pipe', stdin: 'closed' } });
    expect(closed.exitCode).toBe(0);
  });

  it('prepared starts exactly what it says', async () => {
    const client = await server.current.connect();
    const request = { argv: ['/usr/bin/env'], cwd: '/tmp', env: { ONLY: 'this' }, arg0: null };
    const io = { type: 'pipe', stdin: 'closed' };
    const view = { processId: 'prepared', kind: 'prepared', request, io };
    expect(await client.call('process/start', view)).toMatchObject({ processId: 'prepared' });
    const started = client.processes.get('prepared');
    await client.waitFor('closed', (message) => message['method'] === 'process/closed');
    expect(started?.text() ?? client.processes.get('prepared')?.text()).toBe('ONLY=this\n');
  });

  it('contradictions are -32602', async () => {
    const client = await server.current.connect();
    const base = { processId: 'c', argv: ['true'], cwd: '/', env: {} };
    const request = { argv: ['true'], cwd: '/', env: {} };
    const envPolicy = { inherit: 'all', ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] };
    const wrong: JsonObject[] = [
      { ...base, tty: true, io: { type: 'pipe', stdin: 'open' } },
      { ...base, tty: false, io: { type: 'pty', rows: 1, cols: 1 } },
      { ...base, pipeStdin: true, io: { type: 'pipe', stdin: 'closed' } },
      { ...base, io: { type: 'pty' } },
      { ...base, io: { type: 'socket' } },
      { ...base, tty: false, kind: 'other' },
      { processId: 'c', kind: 'prepared', tty: false },
      { processId: 'c', kind: 'prepared', tty: false, request, envPolicy },
    ];
    for (const params of wrong) {
      const answer = await client.request('process/start', params);
      expect(answer.error?.code, JSON.stringify(params)).toBe(-32602);
    }
  });
});

describe('writeId', () => {
  it('makes a write happen once, however often it is sent', async () => {
    const client = await server.current.connect();
    const view = await client.start({ argv: ['cat'], pipeStdin: true });
    const write = (writeId: string | null, text: string): Promise<JsonObject> =>
      client.call('process/write', { processId: view.processId, chunk: Buffer.from(text).toString('base64'), writeId });
    for (let round = 0; round < 3; round++) expect(await write('1', 'one ')).toEqual({ status: 'accepted' });
    await write('2', 'two ');
    await write('1', 'one ');
    await write(null, 'three');
    await client.waitForText(view, 'three');
    expect(view.text()).toBe('one two three');
    const empty = await client.request('process/write', { processId: view.processId, chunk: '', writeId: '' });
    expect(empty.error?.code).toBe(-32602);
  });
});

describe('the server configuration', () => {
  it('bounds the processes of a session and says how to raise the bound', async () => {
    const own = await startServer({ args: ['--max-processes', '3'] });
    const client = await own.connect();
    const views = [];
    for (let index = 0; index < 3; index++) views.push(await client.start({ argv: ['sleep', '600'] }));
    const answer = await client.request('process/start', {
      processId: 'x',
      argv: ['true'],
      cwd: '/',
      env: {},
      tty: false,
    });
    expect(answer.error).toMatchObject({
      code: -32600,
      message: expect.stringContaining('too many processes') as string,
    });
    const other = await own.connect();
    await other.start({ argv: ['sleep', '600'] });
    const first = views[0];
    if (!first) throw new Error('no process');
    await client.terminate(first.processId);
    await within('closed', 5_000, first.closed);
    await until('room for another', async () => {
      const again = await client.request('process/start', {
        processId: 'x',
        argv: ['true'],
        cwd: '/',
        env: { PATH: '/bin' },
        tty: false,
      });
      return again.error === undefined;
    });
  });

  it('is taken from the environment as well as from flags, on serve as on exec-server', async () => {
    for (const command of ['serve', 'exec-server'] as const) {
      const own = await startServer({
        command,
        env: { PATH: '/usr/bin:/bin', HOME: '/', EXEC_WORKBENCH_RETAINED_OUTPUT_BYTES: '65536' },
      });
      const client = await own.connect();
      const view = await client.run(['seq', '100000']);
      const read = await client.call('process/read', { processId: view.processId });
      const kept = asArray(read['chunks']).length;
      expect(kept).toBeGreaterThan(0);
      const snapshot = await client.call('process/snapshot', { processId: view.processId });
      expect(fromBase64(snapshot['stdout']).length).toBeLessThanOrEqual(65_536);
    }
  });
});

describe('environment/*', () => {
  it('info and status answer as the newest peer does', async () => {
    const client = await server.current.connect();
    const info = await client.call('environment/info', null);
    expect(info).toMatchObject({ cwd: expect.stringMatching(/^file:\/\//) as string, platformOs: 'linux' });
    expect(await client.call('environment/status', null)).toEqual({ status: 'ready' });
  });
});
