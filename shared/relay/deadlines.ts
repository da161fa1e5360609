// Many deadlines, one timer: a binary heap whose items know their place, so that each can be moved.

export interface DeadlineItem {
  /** When it is due, in ms. Written by `Deadlines` only. */
  dueMs: number;
  /** Its place in the heap, -1 when it is in none. Written by `Deadlines` only. */
  heapPlace: number;
}

export class Deadlines<T extends DeadlineItem> {
  readonly #heap: T[] = [];

  /** The earliest deadline; Infinity when there is none. */
  get nextMs(): number {
    return this.#heap[0]?.dueMs ?? Infinity;
  }

  /** Sets the deadline of an item, new or not. */
  set(item: T, dueMs: number): void {
    const isNew = item.heapPlace < 0;
    const wasMs = item.dueMs;
    item.dueMs = dueMs;
    if (isNew) {
      item.heapPlace = this.#heap.length;
      this.#heap.push(item);
    }
    if (isNew || dueMs < wasMs) this.#moveUp(item);
    else this.#moveDown(item);
  }

  delete(item: T): void {
    const place = item.heapPlace;
    if (place < 0) return;
    item.heapPlace = -1;
    const last = this.#heap.pop();
    if (!last || last === item) return;
    this.#put(last, place);
    this.#moveUp(last);
    this.#moveDown(last);
  }

  /** Removes and returns an item that is due at `nowMs`. */
  takeDue(nowMs: number): T | undefined {
    const first = this.#heap[0];
    if (!first || first.dueMs > nowMs) return undefined;
    this.delete(first);
    return first;
  }

  #put(item: T, place: number): void {
    this.#heap[place] = item;
    item.heapPlace = place;
  }

  #moveUp(item: T): void {
    while (item.heapPlace > 0) {
      const place = item.heapPlace;
      const parent = this.#heap[(place - 1) >> 1];
      if (!parent || parent.dueMs <= item.dueMs) return;
      this.#put(item, parent.heapPlace);
      this.#put(parent, place);
    }
  }

  #moveDown(item: T): void {
    for (;;) {
      const place = item.heapPlace;
      const left = this.#heap[2 * place + 1];
      const right = this.#heap[2 * place + 2];
      const child = right && left && right.dueMs < left.dueMs ? right : left;
      if (!child || child.dueMs >= item.dueMs) return;
      this.#put(item, child.heapPlace);
      this.#put(child, place);
    }
  }
}
