// How much goes over a connection, each way, and how far the screens are behind: counted as it passes, looked at every two
// seconds for the last two minutes.

import type { Direction } from '../../../shared/recording/entry.ts';

/** ms */
const sampleMs = 2000;
/** Two minutes of them. */
const kept = 60;

export class Traffic {
  /** Bytes per second, the newest last. */
  received = $state.raw<readonly number[]>([]);
  sent = $state.raw<readonly number[]>([]);
  /** The longest that output waited to be drawn, ms, in the last two seconds. Undefined while there is none. */
  lagMs = $state<number | undefined>();
  /** Plain numbers: output may flood, and nothing is drawn for each message of it. */
  readonly #bytes: Record<Direction, number> = { in: 0, out: 0 };
  #timer: ReturnType<typeof setInterval> | undefined;
  #sampledAtMs = 0;
  #lagMs: number | undefined;

  count(dir: Direction, bytes: number): void {
    this.#bytes[dir] += bytes;
  }

  /** Output was drawn so long after it had come, ms. */
  drawn(lagMs: number): void {
    this.#lagMs = Math.max(this.#lagMs ?? 0, lagMs);
  }

  /** Looks from now on. Twice is fine. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#sampledAtMs = performance.now();
    this.#timer = setInterval(() => this.#sample(), sampleMs);
  }

  /** Forgets. Twice is fine. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.received = [];
    this.sent = [];
    this.#bytes.in = 0;
    this.#bytes.out = 0;
    this.lagMs = this.#lagMs = undefined;
  }

  /** Timers of a hidden page come late: what counts is the time that has passed. */
  #sample(): void {
    const nowMs = performance.now();
    const seconds = Math.max(1, nowMs - this.#sampledAtMs) / 1000;
    this.#sampledAtMs = nowMs;
    this.received = [...this.received.slice(1 - kept), this.#bytes.in / seconds];
    this.sent = [...this.sent.slice(1 - kept), this.#bytes.out / seconds];
    this.#bytes.in = 0;
    this.#bytes.out = 0;
    this.lagMs = this.#lagMs;
    this.#lagMs = undefined;
  }
}
