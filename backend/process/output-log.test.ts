import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OutputLog, type OutputChunk } from './output-log.ts';

function chunk(seq: number, byteLength: number): OutputChunk {
  return { seq, stream: 'stdout', base64: Buffer.alloc(byteLength, seq).toString('base64'), byteLength };
}

function logOf(lengths: readonly number[], maxBytes: number): OutputLog {
  const log = new OutputLog(maxBytes);
  lengths.forEach((length, index) => log.push(chunk(index + 1, length)));
  return log;
}

const seqs = (chunks: readonly OutputChunk[]) => chunks.map(({ seq }) => seq);

test.each([
  [0, Infinity, [1, 2, 3]],
  [1, Infinity, [2, 3]],
  [3, Infinity, []],
  [100, Infinity, []],
  [0, 0, [1]],
  [0, 1, [1]],
  [0, 6, [1]],
  [0, 7, [1, 2]],
  [0, 11, [1, 2]],
  [0, 12, [1, 2, 3]],
  [1, 4, [2]],
  [1, 100, [2, 3]],
])('a read after seq %d of at most %d bytes returns whole chunks, at least one', (afterSeq, maxBytes, expected) => {
  expect(seqs(logOf([3, 4, 5], 1000).read(afterSeq, maxBytes))).toEqual(expected);
});

test('the oldest chunks are dropped whole until the rest fits, and counted', () => {
  const log = logOf([4, 4, 4], 9);
  expect(seqs(log.read(0, Infinity))).toEqual([2, 3]);
  expect(log.droppedBytes).toBe(4);
});

test('chunks of one byte are bounded in number', () => {
  const log = logOf(
    Array.from({ length: 60_000 }, () => 1),
    1024 * 1024,
  );
  expect(log.read(0, Infinity)).toHaveLength(50_000);
  expect(log.droppedBytes).toBe(10_000);
});

test('behaves as a plain list would', () => {
  const run = fc.property(
    fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 200 }),
    fc.integer({ min: 0, max: 300 }),
    fc.nat(220),
    fc.nat(400),
    (lengths, retained, afterSeq, maxBytes) => {
      let kept = lengths.map((length, index) => ({ seq: index + 1, length }));
      while (kept.reduce((sum, { length }) => sum + length, 0) > retained) kept = kept.slice(1);
      const expected: number[] = [];
      let sum = 0;
      for (const { seq, length } of kept.filter((item) => item.seq > afterSeq)) {
        if (expected.length > 0 && (sum >= maxBytes || sum + length > maxBytes)) break;
        expected.push(seq);
        sum += length;
      }
      expect(seqs(logOf(lengths, retained).read(afterSeq, maxBytes))).toEqual(expected);
    },
  );
  fc.assert(run);
});
