import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RelayData } from './frame.ts';
import { compacted, Reassembler, segmentCount, segmentOf } from './segments.ts';

function cut(message: Uint8Array, segmentBytes: number): RelayData[] {
  const count = segmentCount(message.length, segmentBytes);
  return Array.from({ length: count }, (_, index) => ({
    kind: 'data',
    seq: index,
    segmentIndex: index,
    segmentCount: count,
    payload: segmentOf(message, index, count, segmentBytes),
  }));
}

const segment = (segmentIndex: number, count: number, bytes = 10): RelayData => ({
  kind: 'data',
  seq: 0,
  segmentIndex,
  segmentCount: count,
  payload: new Uint8Array(bytes),
});

describe('segments', () => {
  it('of random messages, cut at random sizes, become the same messages', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 10 }),
        fc.integer({ min: 1, max: 120 }),
        (messages, segmentBytes) => {
          const reassembler = new Reassembler(1000, 1000);
          const whole = messages.flatMap((message) =>
            cut(message, segmentBytes).map((one) => {
              expect(one.payload.length).toBeGreaterThan(0);
              return reassembler.push(one);
            }),
          );
          expect(whole.filter((one) => one !== undefined)).toEqual(messages);
          expect(reassembler.bytes).toBe(0);
        },
      ),
    );
  });

  it('of one piece are not copied', () => {
    const message = new Uint8Array(500);
    const [only] = cut(message, 500);
    expect(only && new Reassembler(1000, 10).push(only)).toBe(message);
  });

  it('beyond the limits are refused before they are kept', () => {
    const reassembler = new Reassembler(25, 4);
    expect(reassembler.push(segment(0, 4_294_967_295))).toBe('message_too_large');
    expect(reassembler.push(segment(0, 1, 26))).toBe('message_too_large');
    expect(reassembler.push(segment(0, 3))).toBeUndefined();
    expect(reassembler.push(segment(1, 3))).toBeUndefined();
    expect(reassembler.bytes).toBe(20);
    expect(reassembler.push(segment(2, 3))).toBe('message_too_large');
  });

  it('that do not follow each other are refused', () => {
    expect(new Reassembler(100, 10).push(segment(1, 2))).toBe('segments_out_of_order');
    const other = new Reassembler(100, 10);
    other.push(segment(0, 3));
    expect(other.push(segment(2, 3))).toBe('segments_out_of_order');
    const changed = new Reassembler(100, 10);
    changed.push(segment(0, 3));
    expect(changed.push(segment(1, 4))).toBe('segments_out_of_order');
    const restarted = new Reassembler(100, 10);
    restarted.push(segment(0, 3));
    expect(restarted.push(segment(0, 1))).toBe('segments_out_of_order');
  });

  it('kept from a large read keep only their own bytes', () => {
    const read = new Uint8Array(65_536);
    expect(compacted(read.subarray(10, 20)).buffer.byteLength).toBe(10);
    expect(compacted(read.subarray(0, 60_000)).buffer).toBe(read.buffer);
  });
});
