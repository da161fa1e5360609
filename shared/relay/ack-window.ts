// Which segments have arrived: what `ack` and `ack_bits` say, and what is a duplicate. Seqs are serial numbers (RFC 1982).

/** How far `a` is after `b` on the circle of 2^32; negative when it is before. Meaningful below 2^31. */
export function serialDistance(a: number, b: number): number {
  return (a - b) | 0;
}

/** `seq + count`, wrapped. */
export function serialAdd(seq: number, count: number): number {
  return (seq + count) >>> 0;
}

/** Bits of `ack_bits`. */
const ackBitCount = 32;

export type Arrival =
  /** The one that everything waited for. */
  | 'next'
  /** After a gap. */
  | 'early'
  | 'duplicate'
  /** Too far after the gap to be remembered. */
  | 'beyond';

export class AckWindow {
  /** The first seq that has not arrived. */
  #next: number;
  #hasArrived = false;
  /** Arrived after a gap; only there while there is one. */
  #early: Set<number> | undefined;

  /** @param maxEarly how far after the first missing seq an arrival is remembered. */
  constructor(
    firstSeq: number,
    private readonly maxEarly: number,
  ) {
    this.#next = firstSeq;
  }

  /** The first seq that has not arrived. */
  get nextSeq(): number {
    return this.#next;
  }

  get hasGap(): boolean {
    return this.#early !== undefined;
  }

  /** How many have arrived after a gap and wait for it to close. */
  get earlyCount(): number {
    return this.#early?.size ?? 0;
  }

  /** Whether anything has arrived without a gap, so that there is something to acknowledge. */
  get hasArrived(): boolean {
    return this.#hasArrived;
  }

  judge(seq: number): Arrival {
    const distance = serialDistance(seq, this.#next);
    if (distance === 0) return 'next';
    if (distance < 0) return 'duplicate';
    if (distance > this.maxEarly) return 'beyond';
    return this.#early?.has(seq) ? 'duplicate' : 'early';
  }

  /** Notes an arrival that `judge` called `next` or `early`. */
  note(seq: number): void {
    if (seq !== this.#next) {
      this.#early ??= new Set();
      this.#early.add(seq);
      return;
    }
    this.#hasArrived = true;
    this.#next = serialAdd(seq, 1);
    while (this.#early?.delete(this.#next)) this.#next = serialAdd(this.#next, 1);
    if (this.#early?.size === 0) this.#early = undefined;
  }

  /** `ack_bits` for an `ack` that is `nextSeq - 1` or, when acknowledging is held back, before it. */
  bitsAfter(ack: number): number {
    const contiguous = Math.min(serialDistance(this.#next, ack) - 1, ackBitCount);
    if (!this.#early) return contiguous === 0 ? 0 : (0xffffffff >>> (ackBitCount - contiguous)) >>> 0;
    let bits = 0;
    for (let bit = 0; bit < ackBitCount; bit++) {
      if (bit < contiguous || this.#early.has(serialAdd(ack, 1 + bit))) bits |= 1 << bit;
    }
    return bits >>> 0;
  }

  /** Whether `seq` shows in the bits after `ack`. */
  static isInBits(seq: number, ack: number): boolean {
    const distance = serialDistance(seq, ack);
    return distance >= 1 && distance <= ackBitCount;
  }
}
