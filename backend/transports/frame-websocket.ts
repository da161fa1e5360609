// A FrameCarrier over a WebSocket of `ws`, accepted or dialled: binary messages, pings, and backpressure in both directions.
// What is sent goes directly to the socket below it.

import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { CloseInfo } from '../../shared/connection/connection.ts';
import { closeReason } from '../../shared/connection/dialing.ts';
import { errorText } from '../../shared/errors.ts';
import type { FrameCarrier, FrameCarrierHandler } from '../../shared/relay/carrier.ts';
import { releaseWhole } from '../released-memory.ts';
import { lengthOf, writeFrames, type FrameKind, type OutgoingMessage } from './frame-writer.ts';
import { readSimpleFrames } from './simple-frames.ts';

export interface FrameWebSocketOptions {
  /** For logs; never a URL with its query. */
  readonly label: string;
  /** A ping is sent this often, ms; a peer that is silent for two of them is dropped. */
  readonly pingIntervalMs: number;
  /** A client's socket, which masks what it sends. */
  readonly isDialled?: boolean;
  /** `isWritable` is false from this many unsent bytes on. */
  readonly highWaterBytes: number;
  /** Larger messages end the connection with 1009, bytes. */
  readonly maxFrameBytes: number;
  /** A text message came, and was dropped. */
  readonly onText?: () => void;
}

/** Pongs wait while more than this is unread: a peer that only pings must not fill our memory. */
const maxPongBacklogBytes = 64 * 1024;

export class FrameWebSocket implements FrameCarrier {
  readonly label: string;
  /** Settles once it has ended, after its owner was told. */
  readonly ended: Promise<CloseInfo>;
  #settleEnded: (close: CloseInfo) => void = () => undefined;
  #isClosed = false;
  readonly #raw: Socket;
  readonly #options: FrameWebSocketOptions;
  readonly #kind: FrameKind;
  #outbox: OutgoingMessage[] = [];
  #outboxBytes = 0;
  readonly #spent = new Set<Uint8Array>();
  #handler: FrameCarrierHandler | undefined;
  #isPaused = false;
  #isSilent = false;
  #wantsWritable = false;
  #pingTimer: NodeJS.Timeout | undefined;
  #ownClose: CloseInfo | undefined;
  #early: (Uint8Array | CloseInfo)[] = [];

  constructor(
    private readonly socket: WebSocket,
    /** The TCP socket below, of the upgrade request or of its answer. */
    raw: Socket,
    options: FrameWebSocketOptions,
  ) {
    this.label = options.label;
    this.ended = new Promise((resolve) => (this.#settleEnded = resolve));
    this.#options = options;
    this.#kind = { isBinary: true, isMasked: options.isDialled === true };
    this.#raw = raw;
    this.#raw.setTimeout(0);
    this.#raw.setNoDelay(true);
    socket.removeAllListeners('message');
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      this.#isSilent = false;
      if (isBinary) this.#receive(data);
      else options.onText?.();
    });
    readSimpleFrames(socket, raw, {
      isMasked: !this.#kind.isMasked,
      onBinary: (frame) => {
        this.#isSilent = false;
        this.#receive(frame);
      },
      maxBinaryBytes: options.maxFrameBytes,
    });
    socket.on('ping', (data: Buffer) => {
      this.#isSilent = false;
      if (this.#raw.writableLength < maxPongBacklogBytes && !this.#isClosed) socket.pong(data);
    });
    socket.on('pong', () => (this.#isSilent = false));
    socket.on('error', (error: Error) => (this.#ownClose ??= { code: 1006, reason: errorText(error) }));
    socket.on('close', (code: number, reason: Buffer) => this.#end(code, reason.toString()));
    this.#raw.on('drain', () => this.#drained());
    this.#pingTimer = setInterval(() => this.#ping(), options.pingIntervalMs);
    this.#pingTimer.unref();
  }

  get bufferedBytes(): number {
    return this.#outboxBytes + this.#raw.writableLength;
  }

  get isWritable(): boolean {
    if (this.#isClosed) return false;
    if (this.bufferedBytes < this.#options.highWaterBytes) return true;
    this.#wantsWritable = true;
    return false;
  }

  open(handler: FrameCarrierHandler): void {
    this.#handler = handler;
    for (const event of this.#early.splice(0)) {
      if (event instanceof Uint8Array) handler.onFrame(event);
      else handler.onClose(event);
    }
  }

  /** @param isLast nobody uses `frame` after this: its memory goes back as soon as it has left */
  send(frame: Uint8Array, isLast = false): boolean {
    if (isLast) this.#spent.add(frame);
    return this.#enqueue(frame);
  }

  sendParts(head: Uint8Array, payload: Uint8Array): boolean {
    return this.#enqueue([head, payload]);
  }

  #enqueue(message: OutgoingMessage): boolean {
    if (this.#isClosed || this.socket.readyState !== 1) return false;
    this.#outbox.push(message);
    this.#outboxBytes += lengthOf(message);
    // What is sent within one turn leaves in one system call.
    if (this.#outbox.length === 1) process.nextTick(() => this.#flush());
    return this.isWritable;
  }

  /** Stops reading, so that the peer feels backpressure; a few frames may still come. Idempotent. */
  pause(): void {
    this.#isPaused = true;
    this.socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    // While nothing was read the peer could not be heard.
    this.#isSilent = false;
    this.socket.resume();
  }

  close(code = 1000, reason = ''): void {
    if (this.#isClosed) return;
    this.#ownClose ??= { code, reason };
    this.#flush();
    this.socket.resume();
    // A close frame holds 125 bytes, two of them for the code.
    this.socket.close(code, reason.slice(0, 120));
  }

  /** Ends it without a close frame, as a broken link does. */
  cut(): void {
    this.socket.terminate();
  }

  #receive(frame: Uint8Array): void {
    if (this.#handler) this.#handler.onFrame(frame);
    else this.#early.push(frame);
  }

  #flush(): void {
    const messages = this.#outbox;
    if (messages.length === 0 || this.#isClosed) return;
    this.#outbox = [];
    this.#outboxBytes = 0;
    writeFrames(this.#raw, messages, this.#kind, this.#onTaken);
  }

  readonly #onTaken = (bytes: Uint8Array): void => {
    if (this.#spent.delete(bytes)) releaseWhole(bytes);
  };

  #drained(): void {
    if (!this.#wantsWritable || this.#isClosed) return;
    this.#wantsWritable = false;
    this.#handler?.onWritable();
  }

  #ping(): void {
    if (this.#isPaused) return;
    if (this.#isSilent) {
      this.#ownClose ??= { code: 1006, reason: `silent for ${2 * this.#options.pingIntervalMs} ms` };
      this.socket.terminate();
      return;
    }
    this.#isSilent = true;
    if (this.#raw.writableLength < maxPongBacklogBytes) this.socket.ping();
  }

  #end(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#pingTimer);
    const close = this.#ownClose ?? { code, reason: closeReason(code, reason) };
    if (this.#handler) this.#handler.onClose(close);
    else this.#early.push(close);
    this.#settleEnded(close);
  }
}
