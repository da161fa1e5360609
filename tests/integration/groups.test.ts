// Whole process groups are ended, gracefully or by force, and nothing of a session outlives it
// (docs/protocol.md §7.5 to §7.7, §14.7; promises 13 and 16).
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { describeProcesses, runningWithEnv, zombiesOf } from '../helpers/proc.ts';
import { startServer, startStdioServer, useServer } from '../helpers/server.ts';
import { timed, until, within } from '../helpers/until.ts';
import type { ProcessView, WireClient } from '../helpers/wire-client.ts';

const server = useServer();

const kinds = [
  { kind: 'pipe', tty: false },
  { kind: 'pty', tty: true },
];

/** A family that ignores what can be ignored: the child, a background child, and a grandchild of a subshell. */
const STUBBORN = `trap "" TERM HUP INT; (trap "" TERM HUP; sleep 600 & wait) & sleep 600 & echo ready; wait`;

/**
 * Starts `script` with a mark of its own in the environment, waits for "ready" and until `members` programs of it run,
 * and tells what of it runs.
 */
async function family(
  client: WireClient,
  script: string,
  tty: boolean,
  members = 1,
): Promise<{ view: ProcessView; left: () => string }> {
  const mark = randomUUID();
  const view = await client.start({ argv: ['/bin/sh', '-c', script], tty, env: client.env({ MARK: mark }) });
  await client.waitForText(view, 'ready');
  const left = (): string => describeProcesses(runningWithEnv(`MARK=${mark}`));
  await until('the family to run', () => runningWithEnv(`MARK=${mark}`).length >= members, { describe: left });
  return { view, left };
}

async function expectNoneLeft(left: () => string, withinMs = 2_000): Promise<void> {
  await until('the whole family to be gone', () => left() === '', { withinMs, describe: left });
}

describe('terminate', () => {
  it.each(kinds)('ends children that ignore SIGTERM and grandchildren in the background, by $kind', async ({ tty }) => {
    const client = await server.current.connect();
    const { view, left } = await family(client, STUBBORN, tty, 4);
    expect(await client.terminate(view.processId)).toBe(true);
    await within('closed', 2_000, view.closed);
    expect(view.exitCode).toBe(137);
    await expectNoneLeft(left);
  });

  it('answers at once, and running false for what has ended, is unknown or belongs to another session', async () => {
    const client = await server.current.connect();
    const other = await server.current.connect();
    const view = await client.start({ argv: ['sleep', '600'] });
    expect(await other.terminate(view.processId)).toBe(false);
    expect(await client.terminate('unknown')).toBe(false);
    expect(await client.terminate(view.processId)).toBe(true);
    await within('closed', 2_000, view.closed);
    expect(await client.terminate(view.processId)).toBe(false);
  });

  it('of an exited process changes nothing, and with mode force ends what is left of its group', async () => {
    const client = await server.current.connect();
    const { view, left } = await family(client, 'sleep 600 & echo ready; exit 5', false);
    expect(await within('exited', 2_000, view.exited)).toBe(5);
    await until('the grandchild to be itself', () => left().includes(') sleep 600'));
    expect(await client.terminate(view.processId)).toBe(false);
    await client.call('process/wait', { processId: view.processId, waitMs: 150 });
    expect(left()).toContain(') sleep 600');
    expect(view.isClosed).toBe(false);
    expect(await client.terminate(view.processId, { mode: { type: 'force' } })).toBe(false);
    await within('closed', 2_000, view.closed);
    await expectNoneLeft(left);
  });

  it('of a closed process with mode force ends what is left of its group, too', async () => {
    const client = await server.current.connect();
    const { view, left } = await family(client, 'sleep 600 >/dev/null 2>&1 & echo ready; exit 5', false);
    await within('closed', 2_000, view.closed);
    await until('the grandchild to be itself', () => left().includes(') sleep 600'));
    expect(await client.terminate(view.processId, { mode: { type: 'force' } })).toBe(false);
    await expectNoneLeft(left);
  });

  it.each(kinds)('gracefully lets the child end by itself, by $kind', async ({ tty }) => {
    const client = await server.current.connect();
    const script = 'trap "echo bye; exit 7" TERM HUP; echo ready; while :; do sleep 0.02; done';
    const { view, left } = await family(client, script, tty);
    const mode = { type: 'graceful', timeoutMs: 10_000 };
    expect(await client.terminate(view.processId, { mode })).toBe(true);
    await within('closed', 5_000, view.closed);
    expect(view.exitCode).toBe(7);
    expect(view.text()).toContain('bye');
    await expectNoneLeft(left);
  });

  it.each(kinds)('gracefully ends by force what ignores SIGTERM, after timeoutMs, by $kind', async ({ tty }) => {
    const client = await server.current.connect();
    const { view, left } = await family(client, STUBBORN, tty);
    const { tookMs } = await timed(async () => {
      await client.terminate(view.processId, { mode: { type: 'graceful', timeoutMs: 300 } });
      await within('closed', 5_000, view.closed);
    });
    expect(tookMs).toBeGreaterThan(290);
    expect(view.exitCode).toBe(137);
    await expectNoneLeft(left);
  });

  it('by force shortens a graceful one', async () => {
    const client = await server.current.connect();
    const { view, left } = await family(client, STUBBORN, false);
    await client.terminate(view.processId, { mode: { type: 'graceful', timeoutMs: 600_000 } });
    expect(await client.terminate(view.processId, { mode: { type: 'force' } })).toBe(true);
    await within('closed', 2_000, view.closed);
    await expectNoneLeft(left);
  });

  it('gives a mode that it does not know back as -32602', async () => {
    const client = await server.current.connect();
    for (const mode of [{ type: 'gently' }, { type: 'graceful' }, { type: 'graceful', timeoutMs: -1 }, 'force']) {
      const answer = await client.request('process/terminate', { processId: 'x', mode });
      expect(answer.error?.code).toBe(-32602);
    }
  });
});

describe('process/signal', () => {
  it.each(kinds)('interrupt reaches the whole group, by $kind', async ({ tty }) => {
    const client = await server.current.connect();
    const script = 'trap "echo parent; exit 3" INT; sh -c \'trap "echo child; exit" INT; echo ready; sleep 600\'; wait';
    const { view, left } = await family(client, script, tty);
    // A shell that is just about to become the sleep swallows the signal.
    await until('the sleep to be itself', () => left().includes(') sleep 600'));
    await client.call('process/signal', { processId: view.processId, signal: 'interrupt' });
    await within('closed', 5_000, view.closed);
    expect(view.text()).toContain('child');
    expect(view.text()).toContain('parent');
    expect(view.exitCode).toBe(3);
  });

  it('answers {} for unknown and ended processes, and -32602 for another signal', async () => {
    const client = await server.current.connect();
    const view = await client.run(['true']);
    for (const processId of [view.processId, 'unknown']) {
      expect(await client.call('process/signal', { processId, signal: 'interrupt' })).toEqual({});
    }
    const answer = await client.request('process/signal', { processId: view.processId, signal: 'kill' });
    expect(answer.error?.code).toBe(-32602);
  });
});

describe('a child that exits by itself', () => {
  it('is reported exited at once though a grandchild holds its stdout, whose output still comes before closed', async () => {
    const client = await server.current.connect();
    const script = '(sleep 0.6; echo late) & echo first; exit 4';
    const view = await client.start({ argv: ['/bin/sh', '-c', script] });
    await within('exited', 5_000, view.exited);
    expect(view.text()).toBe('first\n');
    expect(view.isClosed).toBe(false);
    await within('closed', 5_000, view.closed);
    expect(view.text()).toBe('first\nlate\n');
    // Head-room for a busy machine; the figure is 20 ms after the exit, here seen from outside.
    expect(view.closedAtMs - view.exitedAtMs).toBeGreaterThan(250);
  });

  it('is closed after --orphaned-output-ms when a grandchild holds its stdout in silence, and the grandchild lives on', async () => {
    const own = await startServer({ args: ['--orphaned-output-ms', '300'] });
    const client = await own.connect();
    const { view, left } = await family(client, '(sleep 600; echo never) & echo ready; exit 2', false);
    await within('closed', 2_000, view.closed);
    expect(view.exitCode).toBe(2);
    await until('the grandchild to be itself', () => left().includes(') sleep 600'));
    await own.stop();
    await expectNoneLeft(left);
  });

  it('leaves no zombie, 60 of 60', async () => {
    const client = await server.current.connect();
    await Promise.all(
      Array.from({ length: 60 }, (_value, index) => client.run(['sh', '-c', 'true & wait'], { tty: index % 3 === 0 })),
    );
    await until('no zombies', () => zombiesOf(server.current.pid).length === 0);
  });
});

describe('the end of a session', () => {
  it.each(kinds)(
    'ends all its processes, not later than a second after its time to live, by $kind',
    async ({ tty }) => {
      const ttlMs = 400;
      const own = await startServer({ args: ['--detached-session-ttl-ms', String(ttlMs)] });
      const client = await own.connect();
      const { left } = await family(client, STUBBORN, tty);
      const droppedAtMs = performance.now();
      client.carrier.drop();
      await expectNoneLeft(left, ttlMs + 1_000);
      expect(performance.now() - droppedAtMs).toBeGreaterThan(ttlMs - 50);
      await until('no zombies', () => zombiesOf(own.pid).length === 0);
    },
  );

  it('finds those that are just being started', async () => {
    const own = await startServer();
    const client = await own.connect();
    const mark = randomUUID();
    const env = client.env({ MARK: mark });
    const starts = Array.from({ length: 60 }, (_value, index) =>
      client.startUnanswered({ argv: ['sleep', '600'], tty: index % 3 === 0, env }),
    );
    for (const { answered } of starts) answered.catch(() => undefined);
    await starts[10]?.answered;
    await own.stop();
    expect(describeProcesses(runningWithEnv(`MARK=${mark}`))).toBe('');
  });

  it('is the end of stdin over stdio: everything is ended and the program exits with 0', async () => {
    const { server: own, client } = await startStdioServer();
    const { left } = await family(client, STUBBORN, false);
    const terminal = await family(client, STUBBORN, true);
    client.carrier.drop();
    expect(await within('the program to end', 3_000, own.exited)).toEqual({ code: 0, signal: null });
    await expectNoneLeft(left);
    await expectNoneLeft(terminal.left);
  });
});
