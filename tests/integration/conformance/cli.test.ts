// `exec-workbench conform` as a user runs it: what it prints where, its exit codes, and that it leaves nothing behind.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { serverProgram, useServer } from '../../helpers/server.ts';
import { until } from '../../helpers/until.ts';
import { runCli, startCli } from '../cli/cli.ts';
import { FaultyServer } from './faulty-server.ts';
import { faults } from './faults.ts';

const server = useServer();

/** A WebSocket server that does something else than an exec server. */
async function otherServer(onConnection: (socket: WebSocket) => void): Promise<string> {
  const listener = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  listener.on('connection', onConnection);
  await new Promise((resolve) => listener.once('listening', resolve));
  onTestFinished(() => {
    for (const socket of listener.clients) socket.terminate();
    listener.close();
  });
  return `ws://127.0.0.1:${String((listener.address() as AddressInfo).port)}`;
}

describe('exec-workbench conform', () => {
  it('ends with 0 when every rule holds, the summary on stdout', async () => {
    const { code, stdout, stderr } = await runCli(['conform', server.current.url, '--filter', 'EXEC-ID-*']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^EXEC-ID +15 +0 +0$/m);
  });

  it('ends with 6 when a rule does not hold, and prints what was sent, received and expected', async () => {
    const { fails: _, ...fault } = faults.find(({ name }) => name.startsWith('answers carry'))!;
    const faulty = await FaultyServer.start(server.current.url, fault);
    onTestFinished(() => faulty.stop());
    const result = await runCli(['conform', faulty.url, '--filter', 'EXEC-ENVELOPE-00?', '--level', 'must']);
    const stdout = Buffer.from(result.stdout, 'latin1').toString();
    expect(result.code).toBe(6);
    expect(stdout).toContain('EXEC-ENVELOPE-001 answers carry no jsonrpc member (must; docs/protocol.md, Envelope)');
    expect(stdout).toMatch(/expected no jsonrpc member\n {2}got .*jsonrpc/);
    expect(stdout).toMatch(/ms A → \{"id":1,"method":"initialize"/);
    expect(stdout).toMatch(/ms A ← \{"jsonrpc":"2.0","id":1,"result"/);
    expect(stdout).toContain('must: 8 passed, 1 failed, 0 skipped');
  });

  it('writes a report to stdout, and then what people read to stderr', async () => {
    const args = ['conform', server.current.url, '--filter', 'EXEC-ID-00?', '--report', 'json'];
    const { code, stdout, stderr } = await runCli(args);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ dialect: '0.169', counts: { pass: 9, fail: 0, skip: 0 } });
    expect(stderr).toContain('must: 9 passed');
  });

  it('writes a report to a file', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'conform-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = path.join(folder, 'report.xml');
    await runCli(['conform', server.current.url, '--filter', 'EXEC-ID-001', '--report', 'junit', '--output', file]);
    expect(await readFile(file, 'utf8')).toContain('<testsuites tests="1" failures="0"');
  });

  it('starts a program for each connection with --transport stdio', async () => {
    const program = [...serverProgram(), 'exec-server', '--listen', 'stdio://'];
    const args = ['conform', '--transport', 'stdio', '--filter', 'STDIO-001', '--', ...program];
    const { code, stdout } = await runCli(args);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^STDIO +1 +0 +0$/m)]);
  });

  it('refuses a mistake of its caller with 2 and one line', async () => {
    const mistakes: readonly (readonly [string[], RegExp])[] = [
      [['conform'], /name a URL/],
      [['conform', 'ws://127.0.0.1:1', '--level', 'high'], /--level: expected must, should, extension, got high/],
      [['conform', 'ws://127.0.0.1:1', '--filter', 'NOTHING-*'], /no case matches/],
      [['conform', 'ws://127.0.0.1:1', '--output', 'x'], /--output needs --report/],
      [['conform', '--transport', 'stdio'], /needs a program/],
    ];
    const results = await Promise.all(mistakes.map(([args]) => runCli(args)));
    expect(results.map(({ code, stdout }) => [code, stdout])).toEqual(mistakes.map(() => [2, '']));
    results.forEach(({ stderr }, index) => {
      expect(stderr).toMatch(mistakes[index]![1]);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    });
  });

  it('ends with 4 and one line when the server is not there, talks nonsense or stalls', async () => {
    const nonsense = await otherServer((socket) => socket.send('hello'));
    const silent = await otherServer(() => undefined);
    const leaving = await otherServer((socket) => socket.close(1000, 'bye'));
    for (const [url, line] of [
      ['ws://127.0.0.1:1', /ECONNREFUSED/],
      [nonsense, /no exec server: it sent hello/],
      [silent, /not answered within 400 ms/],
      [leaving, /not answered: the connection ended.*bye/],
    ] as const) {
      const { code, stderr } = await runCli(['conform', url, '--timeout-ms', '400']);
      expect([code, stderr]).toEqual([4, expect.stringMatching(line)]);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
  });

  it('ends at once with 130 when interrupted, and says what is known by then', async () => {
    let starts = 0;
    const counted = await FaultyServer.start(server.current.url, {
      name: 'none',
      toServer: ({ method }) => {
        if (method === 'process/start') starts++;
        return undefined;
      },
    });
    onTestFinished(() => counted.stop());
    const running = startCli(['conform', counted.url, '--parallel', '1', '--report', 'md']);
    await until('some cases to run', () => starts > 5, { withinMs: 15_000 });
    running.child.kill('SIGINT');
    const { code, stdout, stderr } = await running.result();
    expect([code, stderr]).toEqual([130, expect.not.stringContaining('FAIL')]);
    expect(stdout).toMatch(/\| EXEC-ENVELOPE-001 +\| must +\| pass/);
  });

  it('ends at once with 130 when interrupted before the first case', async () => {
    let isConnected = false;
    const silent = await otherServer(() => (isConnected = true));
    const running = startCli(['conform', silent]);
    await until('a connection', () => isConnected, { withinMs: 15_000 });
    running.child.kill('SIGINT');
    expect(await running.result()).toEqual({ code: 130, stdout: '', stderr: '' });
  });
});
