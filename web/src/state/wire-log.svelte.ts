// What went over the wire of all connections. Recording happens always, so here an entry costs a push and two additions; the
// inspector, which is loaded when it is opened, takes the entries from here and does the rest.

import type { Recorder, WireEntry } from '../../../shared/recording/entry.ts';
import { entryBytes, logBounds, type LogBounds } from '../lib/inspect/bounds.ts';

/** Entries beyond the bounds stay in the array until there are so many: moving the rest costs. */
const slack = 10_000;

export class WireLog {
  /** When this recording began, in ms since 1970. */
  readonly startedAtMs = Date.now();
  readonly #startMs = performance.now();
  #listeners: readonly Recorder[] = [];
  #entries: WireEntry[] = [];
  #first = 0;
  #bytes = 0;
  #droppedCount = 0;

  constructor(private readonly bounds: LogBounds = logBounds) {}

  /** The clock of the recording: pass it to `observeConnection` and `observeCarrier`. */
  readonly nowMs = (): number => performance.now() - this.#startMs;

  /** For `observeConnection`, `observeCarrier`, and for the events of a connection's life. Bound: pass it as it is. */
  readonly record: Recorder = (entry) => {
    this.#entries.push(entry);
    this.#bytes += entryBytes(entry);
    while (this.#entries.length - this.#first > this.bounds.maxRows || this.#bytes > this.bounds.maxBytes) this.#drop();
    for (const listener of this.#listeners) listener(entry);
  };

  /** What was recorded since the last call, and how many entries before it were dropped. There is one taker. */
  take(): { readonly entries: readonly WireEntry[]; readonly droppedCount: number } {
    const taken = { entries: this.#entries.slice(this.#first), droppedCount: this.#droppedCount };
    this.#entries = [];
    this.#first = 0;
    this.#bytes = 0;
    this.#droppedCount = 0;
    return taken;
  }

  /** Tells of each entry at once. @returns a function that ends it. */
  listen(listener: Recorder): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  #drop(): void {
    const entry = this.#entries[this.#first++];
    if (entry) this.#bytes -= entryBytes(entry);
    this.#droppedCount++;
    if (this.#first < slack) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }
}
