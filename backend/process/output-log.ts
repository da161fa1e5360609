// The retained output of one process: chunks by seq, bounded by bytes and by number, oldest dropped first.

import type { OutputBudget } from '../containment/quota.ts';
import type { OutputStream } from './child.ts';

export interface OutputChunk {
  readonly seq: number;
  readonly stream: OutputStream;
  /** As it goes over the wire; made once, used for the notification and for every read. */
  readonly base64: string;
  readonly byteLength: number;
}

/** Bounds the bookkeeping of chunks of a few bytes each. */
const maxChunks = 50_000;

export class OutputLog {
  /** Bytes of the oldest chunks that have been dropped. */
  droppedBytes = 0;
  #chunks: OutputChunk[] = [];
  /** Index of the oldest chunk: dropping must not move the rest each time. */
  #first = 0;
  #bytes = 0;
  #isReleased = false;

  /** @param budget what all logs may hold together; each keeps its newest chunk in any case. */
  constructor(
    private readonly maxBytes: number,
    private readonly budget?: OutputBudget,
  ) {}

  push(chunk: OutputChunk): void {
    if (this.#isReleased) return;
    this.#chunks.push(chunk);
    this.#add(chunk.byteLength);
    while (this.#mustDrop()) {
      const dropped = this.#chunks[this.#first++];
      if (!dropped) break;
      this.#add(-dropped.byteLength);
      this.droppedBytes += dropped.byteLength;
    }
    // The dropped ones are still referenced from the front of the array: cut them off once they are the larger part.
    if (this.#first > 16 && this.#first * 2 > this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Nobody reads it any more: gives its share of the budget back. Idempotent. */
  release(): void {
    this.#isReleased = true;
    this.#add(-this.#bytes);
    this.#chunks = [];
    this.#first = 0;
  }

  #add(bytes: number): void {
    this.#bytes += bytes;
    if (this.budget) this.budget.usedBytes += bytes;
  }

  #mustDrop(): boolean {
    const count = this.#chunks.length - this.#first;
    return this.#bytes > this.maxBytes || count > maxChunks || (count > 1 && this.budget?.isExceeded === true);
  }

  /**
   * Chunks with a seq above `afterSeq`, oldest first: the first always, further ones while the sum stays within
   * `maxBytes`; ends when the sum has reached it (docs/protocol.md, "Read algorithm").
   */
  read(afterSeq: number, maxBytes: number): OutputChunk[] {
    const start = this.#indexAfter(afterSeq);
    let end = start;
    let sum = 0;
    for (; end < this.#chunks.length; end++) {
      const { byteLength } = this.#chunks[end] as OutputChunk;
      if (end > start && sum + byteLength > maxBytes) break;
      sum += byteLength;
      if (sum >= maxBytes) {
        end++;
        break;
      }
    }
    return this.#chunks.slice(start, end);
  }

  /** Seqs ascend: a binary search. */
  #indexAfter(afterSeq: number): number {
    let low = this.#first;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#chunks[middle] as OutputChunk).seq > afterSeq) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
