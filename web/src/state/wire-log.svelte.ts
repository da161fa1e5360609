// What went over the wire of all connections, as the inspector shows it. Recording happens always, so it costs one push an
// entry; everything else is done once a frame.

import type { Recorder, WireEntry } from '../../../shared/recording/entry.ts';

/** Most entries that are kept. */
const maxEntries = 100_000;

export class WireLog {
  /** When this recording began. */
  readonly startedAt = new Date();
  readonly #startMs = performance.now();
  #entries: WireEntry[] = [];

  /** The clock of the recording: pass it to `observeConnection` and `observeCarrier`. */
  readonly nowMs = (): number => performance.now() - this.#startMs;

  /** For `observeConnection`, `observeCarrier`, and for the events of a connection's life. Bound: pass it as it is. */
  readonly record: Recorder = (entry) => {
    this.#entries.push(entry);
    if (this.#entries.length > 2 * maxEntries) this.#entries = this.#entries.slice(-maxEntries);
  };

  get entries(): readonly WireEntry[] {
    return this.#entries;
  }
}
