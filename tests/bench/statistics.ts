// Medians, percentiles and spans of small sets of numbers. Pure.

/** The median; the mean of the two middle values for an even count. NaN for no values. */
export function median(values: readonly number[]): number {
  return (percentile(values, 0.5, Math.floor) + percentile(values, 0.5, Math.ceil)) / 2;
}

/**
 * The value at `fraction` (0..1) of the sorted values, nearest rank below by default. NaN for no values.
 * Takes typed arrays too, because the latencies of one run come as one.
 */
export function percentile(
  values: ArrayLike<number>,
  fraction: number,
  round: (rank: number) => number = Math.floor,
): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[round(fraction * (sorted.length - 1))] ?? Number.NaN;
}
