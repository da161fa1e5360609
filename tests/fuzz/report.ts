// The table of a fuzzing run, and what in it is a failure.
import type { FuzzResult } from './run.ts';

const MiB = 1024 * 1024;
/** Memory that a program may have taken more after the warm-up. */
const MAX_RSS_GROWTH_BYTES = 64 * MiB;

const header = ['suite', 'inputs', 'crashes or rules broken', 'unhandled', 'RSS growth, MiB', 'fds', 'inputs/s'];

export function formatTable(results: readonly FuzzResult[]): string {
  const rows = results.map((result) => [
    result.suite,
    result.inputs.toLocaleString('en-US'),
    String(result.crashes),
    String(result.unhandled),
    (result.rssGrowthBytes / MiB).toFixed(1),
    `+${String(result.fdGrowth)}`,
    ((result.inputs / result.tookMs) * 1000).toFixed(0),
  ]);
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Suites in which anything was not as it must be. */
export function failureCount(results: readonly FuzzResult[]): number {
  return results.filter(
    ({ crashes, unhandled, rssGrowthBytes, fdGrowth }) =>
      crashes > 0 || unhandled > 0 || rssGrowthBytes > MAX_RSS_GROWTH_BYTES || fdGrowth > 0,
  ).length;
}
