// Nothing escapes the end of its session or of the server: not by setsid, not by a double fork, not from a terminal
// (docs/security.md, "What ends with a session"; promise 17).
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { connectWebSocket } from '../helpers/carriers.ts';
import { asObject, asString, parseJson, type Json, type JsonObject } from '../helpers/json.ts';
import { describeProcesses, runningWithEnv, tryStat, zombiesOf } from '../helpers/proc.ts';
import {
  serverProgram,
  spawnStdioServer,
  startServer,
  startStdioServer,
  TAG,
  type RunningServer,
} from '../helpers/server.ts';
import { until, within } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';

const sleeping = 'trap "" TERM HUP INT; while :; do sleep 600; done';
/** Ways out of a process group, from a shell that waits for a line on its stdin before it goes one of them. */
const escapes: Readonly<Record<string, string>> = {
  'setsid in the background': `setsid sh -c '${sleeping}' & sleep 600`,
  'a daemon whose parents are gone': `(setsid sh -c '(${sleeping}) & exit' </dev/null >/dev/null 2>&1 &); sleep 600`,
  'a daemon of a process that has ended itself': `setsid sh -c '(setsid sh -c "(sleep 600 &)" &)' </dev/null >/dev/null 2>&1; exit 3`,
  'a family of daemons': `for i in 1 2 3 4 5; do (setsid sh -c '(setsid sleep 600 &) ; sleep 600' &); done; sleep 600`,
  'a daemon that goes on making daemons': `(setsid sh -c 'while :; do (setsid sleep 600 &); sleep 0.1; done' </dev/null >/dev/null 2>&1 &); sleep 600`,
};

function left(mark: string): string {
  return describeProcesses(runningWithEnv(`MARK=${mark}`));
}

async function expectNoneLeft(mark: string, withinMs: number): Promise<void> {
  await until('all of the session to be gone', () => left(mark) === '', { withinMs, describe: () => left(mark) });
}

/** Starts a process per way out, by pipe and by terminal, and comes back when each has somebody outside of its session. */
async function escape(client: WireClient, mark: string): Promise<void> {
  const env = client.env({ MARK: mark });
  const started = Object.values(escapes).flatMap((script) =>
    [false, true].map(async (tty) => {
      const argv = ['sh', '-c', `read line; ${script}`];
      const view = await client.start({ argv, tty, pipeStdin: !tty, env });
      return view;
    }),
  );
  const insiders = new Set<number>();
  await Promise.all(started);
  for (const { session } of runningWithEnv(`MARK=${mark}`)) insiders.add(session);
  for (const view of await Promise.all(started)) await client.write(view.processId, 'go\n');
  // Each way leaves at least one sleep of a session of its own behind, the family ten.
  const outsiders = (): number =>
    runningWithEnv(`MARK=${mark}`).filter(({ name, session }) => name === 'sleep' && !insiders.has(session)).length;
  await until('the escapes', () => outsiders() >= 2 * (4 + 10), { everyMs: 50, describe: () => left(mark) });
}

const ttlMs = 300;
const args = ['--detached-session-ttl-ms', String(ttlMs)];

describe('who has left its process group by setsid and double forks', () => {
  it('ends with its session, by pipe and by terminal, and nobody of another session does', async () => {
    const server = await startServer({ args });
    const [leaving, staying] = [randomUUID(), randomUUID()];
    const client = await server.connect();
    const other = await server.connect();
    await escape(client, leaving);
    await escape(other, staying);
    const before = runningWithEnv(`MARK=${staying}`).map(({ pid }) => pid);
    client.carrier.drop();
    await expectNoneLeft(leaving, ttlMs + 1_000);
    // The daemons of the other session are all there, and go on making more.
    expect(before.filter((pid) => tryStat(pid)?.name === 'sh' && !isAlive(pid))).toEqual([]);
    const count = runningWithEnv(`MARK=${staying}`).length;
    await until('another daemon', () => runningWithEnv(`MARK=${staying}`).length > count);
    other.carrier.drop();
    await expectNoneLeft(staying, ttlMs + 1_000);
    await until('no zombies', () => zombiesOf(server.pid).length === 0);
  });

  it('ends with its session also when it left in the moment of its start', async () => {
    const server = await startServer({ args });
    const client = await server.connect();
    const mark = randomUUID();
    const env = client.env({ MARK: mark });
    const argv = ['sh', '-c', '(setsid sh -c "(setsid sleep 600 &)" &)'];
    // Pipelined: the server is at work on other starts while each of them makes its way.
    // Another session that goes on, so that it matters whose the daemons are.
    await (await server.connect()).start({ argv: ['sleep', '600'] });
    const starts = Array.from({ length: 60 }, (_value, index) =>
      client.startUnanswered({ argv, env, pipeStdin: index % 3 === 0 }),
    );
    await Promise.all(starts.map(({ view }) => within('exited', 20_000, view.exited)));
    await until('60 daemons', () => runningWithEnv(`MARK=${mark}`).length === 60);
    client.carrier.drop();
    await expectNoneLeft(mark, ttlMs + 1_000);
  });

  it('outlives process/terminate, which ends a group', async () => {
    const server = await startServer();
    const client = await server.connect();
    const mark = randomUUID();
    const argv = ['sh', '-c', '(setsid sleep 600 </dev/null >/dev/null 2>&1 &); echo ready; sleep 600'];
    const view = await client.start({ argv, env: client.env({ MARK: mark }) });
    await client.waitForText(view, 'ready');
    await until('the daemon to be itself', () => left(mark).split('sleep 600').length > 2);
    await client.terminate(view.processId);
    await within('closed', 5_000, view.closed);
    expect(left(mark)).toMatch(/^\d+ S \(parent \d+\) sleep 600$/);
    await server.stop();
    expect(left(mark)).toBe('');
  });

  const ends: readonly [string, (server: RunningServer) => void][] = [
    ['SIGTERM to the server', (server) => server.kill('SIGTERM')],
    ['SIGKILL of the server', (server) => server.kill('SIGKILL')],
  ];
  it.each(ends)('ends with %s', async (_name, end) => {
    const server = await startServer();
    const mark = randomUUID();
    await escape(await server.connect(), mark);
    await escape(await server.connect(), mark);
    end(server);
    await within('the server to be gone', 5_000, server.exited);
    await expectNoneLeft(mark, 2_000);
  });

  it('ends with stdin on stdio', async () => {
    const { server, client } = await startStdioServer();
    const mark = randomUUID();
    await escape(client, mark);
    client.carrier.drop();
    expect(await within('the end', 3_000, server.exited)).toEqual({ code: 0, signal: null });
    await expectNoneLeft(mark, 500);
  });
});

function isAlive(pid: number): boolean {
  const state = tryStat(pid)?.state;
  return state !== undefined && state !== 'Z';
}

describe('a server in a server', () => {
  it('ends with the session that started it, with all that its own sessions started', async () => {
    const server = await startServer({ args });
    const client = await server.connect();
    const mark = randomUUID();
    const env = client.env({ MARK: mark });
    const inner = [...serverProgram(), 'exec-server', '--listen', 'ws://127.0.0.1:0'];
    const view = await client.start({ argv: inner, env, cwd: process.cwd() });
    await client.waitForText(view, '\n', 20_000);
    const nested = new WireClient(await connectWebSocket(view.text().trim()), { tag: TAG });
    await nested.initialize();
    await nested.start({ argv: ['sh', '-c', 'setsid sleep 600 & sleep 600'], env });
    await until('all to run', () => left(mark).split('sleep 600').length > 2);
    client.carrier.drop();
    await expectNoneLeft(mark, ttlMs + 2_000);
  });
});

describe('caps on processes', () => {
  const MiB = 1024 * 1024;

  it('hold for memory, CPU time, open files and file sizes, and for children', async () => {
    const caps = ['--process-max-memory-bytes', String(512 * MiB), '--process-max-cpu-seconds', '1'];
    const more = ['--process-max-open-files', '40', '--process-max-file-bytes', String(MiB)];
    const server = await startServer({ args: [...caps, ...more] });
    const client = await server.connect();
    const limits = await client.run(['sh', '-c', 'ulimit -v; ulimit -t; ulimit -n; ulimit -f; sh -c "ulimit -H -n"']);
    expect(limits.text()).toBe(`${String(512 * 1024)}\n1\n40\n2048\n40\n`);
    const [memory, cpu, files, size] = await Promise.all([
      client.run(['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=600M', 'count=1']),
      client.run(['sh', '-c', 'while :; do :; done'], {}, 20_000),
      client.run(['bash', '-c', 'for i in {3..50}; do eval "exec $i</dev/null" || exit 7; done'], { tty: true }),
      client.run(['sh', '-c', 'f=$(mktemp); dd if=/dev/zero of=$f bs=1M count=2; code=$?; rm $f; exit $code']),
    ]);
    expect(memory.text()).toContain('memory exhausted');
    expect(cpu.exitCode).toBe(137);
    expect(files.text()).toContain('Too many open files');
    expect(size.exitCode).toBe(128 + 25); // SIGXFSZ
  });

  it('change neither the environment, nor argv[0], nor what a start that fails says', async () => {
    const server = await startServer({ args: ['--process-max-open-files', '100'] });
    const client = await server.connect();
    expect((await client.run(['/usr/bin/env'], { env: { ONLY: 'one' } })).text()).toBe('ONLY=one\n');
    expect((await client.run(['sh', '-c', 'echo $0'], { arg0: 'other' })).text()).toBe('other\n');
    const starts = [
      { argv: ['/no/such/program'] },
      { argv: ['/etc/passwd'] },
      { argv: ['/tmp'] },
      { argv: ['true'], cwd: '/no/such/place' },
    ];
    for (const params of starts) {
      const answer = await client.request('process/start', {
        processId: 'x',
        cwd: '/',
        env: client.env(),
        tty: false,
        ...params,
      });
      expect(answer.error?.code).toBe(-32603);
    }
    expect((await client.run(['true'], { processId: 'x' })).exitCode).toBe(0);
  });

  it.each([
    [['--process-max-memory-bytes', '1000'], 'cannot be held to'],
    [['--user-max-processes', '10'], process.getuid?.() === 0 ? 'does not hold root' : ''],
    [['--process-max-open-files', '-1'], 'expected a whole number'],
  ])('%j that cannot be held to end the start of the server', async (flags, why) => {
    if (why === '') return;
    const server = spawnStdioServer({ args: flags });
    expect(await within('the end', 10_000, server.exited)).toEqual({ code: 2, signal: null });
    expect(server.stderr).toContain(why);
  });

  it('of sessions end it too where there is no cgroup', async () => {
    const program = ['bwrap', '--dev-bind', '/', '/', '--tmpfs', '/sys/fs/cgroup', '--', ...serverProgram()];
    const server = spawnStdioServer({ program, args: ['--session-max-tasks', '100'] });
    expect(await within('the end', 10_000, server.exited)).toEqual({ code: 2, signal: null });
    expect(server.stderr).toMatch(/the caps on sessions \(--session-max-…\) cannot be held to: .*cgroup/);
  });
});

describe('limits that all connections share', () => {
  async function refusal(client: WireClient, method: string, params: JsonObject): Promise<string> {
    const { error } = await client.request(method, params);
    return error === undefined ? 'served' : `${String(error.code)} ${error.message}`;
  }

  it('are answered -32001 with the flag, and are free again when others have ended', async () => {
    const limits = {
      '--max-total-processes': '2',
      '--max-total-waiting-requests': '2',
      '--max-total-http-requests': '1',
      '--max-total-file-handles': '2',
    };
    const server = await startServer({ command: 'serve', args: [...args, ...Object.entries(limits).flat()] });
    const one = await server.connect();
    const two = await server.connect();
    const start = { cwd: '/', env: one.env(), tty: false, argv: ['sleep', '600'] };
    const open = { path: '/etc/passwd', mode: 'read' };
    const health = async (): Promise<Json> =>
      asObject(parseJson(await (await fetch(`${server.httpUrl}/healthz`)).text()), 'an object')['containment'] ?? null;

    await one.start({ ...start, processId: 'a' });
    await two.start({ ...start, processId: 'a' });
    for (const handleId of ['a', 'b']) await one.call('fs/open', { ...open, handleId });
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const url = `http://127.0.0.1:${String((silent.address() as AddressInfo).port)}/`;
    const http = { method: 'GET', url, headers: [], requestId: 'r', streamResponse: false };
    one.request('http/request', http).catch(() => undefined);
    one.request('process/read', { processId: 'a', waitMs: 60_000 }).catch(() => undefined);
    await one.call('environment/info');

    expect(await refusal(two, 'process/start', { ...start, processId: 'b' })).toMatch(
      /^-32001 .*--max-total-processes/,
    );
    expect(await refusal(two, 'fs/open', { ...open, handleId: 'a' })).toMatch(/^-32001 .*--max-total-file-handles/);
    expect(await refusal(two, 'process/wait', { processId: 'a' })).toMatch(/^-32001 .*--max-total-waiting-requests/);
    expect(await health()).toMatchObject({ processes: 2, waitingRequests: 2, httpRequests: 1, fileHandles: 2 });

    one.carrier.drop();
    await until('all of the first connection to be free', async () => {
      const used = asObject(await health(), 'an object');
      return used['processes'] === 1 && used['waitingRequests'] === 0 && used['fileHandles'] === 0;
    });
    expect(await health()).toMatchObject({ endsDaemons: true, hasProcessCaps: false, httpRequests: 0 });
    expect(await refusal(two, 'process/start', { ...start, processId: 'b' })).toBe('served');
    expect(await refusal(two, 'fs/open', { ...open, handleId: 'a' })).toBe('served');
    two.request('http/request', http).catch(() => undefined);
    await two.call('environment/info');
    expect(await refusal(two, 'http/request', http)).toMatch(/^-32001 .*--max-total-http-requests/);
    silent.close();
    silent.closeAllConnections();
  });

  it('hold for the output that is kept: new output takes the place of the oldest of its own process', async () => {
    const server = await startServer({ command: 'serve', args: ['--max-total-retained-bytes', String(256 * 1024)] });
    const client = await server.connect();
    const argv = ['sh', '-c', 'i=0; while [ $i -lt 32 ]; do head -c 16384 /dev/zero; i=$((i+1)); done; echo end'];
    const views = [];
    for (let index = 0; index < 4; index++) views.push(await client.run(argv));
    for (const view of views) {
      expect(view.byteCount()).toBe(512 * 1024 + 4);
      const { chunks } = await client.call('process/read', { processId: view.processId });
      expect(
        Buffer.from(asString(asObject((chunks as Json[]).at(-1), 'a chunk')['chunk']), 'base64').toString(),
      ).toMatch(/end\n$/);
    }
    const { containment } = asObject(parseJson(await (await fetch(`${server.httpUrl}/healthz`)).text()), 'an object');
    // Each keeps its newest chunk, 64 KiB at most.
    expect(Number(asObject(containment, 'an object')['retainedBytes'])).toBeLessThan((256 + 4 * 64) * 1024);
  });
});

describe('the delay of the event loop', () => {
  it('is told by /healthz and /metrics while somebody is connected, and logged above --event-loop-warn-ms', async () => {
    const server = await startServer({ command: 'serve', args: ['--event-loop-warn-ms', '300'] });
    const ask = async (path: string): Promise<string> => {
      const headers = { authorization: `Bearer ${server.token ?? ''}` };
      return (await fetch(`${server.httpUrl}${path}`, { headers })).text();
    };
    expect(await ask('/healthz')).toContain('"eventLoopDelayMs":0,');
    await server.connect();
    // Held up from outside; what comes before its first sample it cannot tell.
    await until('the delay', async () => {
      server.kill('SIGSTOP');
      await delay(900);
      server.kill('SIGCONT');
      return Number(/"eventLoopDelayMs":(\d+)/.exec(await ask('/healthz'))?.[1]) > 600;
    });
    expect(await ask('/metrics')).toMatch(/^exec_workbench_event_loop_delay_seconds (0\.[6-9]|[1-9])/m);
    await until('the warning', () => /"level":40.*"delayMs":\d+/.test(server.stderr), { withinMs: 8_000 });
  });
});
