// A bad link on purpose, so that people can watch endpoints recover: drops, repeats, reorders, delays, throttles and cuts
// frames of one executor in one direction, by a seeded generator. The rendezvous itself stays as good as it is.

import { createHash } from 'node:crypto';
import { Fifo } from '../../shared/relay/fifo.ts';
import type { ImpairmentSettings, ImpairmentsSettings } from '../../shared/relay/impairment-settings.ts';
import type { FaultCounts } from '../../shared/relay/live-picture.ts';

export interface ImpairmentFaults {
  readonly toExecutor?: FaultCounts;
  readonly toHarness?: FaultCounts;
}

/** Beyond this much in delay lines frames are dropped, as a router does. */
const maxQueuedBytes = 64 * 1024 * 1024;

/** Both directions of one executor. */
export class Impairments {
  readonly toExecutor: Impairment | undefined;
  readonly toHarness: Impairment | undefined;

  /** @param onCut ends the connection that the frames of a direction go to, without a close frame. */
  constructor(
    readonly settings: ImpairmentsSettings,
    onCut: (direction: 'toExecutor' | 'toHarness') => void,
  ) {
    const { seed, toExecutor, toHarness } = settings;
    if (toExecutor) this.toExecutor = new Impairment(toExecutor, `${seed}/toExecutor`, () => onCut('toExecutor'));
    if (toHarness) this.toHarness = new Impairment(toHarness, `${seed}/toHarness`, () => onCut('toHarness'));
  }

  /** What was done so far, by direction. */
  get stats(): ImpairmentFaults {
    const { toExecutor, toHarness } = this;
    return {
      ...(toExecutor && { toExecutor: toExecutor.stats }),
      ...(toHarness && { toHarness: toHarness.stats }),
    };
  }

  /** What waits is lost. */
  close(): void {
    this.toExecutor?.close();
    this.toHarness?.close();
  }
}

export class Impairment {
  readonly stats: FaultCounts = {
    frames: 0,
    dropped: 0,
    duplicated: 0,
    reordered: 0,
    delayed: 0,
    cuts: 0,
    queuedFrames: 0,
    queuedBytes: 0,
  };
  readonly #random: () => number;
  readonly #line = new Fifo<Waiting>();
  #lineTimer: NodeJS.Timeout | undefined;
  readonly #heldBack = new Set<NodeJS.Timeout>();
  /** When the last frame that keeps the order is due, and when the throttled line is free again; ms. */
  #lastDueMs = 0;
  #lineFreeMs = 0;

  constructor(
    private readonly settings: ImpairmentSettings,
    seed: string,
    private readonly onCut: () => void,
  ) {
    this.#random = seededRandom(seed);
  }

  /** Calls `send` never, once or more, now or later. */
  pass(frame: Uint8Array, send: (frame: Uint8Array) => void): void {
    const { drop = 0, duplicate = 0, reorder = 0, reorderMs = 20, cutEveryFrames = 0 } = this.settings;
    const { stats } = this;
    stats.frames++;
    // Always the same number of draws per frame, so that one setting does not change what the others do.
    const [dropDraw, duplicateDraw, reorderDraw, jitterDraw] = [
      this.#random(),
      this.#random(),
      this.#random(),
      this.#random(),
    ];
    if (cutEveryFrames > 0 && stats.frames % cutEveryFrames === 0) {
      stats.cuts++;
      this.onCut();
      return;
    }
    if (dropDraw < drop || stats.queuedBytes > maxQueuedBytes) {
      stats.dropped++;
      return;
    }
    const dueMs = this.#dueMs(frame.length, jitterDraw);
    const copies = duplicateDraw < duplicate ? 2 : 1;
    if (copies === 2) stats.duplicated++;
    for (let copy = 0; copy < copies; copy++) {
      if (reorderDraw < reorder) {
        if (copy === 0) stats.reordered++;
        this.#holdBack({ dueMs: dueMs + reorderMs, frame, send });
      } else if (dueMs <= performance.now() && this.#line.length === 0) send(frame);
      else this.#queue({ dueMs, frame, send });
    }
  }

  close(): void {
    clearTimeout(this.#lineTimer);
    for (const timer of this.#heldBack) clearTimeout(timer);
    this.#heldBack.clear();
    this.#line.clear();
    this.stats.queuedFrames = 0;
    this.stats.queuedBytes = 0;
  }

  #dueMs(bytes: number, jitterDraw: number): number {
    const { delayMs = 0, jitterMs = 0, bytesPerSecond = 0 } = this.settings;
    const nowMs = performance.now();
    let dueMs = nowMs;
    if (bytesPerSecond > 0) {
      this.#lineFreeMs = Math.max(nowMs, this.#lineFreeMs) + (bytes * 1000) / bytesPerSecond;
      dueMs = this.#lineFreeMs;
    }
    dueMs += delayMs + jitterMs * jitterDraw;
    this.#lastDueMs = Math.max(dueMs, this.#lastDueMs);
    return this.#lastDueMs;
  }

  /** In order, behind what waits already. */
  #queue(item: Waiting): void {
    this.#book(item, 1);
    this.stats.delayed++;
    this.#line.push(item);
    if (this.#line.length === 1) this.#waitForFirst();
  }

  #waitForFirst(): void {
    const first = this.#line.at(0);
    if (first) this.#lineTimer = setTimeout(() => this.#sendDue(), Math.max(0, first.dueMs - performance.now()));
  }

  #sendDue(): void {
    const nowMs = performance.now();
    for (let first = this.#line.at(0); first && first.dueMs <= nowMs; first = this.#line.at(0)) {
      this.#line.shift();
      this.#book(first, -1);
      first.send(first.frame);
    }
    this.#waitForFirst();
  }

  /** Out of order: what comes meanwhile overtakes it. */
  #holdBack(item: Waiting): void {
    this.#book(item, 1);
    const timer = setTimeout(() => {
      this.#heldBack.delete(timer);
      this.#book(item, -1);
      item.send(item.frame);
    }, item.dueMs - performance.now());
    this.#heldBack.add(timer);
  }

  #book({ frame }: Waiting, sign: 1 | -1): void {
    this.stats.queuedFrames += sign;
    this.stats.queuedBytes += sign * frame.length;
  }
}

interface Waiting {
  readonly dueMs: number;
  readonly frame: Uint8Array;
  readonly send: (frame: Uint8Array) => void;
}

/** Numbers from 0 to 1, the same for the same seed (xorshift128, seeded by SHA-256). */
export function seededRandom(seed: string): () => number {
  const digest = createHash('sha256').update(seed).digest();
  let [a, b, c, d] = [digest.readInt32LE(0), digest.readInt32LE(4), digest.readInt32LE(8), digest.readInt32LE(12) | 1];
  return () => {
    const t = a ^ (a << 11);
    [a, b, c] = [b, c, d];
    d = d ^ (d >>> 19) ^ t ^ (t >>> 8);
    return (d >>> 0) / 2 ** 32;
  };
}
