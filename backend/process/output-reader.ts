// Reads one non-blocking descriptor (pipe or terminal) into the shared buffer, with pause and an exact drain.

import { Socket } from 'node:net';
import { ReadStream } from 'node:tty';
import { drainInto, readBuffer } from './drain.ts';

/** A drain takes at most this much, in bytes: a grandchild that writes without end must not hold the event loop. */
const maxDrainBytes = 1024 * 1024;

/** A terminal that gave less than this in one read, in bytes, has no more: it gives 4 KiB at a time while it has. */
const fullReadBytes = 1024;

export class OutputReader {
  isEnded = false;
  /** False while we hold the other side of a terminal ourselves. */
  mayHangUp = false;
  readonly #socket: Socket;
  #isPaused = false;

  /**
   * @param onBytes gets bytes that are only valid during the call; false pauses until `resume`.
   * @param onEnd once, when nobody holds the other side any more, or after `close`.
   */
  constructor(
    private readonly fd: number,
    kind: 'pipe' | 'terminal',
    private readonly onBytes: (bytes: Buffer) => boolean,
    private readonly onEnd: () => void,
  ) {
    const onread = {
      buffer: readBuffer,
      callback: (length: number) => this.#read(length, kind === 'terminal'),
    };
    // ReadStream hands `onread` on to net.Socket; its types do not say so.
    this.#socket =
      kind === 'terminal'
        ? new ReadStream(fd, { onread } as object)
        : new Socket({ fd, readable: true, writable: false, onread } as object);
    // A terminal ends with EIO instead of an end of file. The stream closes the descriptor by itself.
    this.#socket.on('error', () => undefined);
    this.#socket.on('end', () => this.#end());
    this.#socket.on('close', () => this.#end());
    this.#socket.resume();
  }

  pause(): void {
    if (this.isEnded || this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (this.isEnded || !this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  /** Reads what is there now, even while paused. */
  drain(): void {
    for (let total = 0; !this.isEnded && total < maxDrainBytes;) {
      const { length, result } = drainInto(this.fd, 0);
      total += length;
      if (length > 0 && !this.onBytes(readBuffer.subarray(0, length))) this.pause();
      if (result === 'ended') this.close();
      if (result !== 'more') return;
    }
  }

  /** Gives up the descriptor, and with it what is unread. */
  close(): void {
    this.#end();
    this.#socket.destroy();
  }

  #read(length: number, isTerminal: boolean): boolean {
    // A terminal gives 4 KiB per read, and libuv takes a hang-up for the end although more is there: take it all now. The echo
    // of a character need not wait until a second read has found nothing.
    const isAll = !isTerminal || (length < fullReadBytes && !this.mayHangUp);
    const total = isAll ? length : drainInto(this.fd, length).length;
    if (!this.onBytes(readBuffer.subarray(0, total))) this.#isPaused = true;
    return !this.#isPaused;
  }

  #end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.onEnd();
  }
}
