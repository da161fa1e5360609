// Watches a sequence number that should grow by one: what is missing, repeated or late.

export type SequenceFinding = { readonly kind: 'gap' | 'duplicate' | 'reorder'; readonly detail: string } | undefined;

/** Most missing numbers that are remembered; later arrivals of others count as duplicates. */
const maxHoles = 10_000;

export class SequenceWatch {
  readonly #holes = new Set<number>();

  /** @param last The number before the first that is due; undefined: whatever comes first is right. */
  constructor(private last: number | undefined) {}

  /** After a reconnect what was missed is not repeated: the next number may be any that is higher. */
  allowGap(): void {
    this.#mayJump = true;
  }
  #mayJump = false;

  /** Numbers are compared as serial numbers of 32 bits (RFC 1982): relay seqs wrap, others are smaller. */
  see(seq: number): SequenceFinding {
    if (this.last === undefined) {
      this.last = seq;
      return undefined;
    }
    const ahead = (seq - this.last) | 0;
    if (ahead > 0) {
      const from = this.last + 1;
      this.last = seq;
      const mayJump = this.#mayJump;
      this.#mayJump = false;
      if (ahead === 1 || mayJump) return undefined;
      for (let hole = from; hole < from + ahead - 1 && this.#holes.size < maxHoles; hole++) this.#holes.add(hole >>> 0);
      return { kind: 'gap', detail: ahead === 2 ? `${from} is missing` : `${from} to ${seq - 1} are missing` };
    }
    if (this.#holes.delete(seq)) return { kind: 'reorder', detail: `${seq} comes after ${this.last}` };
    return { kind: 'duplicate', detail: `${seq} has come before` };
  }
}
