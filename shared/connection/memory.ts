// A linked pair of connections inside one process: what one sends the other receives, in order, a microtask later.

import { utf8Decode } from '../bytes.ts';
import { limits } from '../limits.ts';
import { CloseCode, type CloseInfo, type Connection, type ConnectionHandler } from './connection.ts';

/** @returns the two ends; closing one closes the other after what was sent has arrived. */
export function connectionPair(label = 'memory'): [Connection, Connection] {
  const a = new MemoryConnection(label);
  const b = new MemoryConnection(label);
  a.link(b);
  b.link(a);
  return [a, b];
}

class MemoryConnection implements Connection {
  isClosed = false;
  /** Bytes that the other end has sent and this end has not delivered. */
  #inboxBytes = 0;
  #inbox: string[] = [];
  #closeInfo: CloseInfo | undefined;
  #other: MemoryConnection | undefined;
  #handler: ConnectionHandler | undefined;
  #isPaused = false;
  #isDraining = false;
  #otherWaits = false;

  constructor(readonly label: string) {}

  link(other: MemoryConnection): void {
    this.#other = other;
  }

  get bufferedBytes(): number {
    return this.#other ? this.#other.#inboxBytes : 0;
  }

  get isWritable(): boolean {
    return !this.isClosed && this.bufferedBytes < limits.highWaterBytes;
  }

  open(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.#scheduleDrain();
  }

  send(message: string | Uint8Array): boolean {
    const other = this.#other;
    if (this.isClosed || !other) return false;
    const text = typeof message === 'string' ? message : utf8Decode(message);
    other.#inbox.push(text);
    other.#inboxBytes += text.length;
    other.#scheduleDrain();
    if (this.isWritable) return true;
    other.#otherWaits = true;
    return false;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#scheduleDrain();
  }

  close(code: number = CloseCode.normal, reason = 'closed'): void {
    if (this.isClosed) return;
    this.#inbox = [];
    this.#inboxBytes = 0;
    this.#end({ code, reason });
    if (this.#other) this.#other.#endAfterInbox({ code, reason });
  }

  #endAfterInbox(close: CloseInfo): void {
    if (this.isClosed || this.#closeInfo) return;
    this.#closeInfo = close;
    this.#scheduleDrain();
  }

  #end(close: CloseInfo): void {
    if (this.isClosed) return;
    this.isClosed = true;
    queueMicrotask(() => this.#handler?.onClose(close));
  }

  #scheduleDrain(): void {
    if (this.#isDraining || !this.#handler || this.isClosed) return;
    this.#isDraining = true;
    queueMicrotask(() => this.#drain());
  }

  #drain(): void {
    this.#isDraining = false;
    while (!this.#isPaused && !this.isClosed) {
      const text = this.#inbox.shift();
      if (text === undefined) break;
      this.#inboxBytes -= text.length;
      this.#handler?.onMessage(text);
    }
    if (this.#otherWaits && this.#inboxBytes <= limits.lowWaterBytes) {
      this.#otherWaits = false;
      if (this.#other) this.#other.#handler?.onWritable();
    }
    if (this.#inbox.length === 0 && this.#closeInfo) this.#end(this.#closeInfo);
  }
}
