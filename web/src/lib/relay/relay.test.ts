import { describe, expect, it } from 'vitest';
import type { DirectionPicture, LivePicture, StreamPicture } from '../../../../shared/relay/live-picture.ts';
import { Happenings } from './happenings.ts';
import { draftOf, settingsOf } from './impairment-form.ts';
import { linkName, presets } from './presets.ts';
import { StreamHistories } from './stream-history.ts';
import { windowCells, windowText } from './window-cells.ts';

const quiet: DirectionPicture = {
  seq: 9,
  ack: 9,
  ackBits: 0,
  rttMs: 10,
  unackedSegments: 0,
  unackedBytes: 0,
  retransmits: 0,
  duplicates: 0,
  earlySegments: 0,
  reassembly: null,
  segments: 10,
  bytes: 100,
  silentMs: 5,
};

function stream(direction: Partial<DirectionPicture> = {}, bytesToHarness = 0): StreamPicture {
  return {
    streamId: 'abcdefgh-1',
    harness: 'h',
    sinceMs: 0,
    framesToExecutor: 0,
    framesToHarness: 0,
    bytesToExecutor: 0,
    bytesToHarness,
    watch: { toExecutor: quiet, toHarness: { ...quiet, ...direction } },
  };
}

function picture(atMs: number, more: Partial<LivePicture> = {}): LivePicture {
  const streams = more.streams ?? [stream()];
  return { atMs, isHere: true, sinceMs: 0, streamCount: streams.length, impairment: null, ...more, streams };
}

describe('the window of a stream', () => {
  it('tells acknowledged, missing, early and underway segments apart', () => {
    const shown = windowCells({ ...quiet, seq: 13, ack: 9, ackBits: 0b10 });
    expect(shown?.cells.map(({ seq, state }) => `${seq} ${state}`).slice(-5)).toEqual([
      '9 acked',
      '10 missing',
      '11 early',
      '12 underway',
      '13 underway',
    ]);
    expect(shown && windowText(shown)).toBe('acknowledged up to 9, 2 underway, 1 missing, 1 early');
  });

  it('goes on over the end of the numbers, reads the last bit, and counts what has no cell', () => {
    const shown = windowCells({ ...quiet, seq: 38, ack: 2 ** 32 - 2, ackBits: 2 ** 31 });
    expect(shown?.cells.slice(8, 11).map(({ seq }) => seq)).toEqual([2 ** 32 - 1, 0, 1]);
    expect(shown?.cells.at(-1)).toEqual({ seq: 30, state: 'early' });
    expect(shown?.beyond).toBe(8);
  });

  it('is not drawn of a receiver that acknowledges nothing', () => {
    expect(windowCells({ ...quiet, ack: null })).toBeUndefined();
    expect(windowCells({ ...quiet, seq: null })).toBeUndefined();
  });
});

describe('what happened', () => {
  it('tells of a lost executor and how long it was away', () => {
    const happenings = new Happenings();
    expect(happenings.add(picture(0))).toEqual([]);
    expect(happenings.add(picture(500, { isHere: false })).map(({ kind }) => kind)).toEqual(['lost']);
    expect(happenings.phases.get('abcdefgh-1')).toBe('waiting');
    const [back] = happenings.add(picture(2000));
    expect(back?.text).toBe('The executor is connected again after 1.5 s.');
    const [quick] = happenings.add(picture(2400, { sinceMs: 2200 }));
    expect(quick?.text).toMatch(/^The executor is connected again after .* at most\.$/);
  });

  it('tells of a recovery once it is over', () => {
    const happenings = new Happenings();
    happenings.add(picture(0));
    expect(happenings.add(picture(500, { streams: [stream({ retransmits: 3, duplicates: 1 })] }))).toEqual([]);
    expect(happenings.phases.get('abcdefgh-1')).toBe('recovering');
    const [recovered] = happenings.add(picture(2500, { streams: [stream({ retransmits: 3, duplicates: 1 })] }));
    expect(recovered?.text).toBe('Stream abcdefgh has recovered: 3 segments sent again, 1 came twice.');
    expect(happenings.phases.get('abcdefgh-1')).toBe('idle');
  });

  it('tells of streams that begin and end, not of those that the feed leaves out', () => {
    const happenings = new Happenings();
    happenings.add(picture(0, { streams: [] }));
    expect(happenings.add(picture(500)).map(({ text }) => text)).toEqual(['Stream abcdefgh begins.']);
    expect(happenings.add(picture(1000, { streams: [], streamCount: 300 }))).toEqual([]);
  });
});

describe('the course of a stream', () => {
  it('is told per second, of the last two', () => {
    const histories = new StreamHistories();
    for (const [atMs, bytes] of [
      [0, 0],
      [1000, 50_000],
      [2000, 51_000],
      [3000, 52_000],
    ] as const) {
      histories.add(picture(atMs, { streams: [stream({}, bytes)] }));
    }
    expect(histories.of('abcdefgh-1')?.rates.bytesToHarness).toBe(1000);
    expect(histories.of('abcdefgh-1')?.course()[0]?.bytesToHarness).toBe(50_000);
    expect(histories.of('abcdefgh-1')?.samples.at(-1)?.rttMs).toBe(20);
    histories.add(picture(4000, { streams: [] }));
    expect(histories.of('abcdefgh-1')).toBeUndefined();
  });
});

describe('the form of a bad link', () => {
  it.each(presets)('gives back what it was filled with: $name', ({ name, settings }) => {
    const read = settingsOf(draftOf(settings));
    expect('settings' in read && read.settings && linkName(read.settings)).toBe(name);
  });

  it('is off when every fault is nought, and names the field that is not valid', () => {
    expect(settingsOf(draftOf(undefined))).toEqual({ settings: undefined });
    const draft = draftOf(undefined);
    draft.toExecutor.drop = 101;
    expect(settingsOf(draft)).toEqual({ problem: expect.stringMatching(/^Drop: /) });
  });
});
