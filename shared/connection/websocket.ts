// A Connection over a WebSocket as browsers have it (also Node's `ws` in its browser-like interface): the harness side.

import { tryUtf8Decode } from '../bytes.ts';
import { limits } from '../limits.ts';
import { CloseCode, type Connection, type ConnectionHandler } from './connection.ts';
import { closeReason, dialSocket, messageBytes, type DialOptions } from './dialing.ts';

/** The part of a WebSocket that is used here; both the browser's and `ws` have it. */
export interface WebSocketLike {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  /** `ws` can stop reading, so that the server feels it. */
  pause?(): void;
  resume?(): void;
  addEventListener(type: 'open' | 'error', listener: (event: { message?: string }) => void): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { code: number; reason: string }) => void): void;
}

export type WebSocketFactory = (url: string) => WebSocketLike;

/** A browser socket has no drain event: while its backlog is high it is looked at this often, in ms. */
const drainPollMs = 10;

/** @throws LocalError as `dialSocket`. */
export function dialWebSocket(
  url: string,
  options: DialOptions & { readonly factory: WebSocketFactory },
): Promise<Connection> {
  return dialSocket(url, options, (socket, label) => new WebSocketConnection(socket, label));
}

class WebSocketConnection implements Connection {
  isClosed = false;
  #handler: ConnectionHandler | undefined;
  /** Messages that came before `open` or while paused. */
  readonly #kept: string[] = [];
  #isPaused = false;
  #drainTimer: ReturnType<typeof setTimeout> | undefined;
  #closeReason = '';

  constructor(
    readonly socket: WebSocketLike,
    readonly label: string,
  ) {
    socket.addEventListener('message', ({ data }) => this.#receive(messageText(data)));
    socket.addEventListener('close', ({ code, reason }) => this.#end(code, reason));
  }

  get bufferedBytes(): number {
    return this.socket.bufferedAmount;
  }

  get isWritable(): boolean {
    return !this.isClosed && this.socket.bufferedAmount < limits.highWaterBytes;
  }

  open(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.#deliverKept();
    if (this.isClosed) handler.onClose({ code: 1006, reason: this.#closeReason });
  }

  send(message: string | Uint8Array): boolean {
    if (this.isClosed || this.socket.readyState !== 1) return false;
    // Text frames only: a peer may look at the kind. A Uint8Array goes out as text through one decode.
    this.socket.send(typeof message === 'string' ? message : (tryUtf8Decode(message) ?? ''));
    if (this.isWritable) return true;
    this.#drainTimer ??= setTimeout(() => this.#pollDrain(), drainPollMs);
    return false;
  }

  /** A browser cannot stop reading a socket: messages are kept here until `resume`. */
  pause(): void {
    this.#isPaused = true;
    this.socket.pause?.();
  }

  resume(): void {
    this.#isPaused = false;
    this.#deliverKept();
    if (!this.#isPaused) this.socket.resume?.();
  }

  close(code: number = CloseCode.normal, reason = ''): void {
    if (this.isClosed) return;
    this.socket.resume?.(); // else the peer's answer to it would not be read
    this.socket.close(code, reason);
  }

  #receive(text: string): void {
    if (this.#handler && !this.#isPaused && this.#kept.length === 0) this.#handler.onMessage(text);
    else this.#kept.push(text);
  }

  #deliverKept(): void {
    // By index: `shift` moves the rest each time, and there may be many.
    let next = 0;
    for (let text = this.#kept[next]; text !== undefined && this.#handler && !this.#isPaused; text = this.#kept[next]) {
      next++;
      this.#handler.onMessage(text);
    }
    this.#kept.splice(0, next);
  }

  #pollDrain(): void {
    this.#drainTimer = undefined;
    if (this.isClosed) return;
    if (this.socket.bufferedAmount <= limits.lowWaterBytes) this.#handler?.onWritable();
    else this.#drainTimer = setTimeout(() => this.#pollDrain(), drainPollMs);
  }

  #end(code: number, reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    clearTimeout(this.#drainTimer);
    this.#closeReason = closeReason(code, reason);
    this.#handler?.onClose({ code, reason: this.#closeReason });
  }
}

/** Text of a message of either kind. */
export function messageText(data: unknown): string {
  if (typeof data === 'string') return data;
  // A binary message must hold the same JSON; what is no UTF-8 becomes a text that no JSON parser takes.
  const bytes = messageBytes(data);
  return (bytes && tryUtf8Decode(bytes)) ?? '\uFFFD';
}
