// What a connection feels while another one takes output as fast as the server can send it. The taker is a program of
// its own (flood-client.ts), so that its work does not delay what is measured here.

import { fork } from 'node:child_process';
import { once } from 'node:events';

import { isJsonObject } from '../bench-client.ts';
import { percentile } from '../statistics.ts';
import type { BenchCase } from '../suite.ts';
import { measureRoundTrips } from './requests.ts';

export const neighbour: BenchCase = {
  name: 'neighbour',
  state: 'warm',
  deadlineMs: 60_000,
  metrics: [
    { key: 'p50', title: 'round trip beside a flood, p50', unit: 'ms', better: 'lower', digits: 2 },
    { key: 'p99', title: 'round trip beside a flood, p99', unit: 'ms', better: 'lower', digits: 2 },
    { key: 'flood', title: 'the flood meanwhile', unit: 'MB/s', better: 'none', digits: 0 },
  ],
  async run({ connect, isQuick, server }) {
    const client = await connect();
    const flood = fork(new URL('../flood-client.ts', import.meta.url), [server.url]);
    try {
      await firstMessage(flood);
      const latencies = await measureRoundTrips(client, isQuick ? 500 : 2_000);
      const answer = firstMessage(flood);
      flood.send('stop');
      const { megabytesPerSecond } = await answer;
      return {
        p50: percentile(latencies, 0.5) / 1000,
        p99: percentile(latencies, 0.99) / 1000,
        flood: Number(megabytesPerSecond),
      };
    } finally {
      flood.kill();
    }
  },
};

async function firstMessage(flood: ReturnType<typeof fork>): Promise<Record<string, unknown>> {
  const [message]: unknown[] = await Promise.race([
    once(flood, 'message'),
    once(flood, 'exit').then(([code]) => Promise.reject(new Error(`the flood client ended with ${String(code)}`))),
  ]);
  return isJsonObject(message) ? message : {};
}
