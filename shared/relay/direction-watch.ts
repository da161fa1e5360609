// What can be told of one direction of a stream by looking at the heads of the frames that pass: pure and bounded. It
// opens no payload and changes nothing, so it works for encrypted streams and for peers of every kind.

import { AckWindow, serialAdd, serialDistance } from './ack-window.ts';
import type { RelayData } from './frame.ts';
import type { DirectionPicture } from './live-picture.ts';
import { RttEstimator } from './rtt.ts';

/** Segments remembered until they are acknowledged: a sender's whole window; of a larger one the oldest are forgotten. */
const maxUnacked = 1024;
/** How far after a gap segments are told apart. */
const maxEarly = 1024;

interface Unacked {
  readonly atMs: number;
  readonly bytes: number;
  /** By Karn's rule only a segment that was sent once tells the time. */
  isMeasurable: boolean;
}

export class DirectionWatch {
  /** In the order of their seqs. */
  readonly #unacked = new Map<number, Unacked>();
  #unackedBytes = 0;
  #newestSeq: number | undefined;
  #ack: number | undefined;
  #ackBits = 0;
  readonly #rtt = new RttEstimator(0, 0, 0);
  #passed: AckWindow | undefined;
  /** Where watching began: what is resent from before it may or may not have passed. */
  #firstPassedSeq = 0;
  #message: { readonly startSeq: number; readonly segmentCount: number } | undefined;
  #retransmits = 0;
  #duplicates = 0;
  #segments = 0;
  #bytes = 0;
  #lastFrameAtMs: number | undefined;

  /** Any frame of this direction has come. */
  onFrame(nowMs: number): void {
    this.#lastFrameAtMs = nowMs;
  }

  /** The sender has sent `data`. @returns whether it had sent it before. */
  onSent({ seq, payload }: RelayData, nowMs: number): boolean {
    this.#segments++;
    this.#bytes += payload.length;
    if (this.#newestSeq !== undefined && serialDistance(seq, this.#newestSeq) <= 0) {
      // A socket keeps the order: what is not newer was sent before.
      this.#retransmits++;
      const unacked = this.#unacked.get(seq);
      if (unacked) unacked.isMeasurable = false;
      return true;
    }
    this.#newestSeq = seq;
    this.#unacked.set(seq, { atMs: nowMs, bytes: payload.length, isMeasurable: true });
    this.#unackedBytes += payload.length;
    if (this.#unacked.size > maxUnacked) {
      for (const oldest of this.#unacked.keys()) {
        this.#settle(oldest);
        break;
      }
    }
    return false;
  }

  /** `data` goes on to the receiver: not all that was sent does, and some does twice. @returns whether it had before. */
  onPassed({ seq, segmentIndex, segmentCount }: RelayData): boolean {
    if (!this.#passed) {
      this.#passed = new AckWindow(seq, maxEarly);
      this.#firstPassedSeq = seq;
    }
    let arrival = this.#passed.judge(seq);
    if (arrival === 'beyond') {
      // What is missing will not come any more: a peer that never resends, or a new start.
      this.#passed = new AckWindow(seq, maxEarly);
      arrival = 'next';
    }
    if (arrival === 'duplicate') {
      const isKnown = serialDistance(seq, this.#firstPassedSeq) >= 0;
      if (isKnown) this.#duplicates++;
      return isKnown;
    }
    this.#passed.note(seq);
    const startSeq = serialAdd(seq, -segmentIndex);
    if (!this.#message || serialDistance(startSeq, this.#message.startSeq) > 0) {
      this.#message = { startSeq, segmentCount };
    }
    return false;
  }

  /** The receiver acknowledges; the caller knows that it counts (docs/relay.md "Frames"). */
  onAck(ack: number, ackBits: number, nowMs: number): void {
    if (this.#ack !== undefined && serialDistance(ack, this.#ack) < 0) return;
    this.#ack = ack;
    this.#ackBits = ackBits;
    let sampleMs: number | undefined;
    const settle = (seq: number) => {
      const unacked = this.#settle(seq);
      if (unacked?.isMeasurable) sampleMs = nowMs - unacked.atMs;
    };
    for (const seq of this.#unacked.keys()) {
      if (serialDistance(ack, seq) < 0) break;
      settle(seq);
    }
    for (let bit = 0; bit < 32 && ackBits >>> bit !== 0; bit++) {
      if ((ackBits >>> bit) & 1) settle(serialAdd(ack, 1 + bit));
    }
    if (sampleMs !== undefined) this.#rtt.measure(sampleMs);
  }

  picture(nowMs: number): DirectionPicture {
    const acks = this.#ack !== undefined;
    return {
      seq: this.#newestSeq ?? null,
      ack: this.#ack ?? null,
      ackBits: this.#ackBits,
      rttMs: this.#rtt.smoothedMs ?? null,
      unackedSegments: acks ? this.#unacked.size : null,
      unackedBytes: acks ? this.#unackedBytes : null,
      retransmits: this.#retransmits,
      duplicates: this.#duplicates,
      earlySegments: this.#passed?.earlyCount ?? 0,
      reassembly: this.#reassembly(),
      segments: this.#segments,
      bytes: this.#bytes,
      silentMs: this.#lastFrameAtMs === undefined ? null : Math.max(0, nowMs - this.#lastFrameAtMs),
    };
  }

  #reassembly(): DirectionPicture['reassembly'] {
    if (!this.#passed || !this.#message) return null;
    const { startSeq, segmentCount } = this.#message;
    const segments = Math.max(0, serialDistance(this.#passed.nextSeq, startSeq));
    return segments < segmentCount && segmentCount > 1 ? { segments, of: segmentCount } : null;
  }

  #settle(seq: number): Unacked | undefined {
    const unacked = this.#unacked.get(seq);
    if (!unacked) return undefined;
    this.#unacked.delete(seq);
    this.#unackedBytes -= unacked.bytes;
    return unacked;
  }
}
