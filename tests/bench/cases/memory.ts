// What the server holds when nothing happens: alone, per idle connection, per running process; and how soon it is
// there. Each round has a server that has served nobody. Resident memory, so with what an allocator keeps back.

import { setTimeout as delay } from 'node:timers/promises';

import type { BenchClient } from '../bench-client.ts';
import type { BenchCase, CaseContext } from '../suite.ts';

const CONNECTIONS = 500;
const PROCESSES = 300;
/** Requests in flight while many processes are started or ended; see the window of the case `pipelined`. */
const WINDOW = 16;
const SETTLE_MS = 1_000;
const KILOBYTE = 1_000;

export const startUp: BenchCase = {
  name: 'start-up',
  state: 'fresh',
  deadlineMs: 30_000,
  metrics: [
    { key: 'time', title: 'start-up, command to URL', unit: 'ms', better: 'lower', digits: 0 },
    { key: 'resident', title: 'memory of an idle server', unit: 'MB', better: 'lower', digits: 0 },
  ],
  async run({ server }) {
    await delay(SETTLE_MS);
    return { time: server.startUpMs, resident: server.residentBytes(server.pids()) / 1e6 };
  },
};

/** Bytes that `grow` adds to the server, which has served one connection before, divided by `count`. */
async function growthPer(
  count: number,
  context: CaseContext,
  grow: (first: BenchClient) => Promise<void>,
): Promise<number> {
  const client = await context.connect();
  await client.runToClosed(['/bin/true'], false);
  await delay(SETTLE_MS);
  const pids = context.server.pids();
  const before = context.server.residentBytes(pids);
  await grow(client);
  await delay(SETTLE_MS);
  return (context.server.residentBytes(pids) - before) / count;
}

export const connectionMemory: BenchCase = {
  name: 'connection-memory',
  state: 'fresh',
  deadlineMs: 60_000,
  metrics: [
    { key: 'resident', title: `memory per idle connection, of ${CONNECTIONS}`, unit: 'kB', better: 'lower', digits: 0 },
  ],
  async run(context) {
    const bytes = await growthPer(CONNECTIONS, context, async () => {
      for (let index = 0; index < CONNECTIONS; index += 1) await context.connect();
    });
    return { resident: bytes / KILOBYTE };
  },
};

export const processMemory: BenchCase = {
  name: 'process-memory',
  state: 'fresh',
  deadlineMs: 60_000,
  metrics: [
    { key: 'resident', title: `memory per running process, of ${PROCESSES}`, unit: 'kB', better: 'lower', digits: 0 },
  ],
  async run(context) {
    const processIds: string[] = [];
    let owner: BenchClient | undefined;
    const bytes = await growthPer(PROCESSES, context, async (client) => {
      owner = client;
      for (let index = 0; index < PROCESSES; index += 1) processIds.push(client.newProcessId());
      await inWindows(processIds, (processId) =>
        client.request('process/start', client.startParams(processId, ['/bin/sleep', '600'], false)),
      );
    });
    await inWindows(processIds, async (processId) => {
      const ended = owner?.ended(processId).catch(() => undefined);
      await owner?.request('process/terminate', { processId });
      await ended;
    });
    return { resident: bytes / KILOBYTE };
  },
};

async function inWindows(processIds: readonly string[], step: (processId: string) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < processIds.length; from += WINDOW) {
    await Promise.all(processIds.slice(from, from + WINDOW).map(step));
  }
}
