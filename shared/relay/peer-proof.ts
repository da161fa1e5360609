// Whether the peer has proven reliable: how long that is waited for, when it is asked, and when it is given up as an old one
// (docs/relay.md "Old peers"). Pure: time comes in as `nowMs`; what follows is reliable-stream.ts's.

import type { RelayLimits } from './limits.ts';
import type { PeerKind } from './stream-types.ts';

export class PeerProof {
  #kind: PeerKind = 'unproven';
  #firstSentAtMs: number | undefined;
  /** After a lost carrier an unproven peer must answer by then. */
  #dueMs = Infinity;
  /** While the tail is full, new messages wait until then. */
  #holdUntilMs = Infinity;
  #askAtMs = Infinity;
  #askWaitMs: number;

  constructor(private readonly limits: RelayLimits) {
    this.#askWaitMs = limits.probeMs;
  }

  get kind(): PeerKind {
    return this.#kind;
  }

  get isReliable(): boolean {
    return this.#kind === 'reliable';
  }

  /** Nothing new may be sent until the peer has answered. */
  get isAwaited(): boolean {
    return this.#dueMs !== Infinity;
  }

  /** It acknowledges, or sends what old peers never do. @returns whether that is news. */
  give(): boolean {
    if (this.isReliable) return false;
    this.#kind = 'reliable';
    this.#dueMs = Infinity;
    this.#holdUntilMs = Infinity;
    this.#askAtMs = Infinity;
    return true;
  }

  /** A segment was sent to a peer that has given no proof. */
  onSent(nowMs: number): void {
    this.#firstSentAtMs ??= nowMs;
    if (this.#askAtMs === Infinity) this.#askAtMs = nowMs + this.#askWaitMs;
  }

  /** Something may have been lost with the carrier: only a reliable peer can mend that. */
  onCarrierReplaced(nowMs: number): void {
    this.#dueMs = nowMs + this.limits.resumeProofMs;
    this.#askAtMs = nowMs + this.limits.urgentProbeMs;
  }

  /** The tail is full: new messages wait for the proof, for a while. */
  hold(nowMs: number): void {
    if (this.#holdUntilMs !== Infinity) return;
    this.#holdUntilMs = nowMs + this.limits.proofWaitMs;
    this.#askAtMs = nowMs;
  }

  isOverdue(nowMs: number): boolean {
    return nowMs >= this.#dueMs;
  }

  /** @returns whether the peer is taken for an old one from now on. */
  giveUpIfDue(nowMs: number): boolean {
    if (nowMs < this.#holdUntilMs && nowMs < this.#oldAtMs) return false;
    this.#kind = 'old';
    this.#holdUntilMs = Infinity;
    return true;
  }

  /** @returns whether to ask by a resume frame now. */
  askIfDue(nowMs: number): boolean {
    if (nowMs < this.#askAtMs) return false;
    const isUrgent = this.#holdUntilMs !== Infinity || this.isAwaited;
    this.#askAtMs = nowMs + (isUrgent ? this.limits.urgentProbeMs : this.#askWaitMs);
    if (!isUrgent) {
      this.#askWaitMs =
        this.#kind === 'old' ? this.limits.oldProbeMs : Math.min(this.#askWaitMs * 2, this.limits.maxProbeMs);
    }
    return true;
  }

  /** When something becomes due, in ms. @param isAsking a question is about to leave. */
  deadlineMs(isAsking: boolean): number {
    return Math.min(this.#dueMs, this.#holdUntilMs, isAsking ? Infinity : this.#askAtMs, this.#oldAtMs);
  }

  get #oldAtMs(): number {
    if (this.#kind !== 'unproven' || this.#firstSentAtMs === undefined) return Infinity;
    return this.#firstSentAtMs + this.limits.oldAfterMs;
  }
}
