// What someone who types in a terminal feels: from the `process/write` of one character to the notification that
// carries its echo, which the terminal's line discipline makes.

import { performance } from 'node:perf_hooks';

import { isJsonObject } from '../bench-client.ts';
import { percentile } from '../statistics.ts';
import type { BenchCase } from '../suite.ts';

export const ptyEcho: BenchCase = {
  name: 'echo',
  state: 'warm',
  deadlineMs: 60_000,
  metrics: [{ key: 'p50', title: 'PTY echo of one character, p50', unit: 'ms', better: 'lower', digits: 3 }],
  async run({ connect, isQuick }) {
    const client = await connect();
    const processId = client.newProcessId();
    await client.request('process/start', client.startParams(processId, ['/bin/cat'], true));
    const latencies: number[] = [];
    for (let index = 0; index < (isQuick ? 15 : 60); index += 1) {
      const character = String.fromCharCode(97 + (index % 26));
      const echoed = new Promise<string>((resolve) => {
        client.onNotification = (method, params) => {
          if (method === 'process/output' && isJsonObject(params)) resolve(String(params['chunk']));
        };
      });
      const chunk = Buffer.from(character).toString('base64');
      const sentAtMs = performance.now();
      const written = client.request('process/write', { processId, chunk, writeId: String(index) });
      const [echo, answer] = await Promise.all([
        echoed.then((text) => {
          latencies.push(performance.now() - sentAtMs);
          return text;
        }),
        written,
      ]);
      if (echo !== chunk || answer['status'] !== 'accepted') throw new Error(`wrote ${chunk}, was echoed ${echo}`);
    }
    const ended = client.ended(processId);
    await client.request('process/terminate', { processId });
    await ended;
    return { p50: percentile(latencies, 0.5) };
  },
};
