// Writes to stdout or stderr without ever blocking the event loop: Node's own process.stdout blocks it while a pipe is full, so
// that `… | less` would leave a server's pings unanswered. Tells when it is behind, and when nobody reads any more.

import { write } from 'node:fs';
import { limits } from '../../shared/limits.ts';
import { isOsError } from '../process/os-error.ts';

/** A descriptor that others have made non-blocking is tried again so much later, ms. */
const retryMs = 5;

/** Nobody reads our output any more, or it cannot be written. */
export class OutputBroken extends Error {
  readonly isUnread: boolean;

  constructor(override readonly cause: Error) {
    super(`cannot write: ${cause.message}`);
    this.isUnread = isOsError(cause) && cause.code === 'EPIPE';
  }
}

export interface OutputEvents {
  /** After `write` returned false: there is room again. */
  onRoom?(): void;
  /** What is written from now on is dropped. */
  onBroken?(error: OutputBroken): void;
}

export class OutputFile {
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #isWriting = false;
  #isBroken = false;
  #isBehind = false;
  #drained: (() => void)[] = [];

  constructor(
    private readonly fd: number,
    private readonly events: OutputEvents = {},
  ) {}

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** @returns whether more may follow at once. Text is written as UTF-8. */
  write(data: Uint8Array | string): boolean {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    if (this.#isBroken || bytes.length === 0) return true;
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    if (!this.#isWriting) this.#writeNext();
    this.#isBehind ||= this.#queuedBytes > limits.highWaterBytes;
    return !this.#isBehind;
  }

  /** Resolves when all is written, or can't be. */
  async drained(): Promise<void> {
    if (this.#queue.length > 0) await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  #writeNext(): void {
    const [bytes] = this.#queue;
    this.#isWriting = bytes !== undefined;
    if (!bytes) {
      for (const resolve of this.#drained.splice(0)) resolve();
      return;
    }
    write(this.fd, bytes, (error, written) => {
      if (error) this.#failed(error);
      else this.#wrote(bytes, written);
    });
  }

  #wrote(bytes: Uint8Array, written: number): void {
    if (written === bytes.length) this.#queue.shift();
    else this.#queue[0] = bytes.subarray(written);
    this.#queuedBytes -= written;
    this.#writeNext();
    if (!this.#isBehind || this.#queuedBytes > limits.lowWaterBytes) return;
    this.#isBehind = false;
    this.events.onRoom?.();
  }

  #failed(error: Error): void {
    if (isOsError(error) && error.code === 'EAGAIN') {
      setTimeout(() => this.#writeNext(), retryMs);
      return;
    }
    this.#isBroken = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#writeNext();
    this.events.onBroken?.(new OutputBroken(error));
  }
}
