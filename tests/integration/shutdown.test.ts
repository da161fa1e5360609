// How the server leaves (promise 23). What clients leave behind stands in cleanup.test.ts.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { describeProcesses, runningWithEnv, tryStat } from '../helpers/proc.ts';
import { startServer, startStdioServer } from '../helpers/server.ts';
import { timed, until, within } from '../helpers/until.ts';
import type { WireClient } from '../helpers/wire-client.ts';

/** Pipe and terminal, each with children that ignore signals, and one that has exited and left a grandchild. */
async function busy(client: WireClient, mark: string): Promise<void> {
  const stubborn = 'trap "" TERM HUP INT; (trap "" TERM HUP; sleep 600) & echo ready; sleep 600';
  const env = client.env({ MARK: mark });
  for (const tty of [false, true]) {
    const view = await client.start({ argv: ['sh', '-c', stubborn], tty, env });
    await client.waitForText(view, 'ready');
  }
  const left = await client.start({ argv: ['sh', '-c', 'sleep 600 & exit 0'], env });
  await within('exited', 5_000, left.exited);
  const flood = await client.start({ argv: ['yes'], env });
  await client.waitFor('the flood', (message) => JSON.stringify(message).includes(`"${flood.processId}","seq":3,`));
  client.request('process/read', { processId: 'p1', afterSeq: 1_000, waitMs: 60_000 }).catch(() => undefined);
}

function left(mark: string): string {
  return describeProcesses(runningWithEnv(`MARK=${mark}`));
}

async function expectNoneLeft(mark: string, withinMs: number): Promise<void> {
  await until('all processes to be gone', () => left(mark) === '', { withinMs, describe: () => left(mark) });
}

const commands = [{ command: 'serve' }, { command: 'exec-server' }] as const;

describe.each(commands)('$command', ({ command }) => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends within 2 s of %s: clients get 1001, nothing is left, exit code 0',
    async (signal) => {
      const server = await startServer({ command });
      const client = await server.connect();
      const idle = await server.connect({ handshake: false });
      const mark = randomUUID();
      await busy(client, mark);
      const { value: exit, tookMs } = await timed(() => {
        server.kill(signal);
        return within('the server to end', 10_000, server.exited);
      });
      expect(left(mark)).toBe('');
      expect(exit).toEqual({ code: 0, signal: null });
      expect(tookMs).toBeLessThan(2_000);
      expect((await client.ended).code).toBe(1001);
      expect((await idle.ended).code).toBe(1001);
    },
  );

  it('ends also while a client does not read', async () => {
    const server = await startServer({ command });
    const client = await server.connect({ keepsOutput: false });
    const mark = randomUUID();
    await client.start({ argv: ['yes'], env: client.env({ MARK: mark }) });
    client.carrier.pause();
    const { tookMs } = await timed(() => server.stop());
    expect(tookMs).toBeLessThan(5_000);
    await expectNoneLeft(mark, 500);
  });

  it('leaves nothing even when it is killed', async () => {
    const server = await startServer({ command });
    const client = await server.connect();
    const mark = randomUUID();
    await busy(client, mark);
    server.kill('SIGKILL');
    await within('the server to be gone', 5_000, server.exited);
    await expectNoneLeft(mark, 2_000);
  });
});

describe('on stdio', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)('leaves nothing after %s', async (signal) => {
    const { server, client } = await startStdioServer();
    const mark = randomUUID();
    await busy(client, mark);
    server.kill(signal);
    await within('the server to be gone', 3_000, server.exited);
    await expectNoneLeft(mark, 2_000);
  });

  it('answers what was asked before the end of file, and ends with 0', async () => {
    const { server, client } = await startStdioServer();
    const answers = Array.from({ length: 50 }, () => client.request('fs/getMetadata', { path: '/etc/passwd' }));
    client.carrier.drop();
    expect((await Promise.all(answers)).every((answer) => answer.result !== undefined)).toBe(true);
    expect(await within('the end', 3_000, server.exited)).toEqual({ code: 0, signal: null });
  });

  it('ends within 5 s of SIGTERM also while nobody reads its stdout', async () => {
    const { server, client } = await startStdioServer({ keepsOutput: false });
    const mark = randomUUID();
    const flood = await client.start({ argv: ['yes'], env: client.env({ MARK: mark }) });
    await client.waitForNext('some of the flood', () => client.processes.get(flood.processId)?.seqs.length === 3);
    client.carrier.pause();
    await until('the pipe to be full', () => tryStat(server.pid)?.state === 'S', { everyMs: 100 });
    server.kill('SIGTERM');
    await within('the end', 5_000, server.exited);
    await expectNoneLeft(mark, 500);
  });

  it('ends when the reader of its stdout is gone', async () => {
    const { server, client } = await startStdioServer();
    const mark = randomUUID();
    await client.start({ argv: ['yes'], env: client.env({ MARK: mark }) });
    server.child.stdout?.destroy();
    await within('the end', 5_000, server.exited);
    await expectNoneLeft(mark, 2_000);
  });
});
