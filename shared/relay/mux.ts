// Many streams over one frame carrier: routes arriving frames to their streams, and lets the streams take turns at the
// carrier, so that none waits for a flooding or a stopped one. The carrier may be lost and replaced; streams go on.

import type { CloseInfo } from '../connection/connection.ts';
import { LocalError } from '../errors.ts';
import type { FrameCarrier } from './carrier.ts';
import { systemClock, type RelayClock } from './clock.ts';
import { decodeFrame, encodeFrame, encodeHead } from './codec.ts';
import { Deadlines } from './deadlines.ts';
import { Fifo } from './fifo.ts';
import { isStreamId, type FrameFault, type RelayFrame } from './frame.ts';
import { defaultRelayLimits, type RelayLimits } from './limits.ts';
import { ReliableStream } from './reliable-stream.ts';
import { StreamConnection, type StreamHost } from './stream-connection.ts';
import type { RelayRole, StreamEnd, StreamStats } from './stream-types.ts';

// Hot path: a frame costs one decode, one Map look-up, the state machine and one turn. No promise, no timer per stream.

/** Bytes of payload that a stream may send before it is the next one's turn. */
const turnBytes = 64 * 1024;
/** What a frame counts for beside its payload, so that many small ones do not make a turn endless. */
const frameOverheadBytes = 64;
/** Resets and answers for unknown streams that wait for the carrier; more are dropped, the peer will ask again. */
const maxWaitingReplies = 4096;

export interface RelayMuxOptions {
  readonly role: RelayRole;
  /** For logs; the connections' labels begin with it. */
  readonly label?: string;
  readonly limits?: Partial<RelayLimits>;
  readonly clock?: RelayClock;
  /** Executor: a harness has begun a stream. Call its `open` at once or later; until then messages are kept, bounded. */
  readonly onConnection?: (connection: StreamConnection) => void;
  /** A stream has ended; `stats` are its last ones. */
  readonly onStreamEnd?: (streamId: string, end: StreamEnd, stats: StreamStats) => void;
  /** The carrier has ended by itself: `attach` a new one within `resumeTimeoutMs`, and all streams go on. */
  readonly onCarrierLost?: (close: CloseInfo) => void;
  /** A frame was dropped: for debug logs and counters. */
  readonly onDrop?: (drop: FrameDrop) => void;
  /** For tests, on both sides alike: the first seq of every stream. */
  readonly firstSeq?: number;
}

/** Why a frame was dropped. */
export type FrameDrop = FrameFault | 'unknown_stream' | 'handshake' | 'reply_overflow';

export interface MuxStats {
  readonly streams: number;
  readonly isConnected: boolean;
  readonly framesIn: number;
  readonly framesOut: number;
  /** Whole frames. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Held by all streams for reordering, reassembly and slow readers. */
  readonly receiveBytes: number;
  readonly dropped: Readonly<Partial<Record<FrameDrop, number>>>;
}

export class RelayMux implements StreamHost {
  readonly role: RelayRole;
  readonly limits: RelayLimits;
  readonly #options: RelayMuxOptions;
  readonly #clock: RelayClock;
  readonly #label: string;
  readonly #streams = new Map<string, StreamConnection>();
  /** Reasons of streams that we ended, oldest first: what is told to a peer that missed the reset. */
  readonly #ends = new Map<string, string>();
  readonly #turns = new Fifo<StreamConnection>();
  readonly #replies = new Fifo<RelayFrame>();
  readonly #deadlines = new Deadlines<StreamConnection>();
  #carrier: FrameCarrier | undefined;
  #timerMs = Infinity;
  #cancelTimer: (() => void) | undefined;
  /** Calls that are being worked on: frames leave when the outermost one is done. */
  #depth = 0;
  #isPumping = false;
  #isClosed = false;
  #receiveBytes = 0;
  #framesIn = 0;
  #framesOut = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  readonly #dropped: Partial<Record<FrameDrop, number>> = {};

  constructor(options: RelayMuxOptions) {
    this.#options = options;
    this.role = options.role;
    this.limits = { ...defaultRelayLimits, ...options.limits };
    this.#clock = options.clock ?? systemClock;
    this.#label = options.label ?? 'relay';
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  get isConnected(): boolean {
    return this.#carrier !== undefined;
  }

  get stats(): MuxStats {
    return {
      streams: this.#streams.size,
      isConnected: this.isConnected,
      framesIn: this.#framesIn,
      framesOut: this.#framesOut,
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      receiveBytes: this.#receiveBytes,
      dropped: { ...this.#dropped },
    };
  }

  /** The streams that live now. */
  connections(): IterableIterator<StreamConnection> {
    return this.#streams.values();
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  /** Takes over `carrier`, which must not be open yet. One that was there before is closed; all streams are resumed. */
  attach(carrier: FrameCarrier): void {
    const old = this.#carrier;
    if (old) {
      this.#loseCarrier();
      old.close(undefined, 'replaced');
    }
    if (this.#isClosed) {
      carrier.close(undefined, 'closed');
      return;
    }
    this.#carrier = carrier;
    this.#run(() => {
      const nowMs = this.nowMs();
      for (const connection of this.#streams.values()) {
        connection.stream.carrierUp(nowMs);
        this.#settle(connection);
      }
    });
    carrier.open({
      onFrame: (bytes) => {
        if (this.#carrier === carrier) this.#receive(bytes);
      },
      onWritable: () => {
        if (this.#carrier === carrier) this.#pump();
      },
      onClose: (close) => {
        if (this.#carrier !== carrier) return;
        this.#loseCarrier();
        this.#options.onCarrierLost?.(close);
      },
    });
  }

  /**
   * Harness: begins a stream. Possible while there is no carrier: it begins when there is one.
   * @throws RangeError when `streamId` is not valid or in use; LocalError `closed` after `close`.
   */
  openStream(streamId: string = randomUuid()): StreamConnection {
    if (this.#isClosed) throw new LocalError('closed', `${this.#label} is closed`);
    if (!isStreamId(streamId) || this.#streams.has(streamId)) {
      throw new RangeError(`stream id ${JSON.stringify(streamId)} is not valid or in use`);
    }
    const connection = this.#add(streamId);
    this.#run(() => this.#settle(connection));
    return connection;
  }

  /** Ends all streams by resets with `reason`, and the carrier after them. Idempotent. */
  close(reason: string): void {
    if (this.#isClosed) return;
    this.#run(() => {
      for (const connection of [...this.#streams.values()]) {
        connection.stream.abort(reason);
        this.#settle(connection);
      }
    });
    // Nothing more will come: the carrier is not asked whether it is writable.
    while (this.#carrier && this.#sendReply()) continue;
    this.#isClosed = true;
    const carrier = this.#carrier;
    this.#carrier = undefined;
    carrier?.close(undefined, reason);
    this.#cancelTimer?.();
  }

  /** For the connections: frames, deadline or state of one have changed. */
  onChange(connection: StreamConnection): void {
    this.#run(() => this.#settle(connection));
  }

  // ---- Carrier ----

  #loseCarrier(): void {
    this.#carrier = undefined;
    this.#replies.clear();
    for (let next = this.#turns.shift(); next; next = this.#turns.shift()) next.isQueued = false;
    this.#run(() => {
      const nowMs = this.nowMs();
      for (const connection of [...this.#streams.values()]) {
        connection.stream.carrierDown(nowMs);
        this.#settle(connection);
      }
    });
  }

  // ---- Arriving ----

  #receive(bytes: Uint8Array): void {
    this.#framesIn++;
    this.#bytesIn += bytes.length;
    const frame = decodeFrame(bytes);
    if (typeof frame === 'string') {
      this.#drop(frame);
      return;
    }
    if (frame.body.kind === 'handshake') {
      this.#drop('handshake');
      return;
    }
    this.#run(() => {
      const connection = this.#streams.get(frame.streamId) ?? this.#admit(frame);
      if (!connection) return;
      connection.stream.receive(frame, this.nowMs());
      this.#settle(connection);
    });
  }

  /** A frame of a stream that is not there: the stream that it begins, if it does. */
  #admit(frame: RelayFrame): StreamConnection | undefined {
    const { streamId, body } = frame;
    if (body.kind === 'reset') return undefined;
    const endReason = this.#ends.get(streamId);
    if (endReason !== undefined)
      return this.#reply({ streamId, ack: 0, ackBits: 0, body: { kind: 'reset', reason: endReason } });
    const knowsUs = frame.ack !== 0 || frame.ackBits !== 0;
    if (this.role === 'harness' || knowsUs) {
      // It has received something on this stream, or we are the one who begins streams: it was ours and is gone.
      this.#drop('unknown_stream');
      return this.#reply({ streamId, ack: 0, ackBits: 0, body: { kind: 'reset', reason: 'unknown_stream' } });
    }
    if (body.kind === 'data') {
      if (this.#streams.size < this.limits.maxStreams) return this.#add(streamId);
      return this.#reply({ streamId, ack: 0, ackBits: 0, body: { kind: 'reset', reason: 'too_many_streams' } });
    }
    const { firstSeq = 0 } = this.#options;
    if (body.kind === 'resume' && body.nextSeq !== firstSeq) {
      // Its first segments were lost. Saying that we know resume frames shows that they may be resent.
      return this.#reply({ streamId, ack: 0, ackBits: 0, body: { kind: 'resume', nextSeq: firstSeq } });
    }
    return undefined;
  }

  #reply(frame: RelayFrame): undefined {
    if (this.#replies.length < maxWaitingReplies) this.#replies.push(frame);
    else this.#drop('reply_overflow');
  }

  #drop(why: FrameDrop): void {
    this.#dropped[why] = (this.#dropped[why] ?? 0) + 1;
    this.#options.onDrop?.(why);
  }

  // ---- Streams ----

  #add(streamId: string): StreamConnection {
    const nowMs = this.nowMs();
    const { firstSeq } = this.#options;
    const stream = new ReliableStream({
      streamId,
      role: this.role,
      limits: this.limits,
      nowMs,
      carrierIsUp: this.#carrier !== undefined,
      ...(firstSeq === undefined ? {} : { firstSeq }),
    });
    const connection = new StreamConnection(stream, this, this.#label);
    this.#streams.set(streamId, connection);
    this.#ends.delete(streamId);
    if (this.role === 'executor') connection.beginByMs = nowMs + this.limits.beginTimeoutMs;
    return connection;
  }

  /** Brings everything outside a stream in line with its state: the application, the books, the deadline, its turn. */
  #settle(connection: StreamConnection): void {
    const { stream } = connection;
    if (connection.beginByMs !== Infinity && stream.hasUnread) {
      connection.beginByMs = Infinity;
      this.#options.onConnection?.(connection);
    }
    connection.deliver();
    this.#book(connection);
    if (stream.end) {
      this.#remove(connection, stream.end);
      return;
    }
    // Without a carrier nothing can leave; `attach` settles every stream again.
    if (this.#carrier && !connection.isQueued) {
      connection.isQueued = true;
      this.#turns.push(connection);
    }
    this.#schedule(connection);
  }

  #remove(connection: StreamConnection, end: StreamEnd): void {
    const { streamId, stream } = connection;
    if (this.#streams.get(streamId) !== connection) return;
    this.#streams.delete(streamId);
    this.#deadlines.delete(connection);
    if (end.by === 'us') {
      this.#ends.set(streamId, end.reason);
      if (this.#ends.size > this.limits.rememberedEnds) {
        for (const oldest of this.#ends.keys()) {
          this.#ends.delete(oldest);
          break;
        }
      }
      const reset = this.#carrier ? stream.nextFrame(this.nowMs()) : undefined;
      if (reset) this.#reply(reset);
    }
    this.#options.onStreamEnd?.(streamId, end, stream.stats);
  }

  #book(connection: StreamConnection): void {
    const bytes = connection.stream.receiveBytes;
    this.#receiveBytes += bytes - connection.bookedBytes;
    connection.bookedBytes = bytes;
    if (this.#receiveBytes <= this.limits.maxReceiveBytes) return;
    let largest = connection;
    for (const other of this.#streams.values()) if (other.bookedBytes > largest.bookedBytes) largest = other;
    // What an ended stream has complete is its reader's, who may be slow.
    if (largest.stream.end) return;
    largest.stream.abort('relay_memory_limit');
    this.#settle(largest);
  }

  // ---- Leaving ----

  /** Frames leave once everything that `work` causes has been done, so that acknowledgements ride on answers. */
  #run(work: () => void): void {
    this.#depth++;
    try {
      work();
    } finally {
      this.#depth--;
    }
    if (this.#depth === 0) this.#pump();
  }

  #pump(): void {
    if (this.#isPumping || this.#depth > 0) return;
    this.#isPumping = true;
    while (this.#carrier?.isWritable) {
      if (this.#sendReply()) continue;
      const connection = this.#turns.shift();
      if (!connection) break;
      const mayHaveMore = this.#takeTurn(connection);
      if (mayHaveMore) this.#turns.push(connection);
      else connection.isQueued = false;
      connection.announceWritable();
      if (connection.stream.end) this.#settle(connection);
      else this.#schedule(connection);
    }
    this.#isPumping = false;
    this.#setTimer();
  }

  /** @returns whether it stopped because its turn was over. */
  #takeTurn(connection: StreamConnection): boolean {
    const nowMs = this.nowMs();
    let budget = turnBytes;
    while (budget > 0) {
      if (!this.#carrier?.isWritable) return true;
      const frame = connection.stream.nextFrame(nowMs);
      if (!frame) return false;
      budget -= frameOverheadBytes + (frame.body.kind === 'data' ? frame.body.payload.length : 0);
      this.#send(frame);
    }
    return true;
  }

  #sendReply(): boolean {
    const reply = this.#replies.shift();
    if (!reply) return false;
    this.#send(reply);
    return true;
  }

  #send(frame: RelayFrame): void {
    const carrier = this.#carrier;
    this.#framesOut++;
    if (carrier?.sendParts && frame.body.kind === 'data') {
      const head = encodeHead(frame);
      this.#bytesOut += head.length + frame.body.payload.length;
      carrier.sendParts(head, frame.body.payload);
      return;
    }
    const bytes = encodeFrame(frame);
    this.#bytesOut += bytes.length;
    carrier?.send(bytes);
  }

  // ---- Time ----

  #schedule(connection: StreamConnection): void {
    const dueMs = Math.min(connection.stream.deadlineMs, connection.beginByMs);
    // A deadline that has moved on is looked at when the old one passes: most move with every frame.
    if (connection.heapPlace < 0 ? dueMs !== Infinity : dueMs < connection.dueMs)
      this.#deadlines.set(connection, dueMs);
  }

  #setTimer(): void {
    const dueMs = this.#deadlines.nextMs;
    if (dueMs >= this.#timerMs || this.#isClosed) return;
    this.#cancelTimer?.();
    this.#timerMs = dueMs;
    this.#cancelTimer = this.#clock.setTimer(Math.max(0, dueMs - this.nowMs()), () => this.#onTimer());
  }

  #onTimer(): void {
    this.#timerMs = Infinity;
    this.#cancelTimer = undefined;
    this.#run(() => {
      const nowMs = this.nowMs();
      const due: StreamConnection[] = [];
      for (let next = this.#deadlines.takeDue(nowMs); next; next = this.#deadlines.takeDue(nowMs)) due.push(next);
      for (const connection of due) {
        const { stream } = connection;
        if (nowMs >= connection.beginByMs) stream.abort('never_began');
        else if (nowMs >= stream.deadlineMs) stream.advance(nowMs);
        this.#settle(connection);
      }
    });
  }
}

/** A UUID of version 4 (RFC 9562); `crypto.randomUUID` is missing in pages that came over plain HTTP. */
function randomUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
