// How long the executor takes to answer: the last round trips of a connection, and where half and nearly all of them lie.

/** Round trips that count, the newest. */
const kept = 60;

export class RoundTrips {
  /** The newest last, ms. */
  samples = $state.raw<readonly number[]>([]);

  add(ms: number): void {
    this.samples = [...this.samples.slice(1 - kept), ms];
  }

  clear(): void {
    this.samples = [];
  }

  /** Median, ms. Undefined before the first. */
  get p50(): number | undefined {
    return this.#quantile(0.5);
  }

  get p99(): number | undefined {
    return this.#quantile(0.99);
  }

  #quantile(share: number): number | undefined {
    const sorted = [...this.samples].sort((a, b) => a - b);
    return sorted[Math.ceil(share * sorted.length) - 1];
  }
}
