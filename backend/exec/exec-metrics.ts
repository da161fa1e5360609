// What the exec server counts; app/metrics.ts shows it. Plain numbers: a request costs two clock readings.

/** Upper bounds of the duration buckets, in seconds. */
export const durationBuckets = [0.0001, 0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10] as const;

export interface MethodStats {
  /** Answers by `ok` or by error code. */
  readonly results: Map<string, number>;
  /** How many took at most the bound of the same index, and longer than the one before; the last: longer than all. */
  readonly buckets: number[];
  durationSumMs: number;
}

export class ExecMetrics {
  connectionsOpen = 0;
  connectionsTotal = 0;
  messagesIn = 0;
  bytesIn = 0;
  malformedMessages = 0;
  readonly methods = new Map<string, MethodStats>();

  /** @param method a declared one, or `unknown`: labels stay few. */
  answered(method: string, result: string, durationMs: number): void {
    let stats = this.methods.get(method);
    if (!stats) {
      stats = { results: new Map(), buckets: new Array<number>(durationBuckets.length + 1).fill(0), durationSumMs: 0 };
      this.methods.set(method, stats);
    }
    stats.results.set(result, (stats.results.get(result) ?? 0) + 1);
    stats.durationSumMs += durationMs;
    const seconds = durationMs / 1000;
    let index = 0;
    while (index < durationBuckets.length && seconds > (durationBuckets[index] ?? Infinity)) index++;
    stats.buckets[index] = (stats.buckets[index] ?? 0) + 1;
  }
}
