// Puts the events of one process in the order of seq, and tells what is missing, so that it can be read again.
// Pure: events in, ordered events out (docs/protocol.md, "Output": seq counts output, exited and closed together from 1).

import type { OutputStreamName } from './process-handle.ts';

export type ProcessEvent =
  | { readonly kind: 'output'; readonly seq: number; readonly stream: OutputStreamName; readonly base64: string }
  | { readonly kind: 'exited'; readonly seq: number; readonly exitCode: number }
  | { readonly kind: 'closed'; readonly seq: number };

/** What the consumer gets, in order. `lost`: output from `fromSeq` to `toSeq` was evicted before it could be read. */
export type OrderedEvent = ProcessEvent | { readonly kind: 'lost'; readonly fromSeq: number; readonly toSeq: number };

/** The part of an answer to `process/read` that is used here. */
export interface ReadState {
  readonly chunks: readonly { readonly seq: number; readonly stream: OutputStreamName; readonly chunk: string }[];
  readonly exited: boolean;
  readonly exitCode: number | null;
  readonly closed?: boolean | undefined;
  /** Whether output is missing before the chunks, where that is known; else a single missing number passes for the exit. */
  readonly hasLost?: boolean | undefined;
}

export class ProcessOutput {
  #lastSeq = 0;
  #hasExited = false;
  #isClosed = false;
  /** A read told of the exit, whose own seq it does not tell: one missing number is no gap. */
  #exitedSeqUnknown = false;
  readonly #held = new Map<number, ProcessEvent>();

  /** What to ask `process/read` for. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Events wait for one that has not come. */
  get hasGap(): boolean {
    return this.#held.size > 0;
  }

  /** An event that was pushed. Repeated ones are dropped. */
  push(event: ProcessEvent): OrderedEvent[] {
    if (event.seq <= this.#lastSeq || this.#isClosed) return [];
    this.#held.set(event.seq, event);
    return this.#release();
  }

  /**
   * The answer to a read from `lastSeq`, which holds all that the server has: fills the gap, and what is missing even so
   * is reported lost.
   */
  fill(read: ReadState): OrderedEvent[] {
    if (this.#isClosed) return [];
    for (const { seq, stream, chunk } of read.chunks) {
      if (seq > this.#lastSeq && !this.#held.has(seq))
        this.#held.set(seq, { kind: 'output', seq, stream, base64: chunk });
    }
    const ordered: OrderedEvent[] = [];
    const newest = read.closed ? Infinity : (read.chunks.at(-1)?.seq ?? 0);
    const known = [...this.#held.values()].filter(({ seq }) => seq <= newest).sort((a, b) => a.seq - b.seq);
    for (const event of known) {
      let missing = event.seq - this.#lastSeq - 1;
      const isLostOutput = missing === 1 && read.hasLost === true;
      if (missing > 0 && !isLostOutput && this.#mustTellExit(read)) {
        missing--;
        this.#deliverExit(read.exitCode, ordered);
      } else if (missing > 0 && !isLostOutput && this.#exitedSeqUnknown) {
        missing--;
        this.#exitedSeqUnknown = false;
      }
      if (missing > 0) ordered.push({ kind: 'lost', fromSeq: this.#lastSeq + 1, toSeq: event.seq - 1 });
      this.#deliver(event, ordered);
    }
    if (this.#mustTellExit(read)) {
      this.#deliverExit(read.exitCode, ordered);
      this.#exitedSeqUnknown = true;
    }
    ordered.push(...this.#release());
    if (read.closed && !this.#isClosed) this.#deliver({ kind: 'closed', seq: this.#lastSeq + 1 }, ordered);
    return ordered;
  }

  /** The read knows of the exit, and no event of it has come. */
  #mustTellExit(read: ReadState): boolean {
    return read.exited && !this.#hasExited && ![...this.#held.values()].some(({ kind }) => kind === 'exited');
  }

  #release(): OrderedEvent[] {
    const ordered: OrderedEvent[] = [];
    for (;;) {
      let event = this.#held.get(this.#lastSeq + 1);
      if (!event && this.#exitedSeqUnknown) {
        event = this.#held.get(this.#lastSeq + 2);
        if (event) this.#exitedSeqUnknown = false;
      }
      if (!event) return ordered;
      this.#deliver(event, ordered);
    }
  }

  #deliver(event: ProcessEvent, ordered: OrderedEvent[]): void {
    this.#held.delete(event.seq);
    this.#lastSeq = Math.max(this.#lastSeq, event.seq);
    if (event.kind === 'exited') {
      this.#exitedSeqUnknown = false;
      if (this.#hasExited) return;
      this.#hasExited = true;
    }
    if (event.kind === 'closed') this.#isClosed = true;
    ordered.push(event);
  }

  #deliverExit(exitCode: number | null, ordered: OrderedEvent[]): void {
    this.#hasExited = true;
    ordered.push({ kind: 'exited', seq: this.#lastSeq, exitCode: exitCode ?? -1 });
  }
}
