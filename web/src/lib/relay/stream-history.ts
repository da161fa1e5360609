// The course of one stream over the last minutes: what is plotted, and what is told of it now. Pure.

import type { LivePicture, StreamPicture, WatchPicture } from '../../../../shared/relay/live-picture.ts';

export interface Sample {
  /** Since 1970, ms. */
  readonly atMs: number;
  /** Of the whole way, ms; null while nobody knows. */
  readonly rttMs: number | null;
  /** All so far, both directions. */
  readonly retransmits: number;
  readonly duplicates: number;
  readonly bytesToExecutor: number;
  readonly bytesToHarness: number;
}

/** What happens per second. */
export interface Rates {
  readonly retransmits: number;
  readonly duplicates: number;
  readonly bytesToExecutor: number;
  readonly bytesToHarness: number;
}

/** Two minutes at two a second. */
const maxSamples = 240;
/** Rates that are shown as numbers are of so many ms. */
const rateMs = 2000;

export class StreamHistory {
  #samples: Sample[] = [];

  get samples(): readonly Sample[] {
    return this.#samples;
  }

  add(atMs: number, { watch, bytesToExecutor, bytesToHarness }: StreamPicture): void {
    const sample = { atMs, rttMs: rttOf(watch), ...bothDirections(watch), bytesToExecutor, bytesToHarness };
    this.#samples = [...this.#samples.slice(1 - maxSamples), sample];
  }

  /** Of the last two seconds. */
  get rates(): Rates {
    const last = this.#samples.at(-1);
    const first = last && this.#samples.find(({ atMs }) => last.atMs - atMs <= rateMs);
    return first && last ? ratesBetween(first, last) : noRates;
  }

  /** One for each sample but the first. */
  course(): readonly Rates[] {
    return this.#samples.slice(1).map((sample, index) => ratesBetween(this.#samples[index] ?? sample, sample));
  }
}

/** Of all streams of an executor that live. */
export class StreamHistories {
  readonly #histories = new Map<string, StreamHistory>();

  of(streamId: string): StreamHistory | undefined {
    return this.#histories.get(streamId);
  }

  add({ atMs, streams }: LivePicture): void {
    const live = new Set(streams.map(({ streamId }) => streamId));
    for (const streamId of this.#histories.keys()) if (!live.has(streamId)) this.#histories.delete(streamId);
    for (const stream of streams) {
      let history = this.#histories.get(stream.streamId);
      if (!history) this.#histories.set(stream.streamId, (history = new StreamHistory()));
      history.add(atMs, stream);
    }
  }
}

/** The newest round trip of both ways together, ms. */
export function rttOf(watch: WatchPicture | null): number | null {
  if (!watch || watch.toExecutor.rttMs === null || watch.toHarness.rttMs === null) return null;
  return watch.toExecutor.rttMs + watch.toHarness.rttMs;
}

export function bothDirections(watch: WatchPicture | null): { retransmits: number; duplicates: number } {
  const sum = (count: 'retransmits' | 'duplicates') => (watch ? watch.toExecutor[count] + watch.toHarness[count] : 0);
  return { retransmits: sum('retransmits'), duplicates: sum('duplicates') };
}

const noRates: Rates = { retransmits: 0, duplicates: 0, bytesToExecutor: 0, bytesToHarness: 0 };

/** Counts begin anew where watching does: that is no negative rate. */
function ratesBetween(from: Sample, to: Sample): Rates {
  const seconds = (to.atMs - from.atMs) / 1000;
  if (seconds <= 0) return noRates;
  const rate = (name: keyof Rates) => Math.max(0, to[name] - from[name]) / seconds;
  return {
    retransmits: rate('retransmits'),
    duplicates: rate('duplicates'),
    bytesToExecutor: rate('bytesToExecutor'),
    bytesToHarness: rate('bytesToHarness'),
  };
}
