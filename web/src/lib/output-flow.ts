// Keeps what waits to be drawn bounded, over all terminals of a connection: above a mark the connection is paused, below
// another it goes on. Where pausing does not reach the server, what comes while too much waits is left out, and counted.

/** Bytes. The terminal draws some 30 to 60 MB/s: the high mark is a few frames of work, so that Ctrl-C is felt at once. It holds
 * as many lines of 200 bytes as a screen keeps: then those before them need not be drawn (screen-queue.ts). */
const highMark = 2 * 1024 * 1024;
const lowMark = 512 * 1024;
/** Without a way to hold back: more than this is not queued. */
const leaveOutMark = 4 * 1024 * 1024;

export interface Holdable {
  pause(): void;
  resume(): void;
}

export class OutputFlow {
  #waitingBytes = 0;
  #isPaused = false;

  constructor(
    private readonly source: Holdable,
    private readonly canHoldBack: () => boolean,
  ) {}

  /** @returns false when the bytes must be left out. */
  admit(bytes: number): boolean {
    if (!this.canHoldBack() && this.#waitingBytes > leaveOutMark) return false;
    this.#waitingBytes += bytes;
    if (this.canHoldBack() && !this.#isPaused && this.#waitingBytes > highMark) {
      this.#isPaused = true;
      this.source.pause();
    }
    return true;
  }

  /** That many of the admitted bytes are drawn. */
  drawn(bytes: number): void {
    this.#waitingBytes -= bytes;
    if (!this.#isPaused || this.#waitingBytes > lowMark) return;
    this.#isPaused = false;
    this.source.resume();
  }
}
