// The rows of a store that a filter lets through, found a little at a time: a hundred thousand rows must not hold the page up.

import type { Predicate } from './filter.ts';
import type { Row } from './row.ts';
import type { RowStore } from './row-store.ts';

/** The clock is looked at after so many rows. */
const strideRows = 256;
/** Rows that were dropped from the store stay until there are so many. */
const slack = 5000;

export class RowView {
  #rows: Row[] = [];
  #first = 0;
  #nextNumber = 0;
  #epoch = -1;
  bytes = 0;

  constructor(
    readonly store: RowStore,
    private readonly matches: Predicate,
  ) {}

  get length(): number {
    return this.#rows.length - this.#first;
  }

  /** Whether all rows of the store have been looked at. */
  get isComplete(): boolean {
    return this.#epoch === this.store.epoch && this.#nextNumber >= this.store.nextNumber;
  }

  /** Share of the store that has been looked at, 0 … 1. */
  get progress(): number {
    const { firstNumber, length } = this.store;
    return length === 0 ? 1 : Math.min(1, Math.max(0, (this.#nextNumber - firstNumber) / length));
  }

  rows(): readonly Row[] {
    return this.#rows.slice(this.#first);
  }

  at(index: number): Row | undefined {
    return index < 0 ? undefined : this.#rows[this.#first + index];
  }

  /** Where the row of this number stands, or the next one after it. */
  indexOf(number: number): number {
    let low = this.#first;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#rows[middle]?.number ?? 0) < number) low = middle + 1;
      else high = middle;
    }
    return low - this.#first;
  }

  /** Goes on for `budgetMs`. @returns whether anything has changed. */
  advance(budgetMs: number, nowMs: () => number): boolean {
    const { store } = this;
    let hasChanged = false;
    if (this.#epoch !== store.epoch) {
      this.#rows = [];
      this.#first = 0;
      this.bytes = 0;
      this.#nextNumber = store.firstNumber;
      this.#epoch = store.epoch;
      hasChanged = true;
    }
    while ((this.#rows[this.#first]?.number ?? Infinity) < store.firstNumber) {
      this.bytes -= this.#rows[this.#first]?.bytes ?? 0;
      this.#first++;
      hasChanged = true;
    }
    if (this.#first > slack) {
      this.#rows = this.#rows.slice(this.#first);
      this.#first = 0;
    }
    this.#nextNumber = Math.max(this.#nextNumber, store.firstNumber);
    const untilMs = nowMs() + budgetMs;
    for (let count = 1; this.#nextNumber < store.nextNumber; count++) {
      const row = store.row(this.#nextNumber++);
      if (row && this.matches(row)) {
        this.#rows.push(row);
        this.bytes += row.bytes;
        hasChanged = true;
      }
      if (count % strideRows === 0 && nowMs() >= untilMs) break;
    }
    return hasChanged;
  }
}
