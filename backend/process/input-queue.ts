// InputQueue over a pipe: counts what is under way and survives a child that closes its stdin.

import type { Socket } from 'node:net';
import type { InputQueue } from './child.ts';

export class SocketInput implements InputQueue {
  queuedBytes = 0;
  isEnded = false;
  #waiting = new Set<() => void>();

  constructor(private readonly socket: Socket) {
    // EPIPE: the child has closed its stdin. That is its right; what was under way is gone.
    socket.on('error', () => this.#abandon());
    socket.on('close', () => this.#abandon());
  }

  write(bytes: Uint8Array, onWritten: () => void): void {
    if (this.isEnded || bytes.length === 0) {
      onWritten();
      return;
    }
    this.queuedBytes += bytes.length;
    const done = () => {
      if (!this.#waiting.delete(done)) return;
      this.queuedBytes -= bytes.length;
      onWritten();
    };
    this.#waiting.add(done);
    this.socket.write(bytes, done);
  }

  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.socket.end();
  }

  /** The child has gone: closes the pipe, and lets go of whoever waits. */
  close(): void {
    this.#abandon();
    this.socket.destroy();
  }

  #abandon(): void {
    this.isEnded = true;
    for (const done of this.#waiting) done();
  }
}
