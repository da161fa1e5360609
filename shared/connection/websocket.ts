// A Connection over a WebSocket as browsers have it (also Node's `ws` in its browser-like interface): the harness side.

import { tryUtf8Decode } from '../bytes.ts';
import { LocalError } from '../errors.ts';
import { limits, timerMs } from '../limits.ts';
import { CloseCode, type Connection, type ConnectionHandler } from './connection.ts';

/** The part of a WebSocket that is used here; both the browser's and `ws` have it. */
export interface WebSocketLike {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'open' | 'error', listener: (event: { message?: string }) => void): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { code: number; reason: string }) => void): void;
}

export type WebSocketFactory = (url: string) => WebSocketLike;

/** A browser socket has no drain event: while its backlog is high it is looked at this often, in ms. */
const drainPollMs = 10;

/**
 * Dials `url`.
 * @throws LocalError `invalid-argument` for a URL that is no ws:// or wss:// one, `connect` when refused or dropped,
 * `connect-timeout` after `timeoutMs`, `aborted` by `signal`.
 */
export function dialWebSocket(
  url: string,
  options: { factory: WebSocketFactory; timeoutMs?: number; signal?: AbortSignal | undefined; label?: string },
): Promise<Connection> {
  const timeoutMs = timerMs(options.timeoutMs ?? limits.connectTimeoutMs);
  const label = options.label ?? urlWithoutSecrets(url);
  return new Promise((resolve, reject) => {
    let socket: WebSocketLike;
    try {
      socket = options.factory(url);
    } catch (cause) {
      reject(new LocalError('invalid-argument', `${label} is not a WebSocket URL (ws:// or wss://)`, { cause }));
      return;
    }
    let isSettled = false;
    const fail = (error: LocalError) => {
      if (isSettled) return;
      settle();
      socket.close();
      reject(error);
    };
    const onAbort = () => fail(new LocalError('aborted', `connecting to ${label} was aborted`));
    const timer = setTimeout(
      () => fail(new LocalError('connect-timeout', `${label} did not answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const settle = () => {
      isSettled = true;
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
    };
    if (options.signal?.aborted) {
      onAbort();
      return;
    }
    options.signal?.addEventListener('abort', onAbort);
    let why = '';
    socket.addEventListener('error', (event) => {
      why = event.message ?? '';
    });
    socket.addEventListener('open', () => {
      settle();
      resolve(new WebSocketConnection(socket, label));
    });
    socket.addEventListener('close', () =>
      fail(new LocalError('connect', `cannot connect to ${label}${why ? `: ${why}` : ''}`)),
    );
  });
}

/** A URL for messages and logs: the query may hold a token or a signature, so it is left out. */
export function urlWithoutSecrets(url: string): string {
  return url.replace(/[?#].*$/s, '').replace(/\/\/[^/@]*@/, '//');
}

class WebSocketConnection implements Connection {
  isClosed = false;
  #handler: ConnectionHandler | undefined;
  #early: string[] = [];
  #isPaused = false;
  #drainTimer: ReturnType<typeof setTimeout> | undefined;
  #closeReason = '';

  constructor(
    readonly socket: WebSocketLike,
    readonly label: string,
  ) {
    socket.binaryType = 'arraybuffer';
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
    this.#flushEarly();
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
  }

  resume(): void {
    this.#isPaused = false;
    this.#flushEarly();
  }

  close(code: number = CloseCode.normal, reason = ''): void {
    if (this.isClosed) return;
    this.socket.close(code, reason);
  }

  #receive(text: string): void {
    if (this.#handler && !this.#isPaused && this.#early.length === 0) this.#handler.onMessage(text);
    else this.#early.push(text);
  }

  #flushEarly(): void {
    while (this.#handler && !this.#isPaused) {
      const text = this.#early.shift();
      if (text === undefined) return;
      this.#handler.onMessage(text);
    }
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
    this.#closeReason = reason || (code === 1006 ? 'connection lost' : `closed with code ${code}`);
    this.#handler?.onClose({ code, reason: this.#closeReason });
  }
}

function messageText(data: unknown): string {
  if (typeof data === 'string') return data;
  // A binary message must hold the same JSON; what is no UTF-8 becomes a text that no JSON parser takes.
  if (data instanceof ArrayBuffer) return tryUtf8Decode(new Uint8Array(data)) ?? '\uFFFD';
  return '\uFFFD';
}
