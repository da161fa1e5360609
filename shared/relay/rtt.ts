// Round-trip time and retransmission timeout (RFC 6298), in ms.

export class RttEstimator {
  /** Smoothed round-trip time; undefined before the first measurement. */
  smoothedMs: number | undefined;
  /** The smallest one measured; 0 before the first measurement. */
  minMs = 0;
  #variationMs = 0;

  constructor(
    private readonly initialRtoMs: number,
    private readonly minRtoMs: number,
    private readonly maxRtoMs: number,
  ) {}

  /** `rttMs` must not come from a segment that was sent more than once (Karn's rule). */
  measure(rttMs: number): void {
    if (this.smoothedMs === undefined) {
      this.smoothedMs = rttMs;
      this.minMs = rttMs;
      this.#variationMs = rttMs / 2;
      return;
    }
    this.#variationMs += (Math.abs(this.smoothedMs - rttMs) - this.#variationMs) / 4;
    this.smoothedMs += (rttMs - this.smoothedMs) / 8;
    this.minMs = Math.min(this.minMs, rttMs);
  }

  /** The timeout after `backoff` expiries in a row. */
  rtoMs(backoff: number): number {
    const base =
      this.smoothedMs === undefined
        ? this.initialRtoMs
        : Math.max(this.minRtoMs, this.smoothedMs + Math.max(1, 4 * this.#variationMs));
    return Math.min(this.maxRtoMs, base * 2 ** Math.min(backoff, 16));
  }
}
