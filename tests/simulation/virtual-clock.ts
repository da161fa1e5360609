// A clock that stands still until told to go on: events run in the order of their times, without any real waiting.

import type { RelayClock } from '../../shared/relay/clock.ts';
import { Deadlines, type DeadlineItem } from '../../shared/relay/deadlines.ts';

class Event implements DeadlineItem {
  dueMs = Infinity;
  heapPlace = -1;
  constructor(readonly run: () => void) {}
}

export class VirtualClock implements RelayClock {
  #nowMs = 0;
  readonly #events = new Deadlines<Event>();
  /** Makes times of events that are due together differ, so that they run in the order in which they were set. */
  #tick = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const event = new Event(callback);
    this.#events.set(event, this.#nowMs + delayMs + ++this.#tick * 1e-9);
    return () => this.#events.delete(event);
  }

  /** Runs the next event. @returns false when there is none at or before `untilMs`. */
  step(untilMs: number): boolean {
    const event = this.#events.takeDue(untilMs);
    if (!event) return false;
    this.#nowMs = Math.max(this.#nowMs, event.dueMs);
    event.run();
    return true;
  }
}
