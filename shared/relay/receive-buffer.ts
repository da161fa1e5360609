// The receiver's half of reliability: what arrived too early waits, what is complete waits for its reader, and the
// acknowledgement says how far all of that may go on. Pure and bounded.

import { AckWindow, serialAdd, serialDistance } from './ack-window.ts';
import { Fifo } from './fifo.ts';
import type { RelayData } from './frame.ts';
import type { RelayLimits } from './limits.ts';
import { compacted, Reassembler, type SegmentFault } from './segments.ts';

export type Received =
  /** In order: it, and perhaps others that had waited for it, went on. */
  | 'in_order'
  /** It closed a gap. */
  | 'gap_closed'
  | 'early'
  | 'duplicate'
  /** No room: it will be resent. */
  | 'dropped'
  /** The stream cannot go on: its reset's reason. */
  | SegmentFault
  | 'reader_too_slow';

interface UnreadMessage {
  readonly bytes: Uint8Array;
  /** The seq of its last segment. */
  readonly lastSeq: number;
}

export class ReceiveBuffer {
  readonly #window: AckWindow;
  readonly #early = new Map<number, RelayData>();
  #earlyBytes = 0;
  readonly #reassembler: Reassembler;
  readonly #unread = new Fifo<UnreadMessage>();
  #unreadBytes = 0;
  /** Acknowledging is held back at this seq while too much is unread. */
  #heldAck: number | undefined;
  /** Nobody reads any more: complete messages are acknowledged and thrown away. */
  #isDiscarding = false;

  constructor(
    firstSeq: number,
    private readonly limits: RelayLimits,
  ) {
    this.#window = new AckWindow(firstSeq, limits.reorderSegments);
    this.#reassembler = new Reassembler(limits.maxMessageBytes, limits.maxSegmentsPerMessage);
  }

  get earlyBytes(): number {
    return this.#earlyBytes;
  }

  get reassemblyBytes(): number {
    return this.#reassembler.bytes;
  }

  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  get hasUnread(): boolean {
    return this.#unread.length > 0;
  }

  /** Everything held here, in bytes. */
  get bytes(): number {
    return this.#earlyBytes + this.#reassembler.bytes + this.#unreadBytes;
  }

  /** Whether there is something to acknowledge: before, `ack` cannot be told from "nothing". */
  get canAck(): boolean {
    return this.#window.hasArrived;
  }

  get ack(): number {
    if (!this.#window.hasArrived) return 0;
    return this.#heldAck ?? serialAdd(this.#window.nextSeq, -1);
  }

  get ackBits(): number {
    return this.#window.hasArrived ? this.#window.bitsAfter(this.ack) : 0;
  }

  /** Whether the arrival of `seq` shows in `ack` or `ack_bits`, so that telling it at once makes a difference. */
  showsInAck(seq: number): boolean {
    return this.#window.hasArrived && AckWindow.isInBits(seq, this.ack);
  }

  /** @param neverResends the peer has not proven reliable: what is dropped is lost, so the stream must end instead. */
  receive(segment: RelayData, neverResends: boolean): Received {
    const arrival = this.#window.judge(segment.seq);
    if (arrival === 'duplicate') return 'duplicate';
    if (arrival === 'beyond') return 'dropped';
    if (arrival === 'early') {
      const bytes = segment.payload.length;
      if (this.#earlyBytes + bytes > this.limits.reorderBytes) return 'dropped';
      this.#early.set(segment.seq, { ...segment, payload: compacted(segment.payload) });
      this.#earlyBytes += bytes;
      this.#window.note(segment.seq);
      return 'early';
    }
    if (this.#unreadBytes > (neverResends ? this.limits.maxUnreadBytesOfOldPeer : this.limits.maxUnreadBytes)) {
      return neverResends ? 'reader_too_slow' : 'dropped';
    }
    const hadGap = this.#window.hasGap;
    this.#window.note(segment.seq);
    const fault = this.#reassemble(segment) ?? (hadGap ? this.#takeEarly(segment.seq) : undefined);
    this.#holdAckIfNeeded(segment.seq);
    return fault ?? (hadGap ? 'gap_closed' : 'in_order');
  }

  /** The oldest complete message. */
  takeMessage(): Uint8Array | undefined {
    const message = this.#unread.shift();
    if (!message) return undefined;
    this.#unreadBytes -= message.bytes.length;
    if (this.#heldAck !== undefined) {
      if (!this.#isOverfull) this.#heldAck = undefined;
      else if (serialDistance(message.lastSeq, this.#heldAck) > 0) this.#heldAck = message.lastSeq;
    }
    return message.bytes;
  }

  /** Nobody reads any more; what still comes is acknowledged and thrown away. */
  discard(): void {
    this.#isDiscarding = true;
    this.#clearUnread();
  }

  /** The stream has ended: only complete messages are kept, for their reader. */
  clearIncomplete(): void {
    this.#early.clear();
    this.#earlyBytes = 0;
    this.#reassembler.clear();
  }

  get #isOverfull(): boolean {
    return this.#unreadBytes > this.limits.unreadBytes || this.#unread.length > this.limits.unreadMessages;
  }

  #takeEarly(seqBefore: number): SegmentFault | undefined {
    for (let seq = serialAdd(seqBefore, 1); seq !== this.#window.nextSeq; seq = serialAdd(seq, 1)) {
      const segment = this.#early.get(seq);
      if (!segment) break;
      this.#early.delete(seq);
      this.#earlyBytes -= segment.payload.length;
      const fault = this.#reassemble(segment);
      if (fault) return fault;
    }
    return undefined;
  }

  #reassemble(segment: RelayData): SegmentFault | undefined {
    const message = this.#reassembler.push(segment);
    if (typeof message === 'string') return message;
    if (message === undefined || this.#isDiscarding) return undefined;
    // Usually it is taken at once; what waits behind another one may wait for long.
    this.#unread.push({ bytes: this.#unread.length > 0 ? compacted(message) : message, lastSeq: segment.seq });
    this.#unreadBytes += message.length;
    return undefined;
  }

  #holdAckIfNeeded(arrivedSeq: number): void {
    if (this.#heldAck === undefined && this.#isOverfull) this.#heldAck = arrivedSeq;
  }

  #clearUnread(): void {
    this.#unread.clear();
    this.#unreadBytes = 0;
    this.#heldAck = undefined;
  }
}
