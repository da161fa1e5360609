// The sender's half of reliability: segments that were sent and not acknowledged, which of them are lost, and when to
// send again. Pure: time comes in as `nowMs`, nothing here sends.

import { serialAdd, serialDistance } from './ack-window.ts';
import { Fifo } from './fifo.ts';
import type { RelayLimits } from './limits.ts';
import { RttEstimator } from './rtt.ts';

export interface SentSegment {
  readonly seq: number;
  readonly segmentIndex: number;
  readonly segmentCount: number;
  readonly payload: Uint8Array;
  /** When it was sent last. */
  sentAtMs: number;
  /** Counts transmissions over the whole stream: what was sent later has a higher one. */
  order: number;
  isResent: boolean;
  /** Its acknowledgement tells the round-trip time: sent once, and no carrier was lost since. */
  isMeasurable: boolean;
  /** Acknowledged by a bit, while something before it is missing. */
  isAcked: boolean;
  /** Taken for lost, waits to be sent again. */
  isLost: boolean;
}

/** How many segments that were sent later must be acknowledged until an earlier one counts as lost (RFC 5681). */
const laterAcks = 3;
/** Segments looked at per acknowledgement to find lost ones: a little more than `ack_bits` can speak of. */
const lossScan = 64;
/** Segments resent when the timer expires; only one when it expires again without progress. */
const timeoutBurst = 8;

export type AckOutcome =
  /** Something new was acknowledged. */
  | 'progress'
  | 'nothing_new'
  /** It acknowledges what was never sent: a protocol error. */
  | 'never_sent';

export class SendWindow {
  readonly rtt: RttEstimator;
  /** Not acknowledged by `ack`, in the order of their seqs, without gaps. */
  readonly #segments = new Fifo<SentSegment>();
  #nextSeq: number;
  /** The highest `ack` so far; what is before the first segment kept and after this was forgotten unacknowledged. */
  #ackedThrough: number;
  #bytes = 0;
  #lostCount = 0;
  /** No segment before this seq is lost: where to look for the first lost one. */
  #lostFromSeq: number;
  #ackedByBits = 0;
  #order = 0;
  /** The highest orders that were acknowledged, highest first. */
  #ackedOrders = [0, 0, 0];
  #resentUnacked = 0;
  #backoff = 0;
  /** The timer runs from here; restarted by progress, by expiry and by the first segment sent into an empty window. */
  #timerFromMs = 0;
  /** Segments sent more than once, ever. */
  retransmits = 0;

  constructor(
    firstSeq: number,
    private readonly limits: RelayLimits,
  ) {
    this.#nextSeq = firstSeq;
    this.#ackedThrough = serialAdd(firstSeq, -1);
    this.#lostFromSeq = firstSeq;
    this.rtt = new RttEstimator(limits.initialRtoMs, limits.minRtoMs, limits.maxRtoMs);
  }

  /** The seq of the next new segment. */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  /** Segments kept, and their bytes. */
  get length(): number {
    return this.#segments.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get hasLost(): boolean {
    return this.#lostCount > 0;
  }

  /** Whether a segment of `bytes` may be sent to a reliable peer. An empty window takes one of any size. */
  hasRoomFor(bytes: number): boolean {
    if (this.#segments.length === 0) return true;
    return this.#segments.length < this.limits.windowSegments && this.#bytes + bytes <= this.limits.windowBytes;
  }

  /** The same for a peer that has not proven reliable, for which everything is kept meanwhile. */
  hasTailRoomFor(bytes: number): boolean {
    const { unprovenTailBytes, unprovenTailSegments } = this.limits;
    const { length } = this.#segments;
    return length === 0 || (length < unprovenTailSegments && this.#bytes + bytes <= unprovenTailBytes);
  }

  /** Forgets the oldest segments, until so many new ones find room in the tail that is kept for an old peer. */
  trimOldTail(newSegments = 0, newBytes = 0): void {
    const maxSegments = this.limits.oldTailSegments - newSegments;
    const maxBytes = this.limits.oldTailBytes - newBytes;
    while (this.#segments.length > 0 && (this.#segments.length > maxSegments || this.#bytes > maxBytes)) {
      this.#removeFirst();
    }
  }

  /** A new segment, which is sent now. */
  push(payload: Uint8Array, segmentIndex: number, segmentCount: number, nowMs: number): SentSegment {
    if (this.#segments.length === this.#ackedByBits) this.#timerFromMs = nowMs;
    const segment: SentSegment = {
      seq: this.#nextSeq,
      segmentIndex,
      segmentCount,
      payload,
      sentAtMs: nowMs,
      order: ++this.#order,
      isResent: false,
      isMeasurable: true,
      isAcked: false,
      isLost: false,
    };
    this.#nextSeq = serialAdd(this.#nextSeq, 1);
    this.#segments.push(segment);
    this.#bytes += payload.length;
    return segment;
  }

  /** Whether the peer has not acknowledged a segment that was forgotten. */
  get lacksForgotten(): boolean {
    const firstKept = serialAdd(this.#nextSeq, -this.#segments.length);
    return serialDistance(firstKept, this.#ackedThrough) > 1;
  }

  /** Applies an acknowledgement that counts (docs/relay.md says which do). */
  acknowledge(ack: number, ackBits: number, nowMs: number): AckOutcome {
    const highest = ackBits === 0 ? ack : serialAdd(ack, 32 - Math.clz32(ackBits));
    if (serialDistance(highest, this.#nextSeq) >= 0 || serialDistance(ack, this.#nextSeq) >= 0) return 'never_sent';
    if (serialDistance(ack, this.#ackedThrough) > 0) this.#ackedThrough = ack;
    let hasProgress = false;
    let sampleMs = -1;
    const onAcked = (segment: SentSegment) => {
      hasProgress = true;
      // The newest of the segments that this frame acknowledges tells the time best: the others may have waited.
      if (segment.isMeasurable) sampleMs = nowMs - segment.sentAtMs;
      this.#noteOrder(segment, nowMs);
    };
    let first = this.#segments.at(0);
    while (first && serialDistance(ack, first.seq) >= 0) {
      if (!first.isAcked) onAcked(first);
      this.#removeFirst();
      first = this.#segments.at(0);
    }
    if (first && ackBits !== 0) {
      for (let bit = 0; bit < 32; bit++) {
        if (!(ackBits & (1 << bit))) continue;
        const place = serialDistance(serialAdd(ack, 1 + bit), first.seq);
        const segment = place < 0 ? undefined : this.#segments.at(place);
        if (!segment || segment.isAcked) continue;
        segment.isAcked = true;
        this.#ackedByBits++;
        this.#setLost(segment, false);
        if (segment.isResent) this.#resentUnacked--;
        onAcked(segment);
      }
    }
    if (!hasProgress) return 'nothing_new';
    if (sampleMs >= 0) this.rtt.measure(sampleMs);
    this.#backoff = 0;
    this.#timerFromMs = nowMs;
    if (this.#ackedByBits > 0 || this.#resentUnacked > 0) this.#findLost();
    return 'progress';
  }

  /** When the timer expires, in ms; Infinity while everything is acknowledged. */
  get deadlineMs(): number {
    if (this.#segments.length === this.#ackedByBits && !this.lacksForgotten) return Infinity;
    return this.#timerFromMs + this.rtt.rtoMs(this.#backoff);
  }

  /** To be called when `deadlineMs` has passed: the oldest segments are taken for lost. */
  expire(nowMs: number): void {
    const sentBeforeMs = nowMs - this.rtt.rtoMs(0);
    let burst = this.#backoff === 0 ? timeoutBurst : 1;
    for (let place = 0; place < this.#segments.length && burst > 0; place++) {
      const segment = this.#segments.at(place);
      if (!segment || segment.isAcked) continue;
      if (segment.sentAtMs > sentBeforeMs) continue;
      this.#setLost(segment, true);
      burst--;
    }
    this.#backoff++;
    this.#timerFromMs = nowMs;
  }

  /** Our carrier was lost and replaced: what was on the way may be lost; the peer's resume will say. */
  onCarrierReplaced(nowMs: number): void {
    for (let place = 0; place < this.#segments.length; place++) {
      const segment = this.#segments.at(place);
      if (segment) segment.isMeasurable = false;
    }
    this.restartTimer(nowMs);
  }

  /** The timer starts anew and without back-off. */
  restartTimer(nowMs: number): void {
    this.#backoff = 0;
    this.#timerFromMs = nowMs;
  }

  /** The peer has resumed: what was on the way to it is lost. What was sent just now may still arrive. */
  onPeerResumed(nowMs: number): void {
    const tooRecentMs = this.rtt.smoothedMs === undefined ? this.limits.minRtoMs : this.rtt.minMs;
    for (let place = 0; place < this.#segments.length; place++) {
      const segment = this.#segments.at(place);
      if (!segment || nowMs - segment.sentAtMs < tooRecentMs) continue;
      segment.isMeasurable = false;
      if (!segment.isAcked) this.#setLost(segment, true);
    }
    this.restartTimer(nowMs);
  }

  /** The first lost segment, which is sent again now. */
  takeLost(nowMs: number): SentSegment | undefined {
    if (this.#lostCount === 0) return undefined;
    const firstSeq = serialAdd(this.#nextSeq, -this.#segments.length);
    for (let place = Math.max(0, serialDistance(this.#lostFromSeq, firstSeq)); place < this.#segments.length; place++) {
      const segment = this.#segments.at(place);
      if (!segment?.isLost) continue;
      this.#lostFromSeq = serialAdd(segment.seq, 1);
      this.#setLost(segment, false);
      if (!segment.isResent) this.#resentUnacked++;
      segment.isResent = true;
      segment.isMeasurable = false;
      segment.sentAtMs = nowMs;
      segment.order = ++this.#order;
      this.retransmits++;
      return segment;
    }
    return undefined;
  }

  /** Forgets everything: the stream has ended. */
  clear(): void {
    this.#segments.clear();
    this.#bytes = 0;
    this.#lostCount = 0;
    this.#ackedByBits = 0;
    this.#resentUnacked = 0;
  }

  #removeFirst(): void {
    const segment = this.#segments.shift();
    if (!segment) return;
    this.#bytes -= segment.payload.length;
    this.#setLost(segment, false);
    if (segment.isAcked) this.#ackedByBits--;
    else if (segment.isResent) this.#resentUnacked--;
  }

  #setLost(segment: SentSegment, isLost: boolean): void {
    if (segment.isLost === isLost) return;
    segment.isLost = isLost;
    if (!isLost) {
      this.#lostCount--;
      return;
    }
    if (this.#lostCount === 0 || serialDistance(segment.seq, this.#lostFromSeq) < 0) this.#lostFromSeq = segment.seq;
    this.#lostCount++;
  }

  #noteOrder(segment: SentSegment, nowMs: number): void {
    // Which transmission of a resent segment was acknowledged is unknown: the last one only if there was time for it.
    if (segment.isResent && nowMs - segment.sentAtMs < this.rtt.minMs) return;
    const orders = this.#ackedOrders;
    let order = segment.order;
    for (let place = 0; place < laterAcks; place++) {
      const known = orders[place] ?? 0;
      if (order === known) return;
      if (order > known) {
        orders[place] = order;
        order = known;
      }
    }
  }

  /** Fast retransmit: what was sent before three acknowledged transmissions should have arrived by now. */
  #findLost(): void {
    const lostBefore = this.#ackedOrders[laterAcks - 1] ?? 0;
    const end = Math.min(this.#segments.length, lossScan);
    for (let place = 0; place < end; place++) {
      const segment = this.#segments.at(place);
      if (segment && !segment.isAcked && segment.order < lostBefore) this.#setLost(segment, true);
    }
  }
}
