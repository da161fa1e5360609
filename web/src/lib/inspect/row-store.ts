// The rows of a recording, newest last, within bounds of number and size; what is dropped is counted. Also their anomalies.

import type { WireEntry } from '../../../../shared/recording/entry.ts';
import { entryBytes, type LogBounds } from './bounds.ts';
import { Conversations } from './conversation.ts';
import { rowOf, type Row } from './row.ts';

/** Most anomalies that are listed, newest; all are counted. */
const maxAnomalies = 1000;
/** Dropped rows stay in the array until there are so many: moving the rest costs. */
const slack = 10_000;

export class RowStore {
  #rows: Row[] = [];
  /** Rows at the front of `#rows` that are dropped already. */
  #first = 0;
  #bytes = 0;
  #nextNumber = 1;
  #conversations = new Conversations();
  #anomalous: Row[] = [];
  /** Rows that are gone because of the bounds. */
  droppedCount = 0;
  anomalyCount = 0;
  /** Grows when rows are taken out other than by the bounds: views of the rows begin anew. */
  epoch = 0;

  constructor(private readonly bounds: LogBounds) {}

  get length(): number {
    return this.#rows.length - this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Newest last. */
  get anomalous(): readonly Row[] {
    return this.#anomalous;
  }

  /** The number that the next row will have. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  get firstNumber(): number {
    return this.#nextNumber - this.length;
  }

  row(number: number): Row | undefined {
    const index = number - this.firstNumber;
    return index < 0 ? undefined : this.#rows[this.#first + index];
  }

  rows(): readonly Row[] {
    return this.#rows.slice(this.#first);
  }

  push(entry: WireEntry): void {
    const row = rowOf(entry, this.#nextNumber++);
    this.#rows.push(row);
    this.#bytes += entryBytes(entry);
    for (const earlier of this.#conversations.see(row)) this.#noteAnomaly(earlier);
    if (row.layer === 'message') row.head.envelope = undefined;
    if (row.anomalies.length > 0) this.#noteAnomaly(row);
    while (this.length > this.bounds.maxRows || (this.#bytes > this.bounds.maxBytes && this.length > 1)) {
      this.#dropFirst();
    }
  }

  /** Counts rows that were dropped before they came here. */
  skip(count: number): void {
    if (count === 0) return;
    // Rows must be numbered without holes: what is before the hole goes too.
    this.droppedCount += count + this.length;
    this.#nextNumber += count;
    this.#rows = [];
    this.#first = 0;
    this.#bytes = 0;
    this.epoch++;
  }

  /** @returns a function that brings the rows back, before what came since; it works once, until the next clear. */
  clear(): () => void {
    const former = { rows: this.rows(), bytes: this.#bytes, dropped: this.droppedCount };
    const formerAnomalies = { rows: this.#anomalous, count: this.anomalyCount };
    this.#rows = [];
    this.#first = 0;
    this.#bytes = 0;
    this.droppedCount = 0;
    this.#anomalous = [];
    this.anomalyCount = 0;
    const epoch = ++this.epoch;
    return () => {
      if (this.epoch !== epoch) return;
      this.#rows = [...former.rows, ...this.rows()];
      this.#first = 0;
      this.#bytes += former.bytes;
      this.droppedCount += former.dropped;
      this.#anomalous = [...formerAnomalies.rows, ...this.#anomalous].slice(-maxAnomalies);
      this.anomalyCount += formerAnomalies.count;
      this.epoch++;
    };
  }

  /** The nearest marked row before or after a number. */
  marked(from: number, step: 1 | -1): Row | undefined {
    for (let number = from + step; number >= this.firstNumber && number < this.#nextNumber; number += step) {
      const row = this.row(number);
      if (row?.isMarked) return row;
    }
    return undefined;
  }

  #dropFirst(): void {
    const row = this.#rows[this.#first++];
    if (row) this.#bytes -= entryBytes(row.entry);
    this.droppedCount++;
    if (this.#first < slack) return;
    this.#rows = this.#rows.slice(this.#first);
    this.#first = 0;
  }

  #noteAnomaly(row: Row): void {
    this.anomalyCount++;
    if (this.#anomalous.includes(row)) return;
    this.#anomalous.push(row);
    if (this.#anomalous.length > 2 * maxAnomalies) this.#anomalous = this.#anomalous.slice(-maxAnomalies);
  }
}
