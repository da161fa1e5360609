// Nothing escapes the end of its session or of the server: not by setsid, not by a double fork, not from a terminal
// (docs/security.md, "What ends with a session"; promise 17).
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { connectWebSocket } from '../helpers/carriers.ts';
import { describeProcesses, runningWithEnv, tryStat, zombiesOf } from '../helpers/proc.ts';
import { serverProgram, startServer, startStdioServer, TAG, type RunningServer } from '../helpers/server.ts';
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
