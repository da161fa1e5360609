// What one simulated run looks like: everything about it follows from its seed.

import type { RelayLimits } from '../../shared/relay/limits.ts';
import type { LinkFaults } from './link.ts';
import { Random } from './random.ts';

/** A message is a slice of the corpus (simulate.ts): where it begins, and its length. */
export interface PlannedMessage {
  readonly offset: number;
  readonly length: number;
  /** Pause of the writer before it. */
  readonly afterMs: number;
}

export interface PlannedPause {
  /** After so many messages the reader pauses … */
  readonly afterMessages: number;
  readonly forMs: number;
}

export interface PlannedStream {
  readonly harness: number;
  readonly beginsAtMs: number;
  readonly toExecutor: readonly PlannedMessage[];
  readonly toHarness: readonly PlannedMessage[];
  readonly executorPauses: readonly PlannedPause[];
  readonly harnessPauses: readonly PlannedPause[];
}

export interface PlannedCut {
  readonly atMs: number;
  /** Index of a harness, or -1: the executor's socket. */
  readonly harness: number;
  readonly downMs: number;
}

export type Cast = 'both_ours' | 'old_executor' | 'old_harness';

export interface Scenario {
  readonly seed: number;
  readonly cast: Cast;
  readonly firstSeq: number;
  readonly faults: LinkFaults;
  readonly limits: Partial<RelayLimits>;
  readonly harnesses: number;
  readonly streams: readonly PlannedStream[];
  readonly cuts: readonly PlannedCut[];
  /** Everything must be done by then. */
  readonly boundMs: number;
}

export const corpusBytes = 24 * 1024 * 1024;
const maxMessageBytes = 8 * 1024 * 1024;
const KiB = 1024;

export function scenarioOf(seed: number): Scenario {
  const random = new Random(seed);
  const cast = random.pick<Cast>(['both_ours', 'both_ours', 'both_ours', 'both_ours', 'old_executor', 'old_harness']);
  const isOurs = cast === 'both_ours';
  // Few big messages: one of 8 MiB costs as much as a thousand small ones.
  const size = random.unit();
  const longest = size < 0.7 ? 2 * KiB : size < 0.95 ? 100 * KiB : size < 0.99 ? 1024 * KiB : maxMessageBytes;
  const harnesses = random.pick([1, 1, 2]);
  const streamCount = random.pick([1, 1, 1, 2, 4]);
  const many = random.chance(0.1) ? 150 : 25;
  const streams = Array.from({ length: streamCount }, (): PlannedStream => {
    const most = longest > 100 * KiB ? 4 : longest > 2 * KiB ? 12 : many;
    return {
      harness: random.between(0, harnesses - 1),
      beginsAtMs: random.chance(0.5) ? 0 : random.between(0, 500),
      toExecutor: messages(random, random.between(1, most), longest),
      toHarness: messages(random, random.between(1, most), longest),
      executorPauses: pauses(random, most),
      harnessPauses: pauses(random, most),
    };
  });
  const minDelayMs = random.pick([0, 0.2, 1, 20, 150]);
  const faults: LinkFaults = {
    // Two links lie on the way: 16 % on each is 30 % in all.
    loss: isOurs ? random.pick([0, 0.01, 0.05, 0.1, 0.16]) : 0,
    duplication: isOurs ? random.pick([0, 0.01, 0.05, 0.16]) : 0,
    reordering: isOurs ? random.pick([0, 0.05, 0.3, 1]) : 0,
    minDelayMs,
    maxDelayMs: minDelayMs + random.pick([0, 0.5, 10, 100]),
    bytesPerMs: random.pick([Infinity, Infinity, 50_000, 2_000]),
  };
  const limits: Partial<RelayLimits> = random.chance(0.5)
    ? {}
    : {
        segmentBytes: random.pick([512, 4 * KiB, 16 * KiB, 64 * KiB]),
        windowSegments: random.pick([4, 32, 256]),
        windowBytes: random.pick([64 * KiB, 512 * KiB]),
        reorderSegments: random.pick([8, 64, 512]),
        reorderBytes: random.pick([64 * KiB, 512 * KiB]),
        unreadBytes: random.pick([1 * KiB, 64 * KiB]),
        unreadMessages: random.pick([1, 16]),
        ackEverySegments: random.pick([1, 2, 8]),
        maxSegmentsPerMessage: 65_536,
      };
  const isSlow = longest > 100 * KiB;
  const { segmentBytes = 64 * KiB } = limits;
  return {
    seed,
    cast,
    firstSeq: random.chance(0.35) ? (2 ** 32 - random.between(0, 12)) % 2 ** 32 : 0,
    faults,
    // Thousands of segments per message would only cost time.
    limits: isSlow ? { ...limits, segmentBytes: Math.max(segmentBytes, 16 * KiB), windowSegments: 256 } : limits,
    harnesses,
    streams,
    cuts: isOurs ? cuts(random, harnesses) : [],
    boundMs: 300_000,
  };
}

function messages(random: Random, count: number, longest: number): PlannedMessage[] {
  const isBurst = random.chance(0.5);
  return Array.from({ length: count }, (_, index) => {
    // The longest comes first sometimes: then it leaves before the peer has proven reliable.
    const length = index === 0 && random.chance(0.3) ? longest : random.magnitude(1, longest);
    return {
      offset: random.between(0, corpusBytes - length),
      length,
      afterMs: isBurst || random.chance(0.6) ? 0 : random.between(0, 80),
    };
  });
}

function pauses(random: Random, most: number): PlannedPause[] {
  if (!random.chance(0.25)) return [];
  return Array.from({ length: random.between(1, 3) }, () => ({
    afterMessages: random.between(0, most),
    forMs: random.pick([1, 50, 400, 3_000]),
  }));
}

function cuts(random: Random, harnesses: number): PlannedCut[] {
  if (!random.chance(0.4)) return [];
  return Array.from({ length: random.between(1, 6) }, () => ({
    atMs: random.magnitude(1, 4_000),
    harness: random.between(-1, harnesses - 1),
    downMs: random.pick([0, 1, 30, 300, 2_000]),
  })).sort((a, b) => a.atMs - b.atMs);
}
