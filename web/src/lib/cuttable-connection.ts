// A connection that can be lost on purpose, to see how it is recovered. A page cannot break the TCP connection below a
// WebSocket: it closes it, and from that moment on hears nothing of it any more.

import type { CloseInfo, Connection, ConnectionHandler } from '../../../shared/connection/connection.ts';

export class CuttableConnection implements Connection {
  #handler: ConnectionHandler | undefined;
  #isCut = false;

  constructor(private readonly inner: Connection) {}

  get label(): string {
    return this.inner.label;
  }

  get isClosed(): boolean {
    return this.#isCut || this.inner.isClosed;
  }

  get isWritable(): boolean {
    return !this.#isCut && this.inner.isWritable;
  }

  get bufferedBytes(): number {
    return this.inner.bufferedBytes;
  }

  open(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.inner.open({
      onMessage: (text) => {
        if (!this.#isCut) handler.onMessage(text);
      },
      onWritable: () => {
        if (!this.#isCut) handler.onWritable();
      },
      onClose: (close) => this.#end(close),
    });
  }

  send(message: string | Uint8Array): boolean {
    return !this.#isCut && this.inner.send(message);
  }

  pause(): void {
    this.inner.pause();
  }

  resume(): void {
    this.inner.resume();
  }

  close(code?: number, reason?: string): void {
    this.inner.close(code, reason);
  }

  /** Idempotent. */
  cut(): void {
    if (this.isClosed) return;
    this.inner.close();
    this.#end({ code: 1006, reason: 'cut by hand' });
  }

  #end(close: CloseInfo): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#handler?.onClose(close);
  }
}
