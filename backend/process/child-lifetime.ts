// What both kinds of child share: the order of the last output, the exit and the close, and the bounded wait for others
// that still hold the output of a child that has exited.
//
//   state      event                        next
//   running    exit                         drain all readers, tell onExit; closed if all have ended or output was abandoned, else orphaned
//   orphaned   last reader ends             closed
//   orphaned   silence for orphanedOutputMs closed; what still comes is read and thrown away, so that nobody gets SIGPIPE

import type { ChildEvents, OutputStream } from './child.ts';
import type { OutputReader } from './output-reader.ts';

export class ChildLifetime {
  hasExited = false;
  #isClosed = false;
  #isAbandoned = false;
  #lastOutputAtMs = 0;
  #silenceTimer: NodeJS.Timeout | undefined;
  #readers: readonly OutputReader[] = [];

  constructor(
    private readonly events: ChildEvents,
    private readonly orphanedOutputMs: number,
  ) {}

  watch(readers: readonly OutputReader[]): void {
    this.#readers = readers;
  }

  output(stream: OutputStream, bytes: Buffer): boolean {
    if (this.#isClosed) return true;
    if (this.hasExited) this.#lastOutputAtMs = performance.now();
    return this.events.onOutput(stream, bytes);
  }

  readerEnded(): void {
    if (this.hasExited && this.#allEnded()) this.#close();
  }

  /** @param releaseOwnHold lets go of what the server itself holds of the child's output, after it has been read. */
  exited(exitCode: number, releaseOwnHold?: () => void): void {
    if (this.hasExited) return;
    for (const reader of this.#readers) reader.drain();
    this.hasExited = true;
    this.events.onExit(exitCode);
    releaseOwnHold?.();
    if (this.#isAbandoned) for (const reader of this.#readers) reader.close();
    // Often the other side has ended by now: looking at once saves a turn of the event loop.
    else for (const reader of this.#readers) reader.drain();
    if (this.#allEnded()) {
      this.#close();
    } else {
      this.#lastOutputAtMs = performance.now();
      this.#armSilenceTimer(this.orphanedOutputMs);
    }
  }

  abandonOutput(): void {
    this.#isAbandoned = true;
    if (this.hasExited) for (const reader of this.#readers) reader.close();
  }

  #allEnded(): boolean {
    return this.#readers.every((reader) => reader.isEnded);
  }

  #armSilenceTimer(ms: number): void {
    this.#silenceTimer = setTimeout(() => {
      const silentMs = performance.now() - this.#lastOutputAtMs;
      if (silentMs < this.orphanedOutputMs) return this.#armSilenceTimer(this.orphanedOutputMs - silentMs);
      this.#close();
      for (const reader of this.#readers) reader.resume();
    }, ms);
    this.#silenceTimer.unref();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#silenceTimer);
    this.events.onClose();
  }
}
