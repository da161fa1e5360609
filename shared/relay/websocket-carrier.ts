// A FrameCarrier over a WebSocket as browsers have it (also Node's `ws` in its browser-like interface): the harness side.

import type { CloseInfo } from '../connection/connection.ts';
import { closeReason, dialSocket, messageBytes, type DialOptions } from '../connection/dialing.ts';
import type { WebSocketFactory, WebSocketLike } from '../connection/websocket.ts';
import type { FrameCarrier, FrameCarrierHandler } from './carrier.ts';

/** What waits in the socket is sent in order, so this little keeps streams fair. */
const highWaterBytes = 256 * 1024;
const lowWaterBytes = 64 * 1024;
/** A browser socket has no drain event: while its backlog is high it is looked at this often, in ms. */
const drainPollMs = 5;

/** @throws LocalError as `dialSocket`. */
export function dialCarrier(
  url: string,
  options: DialOptions & { readonly factory: WebSocketFactory },
): Promise<WebSocketCarrier> {
  return dialSocket(url, options, (socket, label) => new WebSocketCarrier(socket, label));
}

export class WebSocketCarrier implements FrameCarrier {
  /** When a message came last, by `performance.now()`. */
  lastHeardMs = performance.now();
  #isClosed = false;
  #handler: FrameCarrierHandler | undefined;
  /** What came before `open`. */
  readonly #early: Uint8Array[] = [];
  #earlyClose: CloseInfo | undefined;
  #drainTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly socket: WebSocketLike,
    readonly label: string,
  ) {
    socket.addEventListener('message', ({ data }) => {
      this.lastHeardMs = performance.now();
      // Text messages are no frames: dropped.
      const frame = messageBytes(data);
      if (frame) this.#receive(frame);
    });
    socket.addEventListener('close', ({ code, reason }) => this.#end({ code, reason: closeReason(code, reason) }));
  }

  get bufferedBytes(): number {
    return this.socket.bufferedAmount;
  }

  get isWritable(): boolean {
    if (this.#isClosed) return false;
    if (this.socket.bufferedAmount < highWaterBytes) return true;
    this.#drainTimer ??= setTimeout(() => this.#pollDrain(), drainPollMs);
    return false;
  }

  open(handler: FrameCarrierHandler): void {
    this.#handler = handler;
    for (const frame of this.#early.splice(0)) handler.onFrame(frame);
    if (this.#earlyClose) handler.onClose(this.#earlyClose);
  }

  send(frame: Uint8Array<ArrayBuffer>): boolean {
    if (this.#isClosed || this.socket.readyState !== 1) return false;
    this.socket.send(frame);
    return this.isWritable;
  }

  close(code = 1000, reason = ''): void {
    if (this.#isClosed) return;
    this.socket.close(code, reason);
  }

  /** Gives up a socket that seems dead: its owner is told at once, whatever the close handshake does. */
  abandon(reason: string): void {
    this.socket.close();
    this.#end({ code: 1006, reason });
  }

  #receive(frame: Uint8Array): void {
    if (this.#isClosed) return;
    if (this.#handler) this.#handler.onFrame(frame);
    else this.#early.push(frame);
  }

  #pollDrain(): void {
    this.#drainTimer = undefined;
    if (this.#isClosed) return;
    if (this.socket.bufferedAmount <= lowWaterBytes) this.#handler?.onWritable();
    else this.#drainTimer = setTimeout(() => this.#pollDrain(), drainPollMs);
  }

  #end(close: CloseInfo): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#drainTimer);
    if (this.#handler) this.#handler.onClose(close);
    else this.#earlyClose = close;
  }
}
