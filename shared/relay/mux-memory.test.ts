// What a stream held is gone when the stream is (promise 26): at once, and though the application still has its connection.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { data, executor } from '../../tests/helpers/mux-ends.ts';
import type { RelayBody } from './frame.ts';

const MiB = 1024 * 1024;
const streams = 20;

/** Bytes of live objects and buffers. */
async function usedBytes(): Promise<number> {
  const { gc } = globalThis;
  if (!gc) throw new Error('this test needs node --expose-gc');
  // The second one waits for buffers that the first has found dead.
  for (let round = 0; round < 2; round++) {
    gc();
    await nextTurn();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const part = (seq: number, segmentIndex: number): RelayBody => ({
  kind: 'data',
  seq,
  segmentIndex,
  segmentCount: 100,
  payload: new Uint8Array(64 * 1024),
});

describe(`${streams} streams that hold 3 MiB each`, { timeout: 60_000 }, () => {
  it.each([
    { by: 'the harness', reset: { kind: 'reset', reason: 'gone' }, ack: 0 },
    { by: 'the executor', reset: { kind: 'ackFrame' }, ack: 77 },
  ] as const)('hold nothing when they have been reset by $by', async ({ reset, ack }) => {
    const { carrier, mux, opened } = executor();
    const ids = Array.from({ length: streams }, (_, n) => `stream-${n}`);
    const before = await usedBytes();
    for (const id of ids) {
      carrier.receive(id, data(0, 'hello'));
      // A message that lacks its end, another behind a gap, and an answer that is never acknowledged.
      for (let segment = 0; segment < 16; segment++) carrier.receive(id, part(1 + segment, segment));
      for (let segment = 0; segment < 16; segment++) carrier.receive(id, part(101 + segment, segment));
      opened.at(-1)?.connection.send(new Uint8Array(MiB));
      carrier.sent = [];
    }
    const held = (await usedBytes()) - before;
    expect(held).toBeGreaterThan(streams * 2.9 * MiB);

    for (const id of ids) carrier.receive(id, reset, ack);
    carrier.sent = [];
    const kept = (await usedBytes()) - before;
    console.log(`held ${(held / MiB).toFixed(1)} MiB, after the resets ${(kept / MiB).toFixed(2)} MiB`);
    expect(kept).toBeLessThan(2 * MiB);
    expect(mux.stats).toMatchObject({ streams: 0, receiveBytes: 0 });
    expect(opened.map(({ closed }) => closed)).not.toContain(undefined);
  });
});
