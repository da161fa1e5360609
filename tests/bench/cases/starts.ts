// How long a short process takes from the request to `process/closed`, one at a time and 50 at once.

import { performance } from 'node:perf_hooks';

import { percentile } from '../statistics.ts';
import type { BenchCase } from '../suite.ts';

const PARALLEL = 50;

function startToClosed(name: string, tty: boolean): BenchCase {
  return {
    name,
    state: 'warm',
    deadlineMs: 60_000,
    metrics: [
      {
        key: 'p50',
        title: `/bin/true by ${tty ? 'PTY' : 'pipe'}, start to closed, p50`,
        unit: 'ms',
        better: 'lower',
        digits: 2,
      },
    ],
    async run({ connect, isQuick }) {
      const client = await connect();
      const latencies: number[] = [];
      for (let index = 0; index < (isQuick ? 15 : 40); index += 1) {
        const startedAtMs = performance.now();
        await client.runToClosed(['/bin/true'], tty);
        latencies.push(performance.now() - startedAtMs);
      }
      return { p50: percentile(latencies, 0.5) };
    },
  };
}

export const startPipe = startToClosed('start-pipe', false);
export const startPty = startToClosed('start-pty', true);

export const parallelStarts: BenchCase = {
  name: 'parallel-starts',
  state: 'warm',
  deadlineMs: 60_000,
  metrics: [
    {
      key: 'rate',
      title: `${PARALLEL} parallel starts of /bin/true, until all are closed`,
      unit: '1/s',
      better: 'higher',
      digits: 0,
    },
  ],
  async run({ connect, isQuick }) {
    const client = await connect();
    const batches = isQuick ? 2 : 5;
    const startedAtMs = performance.now();
    for (let batch = 0; batch < batches; batch += 1) {
      await Promise.all(Array.from({ length: PARALLEL }, () => client.runToClosed(['/bin/true'], false)));
    }
    return { rate: (batches * PARALLEL) / ((performance.now() - startedAtMs) / 1000) };
  },
};
