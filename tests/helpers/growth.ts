// The highest resident memory of a process over what it had at the start, sampled while a test does something to it.
import { isRunning, rssBytes } from './proc.ts';

/** Time between two samples in ms. */
const SAMPLE_MS = 20;

export class Growth {
  readonly #pid: number;
  readonly #baseBytes: number;
  readonly #timer: NodeJS.Timeout;
  #highestBytes = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.#baseBytes = rssBytes(pid);
    this.#timer = setInterval(() => {
      this.#sample();
    }, SAMPLE_MS);
    this.#timer.unref();
  }

  #sample(): void {
    // A failed test ends its server while we still look.
    if (isRunning(this.#pid)) this.#highestBytes = Math.max(this.#highestBytes, rssBytes(this.#pid) - this.#baseBytes);
    else clearInterval(this.#timer);
  }

  /** Ends the sampling. @returns bytes above the start; 0 when it never grew. */
  stop(): number {
    this.#sample();
    clearInterval(this.#timer);
    return this.#highestBytes;
  }
}
