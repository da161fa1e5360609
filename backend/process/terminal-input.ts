// InputQueue over the master of a terminal. libuv cannot write there: on a master it falls back to blocking writes, which
// spin on EAGAIN and hold up the whole server when the child does not read. So we write what the line takes, and look
// again: at once after progress, else less and less often.

import { writeSync } from 'node:fs';
import type { InputQueue } from './child.ts';
import { isOsError } from './os-error.ts';

/** Byte 4 (Ctrl-D) is end-of-file on a terminal. */
const endOfFile = Buffer.from([4]);
/** Pauses between two looks at a line that takes nothing, in ms: doubled from the first to the last. */
const firstRetryMs = 1;
const lastRetryMs = 32;
/** The event loop is given back after this much, in bytes. */
const sliceBytes = 64 * 1024;

interface Piece {
  readonly bytes: Uint8Array;
  readonly onWritten: () => void;
  offset: number;
}

export class TerminalInput implements InputQueue {
  queuedBytes = 0;
  isEnded = false;
  readonly #pieces: Piece[] = [];
  #isScheduled = false;
  #retryMs = firstRetryMs;

  /** @param fd non-blocking, and open until `close` was called. */
  constructor(private readonly fd: number) {}

  write(bytes: Uint8Array, onWritten: () => void): void {
    if (this.isEnded || bytes.length === 0) {
      onWritten();
      return;
    }
    this.queuedBytes += bytes.length;
    this.#pieces.push({ bytes, onWritten, offset: 0 });
    if (!this.#isScheduled) this.#pump();
  }

  /** A terminal has no end of its own: end-of-file is typed, and more may follow. */
  end(): void {
    this.write(endOfFile, () => undefined);
  }

  /** The terminal goes away: what is left can never leave. Idempotent. */
  close(): void {
    this.isEnded = true;
    this.queuedBytes = 0;
    for (const { onWritten } of this.#pieces.splice(0)) onWritten();
  }

  #pump(): void {
    this.#isScheduled = false;
    let written = 0;
    while (this.#pieces[0] && written < sliceBytes) {
      const piece = this.#pieces[0];
      const count = tryWrite(this.fd, piece.bytes.subarray(piece.offset));
      if (count === undefined) break;
      if (count < 0) {
        this.close();
        return;
      }
      written += count;
      piece.offset += count;
      this.queuedBytes -= count;
      if (piece.offset < piece.bytes.length) continue;
      this.#pieces.shift();
      piece.onWritten();
    }
    if (this.#pieces.length > 0) this.#schedule(written > 0);
  }

  #schedule(hasProgressed: boolean): void {
    this.#isScheduled = true;
    if (hasProgressed) {
      this.#retryMs = firstRetryMs;
      setImmediate(() => this.#pump());
    } else {
      setTimeout(() => this.#pump(), this.#retryMs);
      this.#retryMs = Math.min(this.#retryMs * 2, lastRetryMs);
    }
  }
}

/** Undefined: the line takes nothing now. Negative: nobody will ever read it. */
function tryWrite(fd: number, bytes: Uint8Array): number | undefined {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // EAGAIN is the normal end of a look: a stack for it would cost more than the write.
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    return isOsError(error) && error.code === 'EAGAIN' ? undefined : -1;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
