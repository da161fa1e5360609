// A WebSocket to a rendezvous that refuses this page's origin: this page's server dials it (shared/connection/bridge.ts), and
// passes the frames on as they are.

import type { WebSocketLike } from '../../../../../shared/connection/websocket.ts';
import { bridgeUrl } from '../../server-address.ts';

type Listener = (event: { message?: string; data: unknown; code: number; reason: string }) => void;

export class BridgedSocket implements WebSocketLike {
  readonly #socket = new WebSocket(bridgeUrl());
  /** The first message says that the target is reached: that is when it is open. */
  #isOpen = false;

  constructor(url: string) {
    this.#socket.addEventListener('open', () => this.#socket.send(JSON.stringify({ target: url })));
  }

  get binaryType(): string {
    return this.#socket.binaryType;
  }

  set binaryType(type: string) {
    this.#socket.binaryType = type === 'blob' ? 'blob' : 'arraybuffer';
  }

  get readyState(): number {
    return this.#socket.readyState;
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(data);
  }

  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason);
  }

  addEventListener(type: string, listener: Listener): void {
    const nothing = { data: undefined, code: 0, reason: '' };
    switch (type) {
      case 'open':
        this.#socket.addEventListener(
          'message',
          () => {
            this.#isOpen = true;
            listener(nothing);
          },
          { once: true },
        );
        return;
      case 'message': {
        let isFirst = true;
        this.#socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
          if (!isFirst) listener({ ...nothing, data });
          isFirst = false;
        });
        return;
      }
      case 'error':
        // A bridge that was not opened says in its close frame why.
        this.#socket.addEventListener('close', ({ reason }) => {
          if (!this.#isOpen) listener({ ...nothing, message: reason });
        });
        return;
      default:
        this.#socket.addEventListener('close', ({ code, reason }) => listener({ ...nothing, code, reason }));
    }
  }
}
