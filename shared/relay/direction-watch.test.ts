import { describe, expect, it } from 'vitest';
import { DirectionWatch } from './direction-watch.ts';
import type { RelayData } from './frame.ts';

const data = (seq: number, bytes = 10, segmentIndex = 0, segmentCount = 1): RelayData => ({
  kind: 'data',
  seq,
  segmentIndex,
  segmentCount,
  payload: new Uint8Array(bytes),
});

describe('watching one direction', () => {
  it('tells what is on the way, how long it takes, and what is acknowledged', () => {
    const watch = new DirectionWatch();
    watch.onSent(data(0), 0);
    watch.onSent(data(1), 10);
    expect(watch.picture(10)).toMatchObject({ seq: 1, ack: null, rttMs: null, unackedSegments: null, bytes: 20 });
    watch.onAck(0, 0, 100);
    expect(watch.picture(100)).toMatchObject({ ack: 0, rttMs: 100, unackedSegments: 1, unackedBytes: 10 });
    watch.onSent(data(2), 110);
    watch.onAck(0, 0b10, 130);
    expect(watch.picture(130)).toMatchObject({ ack: 0, ackBits: 2, unackedSegments: 1, rttMs: 100 + (20 - 100) / 8 });
    // An acknowledgement that was overtaken says nothing new.
    watch.onAck(2, 0, 140);
    watch.onAck(1, 0, 150);
    expect(watch.picture(150)).toMatchObject({ ack: 2, unackedSegments: 0, unackedBytes: 0 });
  });

  it('counts what is sent again, and takes no time from it', () => {
    const watch = new DirectionWatch();
    expect([data(0), data(1), data(0)].map((segment) => watch.onSent(segment, 0))).toEqual([false, false, true]);
    watch.onAck(0, 0, 500);
    expect(watch.picture(500)).toMatchObject({ retransmits: 1, rttMs: null, segments: 3, unackedSegments: 1 });
  });

  it('tells duplicates, gaps and unfinished messages at the receiver', () => {
    const watch = new DirectionWatch();
    watch.onPassed(data(4, 1, 0, 3));
    watch.onPassed(data(6, 1, 2, 3));
    expect(watch.picture(0)).toMatchObject({ earlySegments: 1, reassembly: { segments: 1, of: 3 }, duplicates: 0 });
    expect(watch.onPassed(data(6, 1, 2, 3))).toBe(true);
    watch.onPassed(data(5, 1, 1, 3));
    expect(watch.picture(0)).toMatchObject({ earlySegments: 0, reassembly: null, duplicates: 1 });
    // From before watching began: nobody knows.
    expect(watch.onPassed(data(3))).toBe(false);
  });

  it('goes on across the wrap-around, and after a gap that nobody will close', () => {
    const watch = new DirectionWatch();
    for (const seq of [0xffffffff, 0, 1]) watch.onSent(data(seq), 0);
    watch.onAck(0, 0, 5);
    expect(watch.picture(5)).toMatchObject({ seq: 1, retransmits: 0, unackedSegments: 1 });
    watch.onPassed(data(0xffffffff));
    watch.onPassed(data(5000));
    watch.onPassed(data(5001));
    expect(watch.picture(5)).toMatchObject({ earlySegments: 0, duplicates: 0 });
  });

  it('remembers no more than a window of a sender whom nobody answers', () => {
    const watch = new DirectionWatch();
    for (let seq = 0; seq < 5000; seq++) watch.onSent(data(seq), seq);
    watch.onAck(100, 0, 5000);
    expect(watch.picture(5000)).toMatchObject({ unackedSegments: 1024, unackedBytes: 10_240 });
  });
});
