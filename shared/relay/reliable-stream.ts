// The reliable stream: one end of one stream as a pure state machine. Events and the time go in; frames, messages and
// the next deadline come out. No I/O, no timers, no Node, no DOM: mux.ts drives it, and so does the simulation.
//
//   peer state   event                                                        next
//   unproven     it acknowledges anything, or sends what old peers never do   reliable
//   unproven     no sign for `oldAfterMs`, or the tail stayed full            old
//   old          as the first line                                            reliable
//
//   unproven, old: messages leave whole and at once; nothing is resent; a bounded tail is kept (docs/relay.md "Old peers")
//   reliable:      messages are cut into segments, kept until acknowledged, resent, and wait for room in the window
//
//   stream state  event                          next      what leaves
//   open          carrier lost                   paused    nothing
//   paused        carrier replaced               open      resume, then what the peer lacks
//   paused        `resumeTimeoutMs`              ended
//   open          close()                        closing   the rest, until acknowledged or `lingerMs`
//   closing       all acknowledged               ended     reset
//   any           reset from the peer            ended
//   any           a rule was broken              ended     reset

import { AckSchedule } from './ack-schedule.ts';
import { resetReason, type RelayBody, type RelayData, type RelayFrame } from './frame.ts';
import type { RelayLimits } from './limits.ts';
import { PeerProof } from './peer-proof.ts';
import { ReceiveBuffer } from './receive-buffer.ts';
import { SendQueue } from './send-queue.ts';
import { SendWindow, type SentSegment } from './send-window.ts';
import type { ReliableStreamOptions, RelayRole, StreamEnd, StreamStats } from './stream-types.ts';

export class ReliableStream {
  readonly streamId: string;
  readonly role: RelayRole;
  readonly #limits: RelayLimits;
  readonly #firstSeq: number;
  readonly #proof: PeerProof;
  #end: StreamEnd | undefined;
  /** The reset that the peer has not been told yet. */
  #resetToSend: string | undefined;

  // Sending.
  readonly #unsent: SendQueue;
  readonly #window: SendWindow;
  /** Since when nothing was acknowledged although something should be. */
  #unansweredSinceMs = 0;

  // Receiving.
  readonly #buffer: ReceiveBuffer;
  #isReading = true;
  readonly #ack: AckSchedule;

  // Carrier and peer.
  #carrierIsUp: boolean;
  #carrierLostAtMs = 0;
  #resumeIsDue: boolean;
  #resumeSentAtMs = -Infinity;
  #closing: { readonly reason: string; readonly untilMs: number } | undefined;
  #lastSentMs: number;
  #lastReceivedMs: number;
  #heartbeatIsDue = false;

  #duplicates = 0;
  #dropped = 0;
  #framesIn = 0;
  #framesOut = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  #messagesIn = 0;
  #messagesOut = 0;
  #resumes = 0;

  constructor(options: ReliableStreamOptions) {
    const { limits, nowMs, firstSeq = 0 } = options;
    this.streamId = options.streamId;
    this.role = options.role;
    this.#limits = limits;
    this.#firstSeq = firstSeq;
    this.#proof = new PeerProof(limits);
    this.#unsent = new SendQueue(limits.segmentBytes);
    this.#window = new SendWindow(firstSeq, limits);
    this.#buffer = new ReceiveBuffer(firstSeq, limits);
    this.#ack = new AckSchedule(limits);
    this.#carrierIsUp = options.carrierIsUp;
    this.#carrierLostAtMs = nowMs;
    // A harness begins with `resume {next_seq: 0}`.
    this.#resumeIsDue = options.role === 'harness';
    this.#lastSentMs = nowMs;
    this.#lastReceivedMs = nowMs;
  }

  /** Why it ended; nothing happens any more, except that `nextFrame` may have a reset to tell the peer. */
  get end(): StreamEnd | undefined {
    return this.#end;
  }

  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** The reason of a reset that `nextFrame` has not handed out yet. */
  get unsentReset(): string | undefined {
    return this.#resetToSend;
  }

  /** Bytes of messages that were given to `send` and are not in a segment yet: what backpressure is about. */
  get unsentBytes(): number {
    return this.#unsent.bytes;
  }

  /** Bytes held for the receiving side, early segments, unfinished and unread messages together. */
  get receiveBytes(): number {
    return this.#buffer.bytes;
  }

  get stats(): StreamStats {
    return {
      peer: this.#proof.kind,
      rttMs: this.#window.rtt.smoothedMs,
      unackedSegments: this.#window.length,
      unackedBytes: this.#window.bytes,
      unsentBytes: this.#unsent.bytes,
      earlyBytes: this.#buffer.earlyBytes,
      reassemblyBytes: this.#buffer.reassemblyBytes,
      unreadBytes: this.#buffer.unreadBytes,
      retransmits: this.#window.retransmits,
      duplicates: this.#duplicates,
      dropped: this.#dropped,
      framesIn: this.#framesIn,
      framesOut: this.#framesOut,
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      messagesIn: this.#messagesIn,
      messagesOut: this.#messagesOut,
      resumes: this.#resumes,
    };
  }

  // ---- Events ----

  /** Queues a message. It must not change afterwards. Empty messages have no form on the wire and are ignored. */
  send(message: Uint8Array): void {
    if (this.#end || this.#closing || message.length === 0) return;
    this.#unsent.push(message);
  }

  /** A valid frame of this stream. Its payload may be kept. */
  receive(frame: RelayFrame, nowMs: number): void {
    if (this.#end) return;
    this.#framesIn++;
    this.#lastReceivedMs = nowMs;
    const body = frame.body;
    if (body.kind === 'reset') {
      this.#endWith({ reason: body.reason, by: 'peer' });
      return;
    }
    // Zero is what old peers always send, so it says nothing, except in an ack frame.
    if (frame.ack !== 0 || frame.ackBits !== 0 || body.kind === 'ackFrame') this.#receiveAck(frame, nowMs);
    if (this.#end) return;
    if (body.kind === 'data') this.#receiveData(body, nowMs);
    else if (body.kind === 'resume') this.#receiveResume(frame, body.nextSeq, nowMs);
    this.#endIfClosed();
  }

  carrierDown(nowMs: number): void {
    if (!this.#carrierIsUp) return;
    this.#carrierIsUp = false;
    this.#carrierLostAtMs = nowMs;
    if (this.#limits.resumeTimeoutMs === 0) this.#endWith({ reason: 'carrier_lost', by: 'us' });
  }

  carrierUp(nowMs: number): void {
    if (this.#carrierIsUp || this.#end) return;
    this.#carrierIsUp = true;
    this.#resumeIsDue = true;
    this.#lastReceivedMs = nowMs;
    this.#unansweredSinceMs = nowMs;
    this.#window.onCarrierReplaced(nowMs);
    if (!this.#proof.isReliable && (this.#window.length > 0 || this.#buffer.canAck)) {
      this.#proof.onCarrierReplaced(nowMs);
    }
  }

  /** The reader can't take more for now: messages stay here, and the peer's window fills. */
  pauseReading(): void {
    this.#isReading = false;
  }

  resumeReading(): void {
    this.#isReading = true;
  }

  /** Ends the stream by a reset with `reason` once everything sent has arrived, at the latest after `lingerMs`. */
  close(reason: string, nowMs: number): void {
    this.#buffer.discard();
    if (this.#end || this.#closing) return;
    this.#closing = { reason: resetReason(reason), untilMs: nowMs + this.#limits.lingerMs };
    this.#endIfClosed();
  }

  /** Ends the stream at once by a reset with `reason`. */
  abort(reason: string): void {
    if (this.#end) return;
    this.#resetToSend = resetReason(reason);
    this.#endWith({ reason: this.#resetToSend, by: 'us' });
  }

  /** To be called when `deadlineMs` has passed; harmless earlier. */
  advance(nowMs: number): void {
    if (this.#end) return;
    if (this.#closing && nowMs >= this.#closing.untilMs) {
      this.abort(this.#closing.reason);
      return;
    }
    if (!this.#carrierIsUp) {
      if (nowMs >= this.#carrierLostAtMs + this.#limits.resumeTimeoutMs) this.abort('not_resumed');
      return;
    }
    this.#ack.advance(nowMs);
    if (this.#proof.isReliable) this.#advanceWithReliablePeer(nowMs);
    else this.#advanceWithUnprovenPeer(nowMs);
  }

  // ---- What comes out ----

  /** When `advance` must be called next, in ms; Infinity: only after another event. */
  get deadlineMs(): number {
    if (this.#end) return Infinity;
    const closingMs = this.#closing?.untilMs ?? Infinity;
    if (!this.#carrierIsUp) return Math.min(closingMs, this.#carrierLostAtMs + this.#limits.resumeTimeoutMs);
    const ackDueMs = this.#ack.deadlineMs;
    if (!this.#proof.isReliable) return Math.min(closingMs, ackDueMs, this.#proof.deadlineMs(this.#resumeIsDue));
    return Math.min(
      closingMs,
      ackDueMs,
      this.#window.hasLost ? Infinity : this.#window.deadlineMs,
      this.#window.length > 0 ? this.#unansweredSinceMs + this.#limits.ackTimeoutMs : Infinity,
      this.#heartbeatIsDue ? Infinity : this.#lastSentMs + this.#limits.heartbeatMs,
      this.#lastReceivedMs + this.#limits.silenceMs,
    );
  }

  /** The next complete message, in order, each exactly once; undefined when there is none or the reader has paused. */
  nextMessage(nowMs: number): Uint8Array | undefined {
    if (!this.#isReading) return undefined;
    const ackBefore = this.#buffer.ack;
    const message = this.#buffer.takeMessage();
    if (!message) return undefined;
    this.#messagesIn++;
    // The reader made room: the sender, whose window may be full, must hear of it.
    if (!this.#end && this.#buffer.ack !== ackBefore) this.#scheduleAck(nowMs);
    return message;
  }

  /** Whether messages wait for `nextMessage`, also while the reader has paused. */
  get hasUnread(): boolean {
    return this.#buffer.hasUnread;
  }

  /**
   * The next frame to send now, or undefined. To be called while the carrier takes frames, after any event; a frame that
   * was handed out counts as sent.
   */
  nextFrame(nowMs: number): RelayFrame | undefined {
    if (!this.#carrierIsUp) return undefined;
    if (this.#end) return this.#takeReset();
    if (this.#resumeIsDue) {
      this.#resumeIsDue = false;
      this.#resumeSentAtMs = nowMs;
      this.#resumes++;
      return this.#frame({ kind: 'resume', nextSeq: this.#window.nextSeq }, nowMs);
    }
    // Piggybacking on data would not count as an acknowledgement, so this one may not wait behind data.
    const { ack, ackBits } = this.#buffer;
    if (this.#ack.isDue && ack === 0 && ackBits === 0) return this.#frame({ kind: 'ackFrame' }, nowMs);
    const lost = this.#proof.isReliable ? this.#window.takeLost(nowMs) : undefined;
    if (lost) return this.#dataFrame(lost, nowMs);
    const segment = this.#takeNewSegment(nowMs);
    if (segment) {
      const frame = this.#dataFrame(segment, nowMs);
      this.#endIfClosed();
      return frame;
    }
    if (this.#ack.isDue) return this.#frame({ kind: 'ackFrame' }, nowMs);
    if (this.#heartbeatIsDue) return this.#frame({ kind: 'heartbeat' }, nowMs);
    return undefined;
  }

  // ---- Receiving ----

  #receiveData(data: RelayData, nowMs: number): void {
    this.#bytesIn += data.payload.length;
    const received = this.#buffer.receive(data, !this.#proof.isReliable);
    switch (received) {
      case 'in_order':
        this.#scheduleAck(nowMs);
        return;
      case 'gap_closed':
        this.#ackNow();
        return;
      case 'early':
        // Beyond the reach of ack_bits an acknowledgement would repeat the last one.
        if (this.#buffer.showsInAck(data.seq)) this.#ackNow();
        else this.#scheduleAck(nowMs);
        return;
      case 'duplicate':
        this.#duplicates++;
        // The sender did not hear of it, or it would not have sent it again.
        this.#ackNow();
        return;
      case 'dropped':
        this.#dropped++;
        this.#ackNow();
        return;
      default:
        this.abort(received);
    }
  }

  #scheduleAck(nowMs: number): void {
    if (this.#buffer.canAck) this.#ack.onArrival(nowMs);
  }

  #ackNow(): void {
    if (this.#buffer.canAck) this.#ack.isDue = true;
  }

  #receiveAck(frame: RelayFrame, nowMs: number): void {
    this.#becomeReliable(nowMs);
    this.#unansweredSinceMs = nowMs;
    if (this.#window.acknowledge(frame.ack, frame.ackBits, nowMs) === 'never_sent') this.abort('acknowledges_unsent');
  }

  #receiveResume(frame: RelayFrame, nextSeq: number, nowMs: number): void {
    const isOpening = nextSeq === this.#firstSeq && frame.ack === 0 && frame.ackBits === 0;
    // Old harnesses open with such a frame, and send no other; old executors send none.
    if (this.role === 'executor' && isOpening) return;
    this.#becomeReliable(nowMs);
    this.#window.onPeerResumed(nowMs);
    // The peer answers in kind, so the answer to our own resume, or a copy of it, must not be answered again: an
    // acknowledgement does, which causes no answer. As long as nothing can be acknowledged, a resume is the only way to
    // show that we are reliable; that state does not last, since the peer then resends what is missing.
    const answerMs = this.#buffer.canAck ? this.#window.rtt.rtoMs(0) : this.#limits.minRtoMs;
    if (nowMs - this.#resumeSentAtMs > answerMs) this.#resumeIsDue = true;
    else this.#ackNow();
  }

  // ---- Sending ----

  #takeNewSegment(nowMs: number): SentSegment | undefined {
    if (this.#proof.isAwaited) return undefined;
    const { isReliable } = this.#proof;
    const segment = this.#unsent.peek(isReliable);
    if (!segment) return undefined;
    const { segmentIndex, segmentCount, payload } = segment;
    if (isReliable ? !this.#window.hasRoomFor(payload.length) : !this.#makeTailRoom(payload.length, nowMs)) {
      return undefined;
    }
    if (this.#unsent.take(segment)) this.#messagesOut++;
    if (this.#window.length === 0) this.#unansweredSinceMs = nowMs;
    if (!isReliable) this.#proof.onSent(nowMs);
    return this.#window.push(payload, segmentIndex, segmentCount, nowMs);
  }

  /** Whether a segment may go to a peer that is not proven reliable. Such a peer is not waited for, beyond the first seconds. */
  #makeTailRoom(bytes: number, nowMs: number): boolean {
    if (this.#proof.kind === 'old') this.#window.trimOldTail(1, bytes);
    else if (!this.#window.hasTailRoomFor(bytes)) {
      this.#proof.hold(nowMs);
      return false;
    }
    return true;
  }

  #dataFrame(segment: SentSegment, nowMs: number): RelayFrame {
    const { seq, segmentIndex, segmentCount: count, payload } = segment;
    this.#bytesOut += payload.length;
    return this.#frame({ kind: 'data', seq, segmentIndex, segmentCount: count, payload }, nowMs);
  }

  #frame(body: RelayBody, nowMs: number): RelayFrame {
    const { ack, ackBits } = this.#buffer;
    this.#framesOut++;
    this.#lastSentMs = nowMs;
    this.#heartbeatIsDue = false;
    if (ack !== 0 || ackBits !== 0 || body.kind === 'ackFrame') this.#ack.onSent();
    return { streamId: this.streamId, ack, ackBits, body };
  }

  #takeReset(): RelayFrame | undefined {
    const reason = this.#resetToSend;
    if (reason === undefined) return undefined;
    this.#resetToSend = undefined;
    this.#framesOut++;
    return { streamId: this.streamId, ack: 0, ackBits: 0, body: { kind: 'reset', reason } };
  }

  // ---- Time ----

  #advanceWithReliablePeer(nowMs: number): void {
    if (nowMs >= this.#lastReceivedMs + this.#limits.silenceMs) {
      this.abort('silent');
      return;
    }
    if (this.#window.length > 0 && nowMs >= this.#unansweredSinceMs + this.#limits.ackTimeoutMs) {
      this.abort('not_acknowledged');
      return;
    }
    if (!this.#window.hasLost && nowMs >= this.#window.deadlineMs) {
      if (this.#window.lacksForgotten) {
        // It proved reliable too late: nobody has the segment any more that it waits for.
        this.abort('no_longer_kept');
        return;
      }
      this.#window.expire(nowMs);
    }
    if (nowMs >= this.#lastSentMs + this.#limits.heartbeatMs) this.#heartbeatIsDue = true;
  }

  #advanceWithUnprovenPeer(nowMs: number): void {
    if (this.#proof.isOverdue(nowMs)) {
      this.abort('not_resumed');
      return;
    }
    if (this.#proof.giveUpIfDue(nowMs)) this.#window.trimOldTail();
    if (this.#proof.askIfDue(nowMs)) this.#resumeIsDue = true;
  }

  // ---- States ----

  #becomeReliable(nowMs: number): void {
    if (!this.#proof.give()) return;
    this.#unansweredSinceMs = nowMs;
    this.#window.restartTimer(nowMs);
  }

  #endIfClosed(): void {
    if (!this.#closing || this.#end || !this.#unsent.isEmpty) return;
    if (!this.#proof.isReliable || this.#window.length === 0) this.abort(this.#closing.reason);
  }

  #endWith(end: StreamEnd): void {
    this.#end = end;
    this.#unsent.clear();
    this.#window.clear();
    this.#buffer.clearIncomplete();
    // What the peer completed before it ended the stream is still its reader's.
    if (end.by === 'us') this.#buffer.discard();
  }
}
