// How late the event loop comes to what is due: everything is served by it, so whoever holds it up holds up all. Watched only
// while there is a connection; then it costs ten wake-ups a second in native code, else nothing.

import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';

/** Time between two samples, ms: a delay is told from about this on. */
const resolutionMs = 100;
/** The worst delay is judged, and forgotten, after this long, ms. */
const windowMs = 5000;

export class EventLoopWatch {
  #histogram: IntervalHistogram | undefined;
  #timer: NodeJS.Timeout | undefined;
  #users = 0;
  #lastWindowMs = 0;

  /**
   * @param warnMs a worse delay is told to `onDelayed`, once per window of five seconds; 0: never.
   */
  constructor(
    private readonly warnMs: number,
    private readonly onDelayed: (delayMs: number) => void,
  ) {}

  /** The worst delay of this window and the last one, ms; 0 while nobody is connected. */
  get worstDelayMs(): number {
    return Math.max(this.#lastWindowMs, this.#worstNowMs());
  }

  /** There is one more connection. */
  enter(): void {
    if (this.#users++ > 0) return;
    this.#histogram ??= monitorEventLoopDelay({ resolution: resolutionMs });
    this.#histogram.enable();
    this.#timer = setInterval(() => this.#endWindow(), windowMs).unref();
  }

  /** There is one less. */
  leave(): void {
    if (--this.#users > 0) return;
    clearInterval(this.#timer);
    this.#histogram?.disable();
    this.#histogram?.reset();
    this.#lastWindowMs = 0;
  }

  #endWindow(): void {
    this.#lastWindowMs = this.#worstNowMs();
    this.#histogram?.reset();
    if (this.warnMs > 0 && this.#lastWindowMs > this.warnMs) this.onDelayed(this.#lastWindowMs);
  }

  /** The histogram measures the time from one sample to the next, in ns. */
  #worstNowMs(): number {
    if (!this.#histogram || this.#histogram.count === 0) return 0;
    return Math.max(0, Math.round(this.#histogram.max / 1e6 - resolutionMs));
  }
}
