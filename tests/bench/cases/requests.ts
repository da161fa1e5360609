// How fast and how dear the smallest request is: one at a time, and many in flight. The request is
// `process/terminate` of a process that does not exist, which every server answers with `{"running":false}`.

import { performance } from 'node:perf_hooks';

import type { BenchClient } from '../bench-client.ts';
import { percentile } from '../statistics.ts';
import type { BenchCase } from '../suite.ts';

/** In flight at once; 0.169.0 stalls for good on much deeper pipelines. */
const WINDOW = 64;
/** Ids of one width, so that frames have one length and a window of them is one slice. */
const FIRST_ID = 1_000_000_000;

function cheapRequest(client: BenchClient, id: number): Buffer {
  return client.requestFrame(id, 'process/terminate', { processId: 'nobody' });
}

function assertAnswer(text: string): void {
  if (!text.includes('"running":false')) throw new Error(`an unexpected answer: ${text.slice(0, 200)}`);
}

/** Latencies in microseconds of `count` requests, each sent when the one before was answered. */
export function measureRoundTrips(client: BenchClient, count: number): Promise<Float64Array> {
  const latencies = new Float64Array(count);
  return new Promise((resolve, reject) => {
    let done = 0;
    let sentAtMs = 0;
    const sendNext = (): void => {
      const frame = cheapRequest(client, FIRST_ID + done);
      sentAtMs = performance.now();
      client.socket.send(frame);
    };
    client.socket.onClosed = reject;
    client.socket.onMessage = (buffer, start, end) => {
      latencies[done] = (performance.now() - sentAtMs) * 1000;
      assertAnswer(buffer.toString('latin1', start, end));
      done += 1;
      if (done < count) sendNext();
      else resolve(latencies);
    };
    sendNext();
  });
}

export const roundTrip: BenchCase = {
  name: 'round-trip',
  state: 'warm',
  deadlineMs: 30_000,
  metrics: [
    { key: 'p50', title: 'round trip, p50', unit: 'µs', better: 'lower', digits: 0 },
    { key: 'p99', title: 'round trip, p99', unit: 'µs', better: 'lower', digits: 0 },
  ],
  async run({ connect, isQuick }) {
    const latencies = await measureRoundTrips(await connect(), isQuick ? 2_000 : 10_000);
    return { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
  },
};

export const pipelined: BenchCase = {
  name: 'pipelined',
  state: 'warm',
  deadlineMs: 60_000,
  metrics: [
    { key: 'rate', title: `pipelined requests, ${WINDOW} in flight`, unit: '1/s', better: 'higher', digits: 0 },
    { key: 'cpu', title: 'server CPU per request', unit: 'µs', better: 'lower', digits: 1 },
    { key: 'client', title: 'pipelined: load client busy', unit: '%', better: 'none', digits: 0 },
  ],
  async run({ connect, isQuick, server }) {
    const client = await connect();
    const count = isQuick ? 30_000 : 150_000;
    const ring = Buffer.concat(Array.from({ length: WINDOW }, (_, slot) => cheapRequest(client, FIRST_ID + slot)));
    const frameBytes = ring.length / WINDOW;
    const pids = server.pids();
    const cpuBefore = server.cpuSeconds(pids);
    const loopBefore = performance.eventLoopUtilization();
    const startedAtMs = performance.now();
    await new Promise<void>((resolve, reject) => {
      let answered = 0;
      let sent = 0;
      let isRefillPlanned = false;
      // Once per batch of answers that arrived together: as many new requests as there were answers, in one write.
      const refill = (): void => {
        isRefillPlanned = false;
        for (let room = Math.min(WINDOW - (sent - answered), count - sent); room > 0;) {
          const slot = sent % WINDOW;
          const run = Math.min(room, WINDOW - slot);
          client.socket.send(ring.subarray(slot * frameBytes, (slot + run) * frameBytes));
          sent += run;
          room -= run;
        }
      };
      client.socket.onClosed = reject;
      client.socket.onMessage = (buffer, start, end) => {
        if (answered % 1_000 === 0) assertAnswer(buffer.toString('latin1', start, end));
        answered += 1;
        if (answered === count) resolve();
        if (isRefillPlanned) return;
        isRefillPlanned = true;
        queueMicrotask(refill);
      };
      refill();
    });
    const seconds = (performance.now() - startedAtMs) / 1000;
    return {
      rate: count / seconds,
      cpu: ((server.cpuSeconds(pids) - cpuBefore) / count) * 1e6,
      client: performance.eventLoopUtilization(loopBefore).utilization * 100,
    };
  },
};
