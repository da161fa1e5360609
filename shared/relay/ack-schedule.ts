// When an acknowledgement must leave: with every so many segments, after a delay, or at once (docs/relay.md). Pure.

import type { RelayLimits } from './limits.ts';

export class AckSchedule {
  /** One must leave with the next frame, or as a frame of its own. */
  isDue = false;
  #dueMs = Infinity;
  #arrivals = 0;

  constructor(private readonly limits: RelayLimits) {}

  /** A segment came in order, or room was made: others may follow that one acknowledgement does for. */
  onArrival(nowMs: number): void {
    this.#arrivals++;
    if (this.#arrivals >= this.limits.ackEverySegments) this.isDue = true;
    else if (this.#dueMs === Infinity) this.#dueMs = nowMs + this.limits.ackDelayMs;
  }

  advance(nowMs: number): void {
    if (nowMs >= this.#dueMs) this.isDue = true;
  }

  /** A frame that acknowledges has left. */
  onSent(): void {
    this.isDue = false;
    this.#dueMs = Infinity;
    this.#arrivals = 0;
  }

  /** When `advance` must be called, in ms; Infinity when there is nothing to wait for. */
  get deadlineMs(): number {
    return this.isDue ? Infinity : this.#dueMs;
  }
}
