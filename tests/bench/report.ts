// Makes the table for people (Markdown, so that it can be pasted into docs/performance.md) and the JSON for machines.

import os from 'node:os';

import type { CaseResult } from './runner.ts';
import { median } from './statistics.ts';
import type { BenchCase, Metric } from './suite.ts';

/** The machine and the run, for whoever compares two reports. */
export interface RunFacts {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly node: string;
  readonly rounds: number;
  readonly isQuick: boolean;
}

export function runFacts(rounds: number, isQuick: boolean): RunFacts {
  return {
    date: new Date().toISOString(),
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: os.cpus().length,
    memoryGb: Math.round(os.totalmem() / 1e9),
    system: `${os.type()} ${os.release()}`,
    node: process.version,
    rounds,
    isQuick,
  };
}

/**
 * Medians per target; with more than one target also how the first does against the best of the others, so that a
 * ratio above 1 is in favour of the first whatever the unit.
 */
export function formatTable(
  cases: readonly BenchCase[],
  labels: readonly string[],
  results: readonly CaseResult[],
): string {
  const hasPeers = labels.length > 1;
  const header = ['', 'unit', ...labels, ...(hasPeers ? [`${labels[0] ?? ''} against the best other`] : [])];
  const rows = cases.flatMap((benchCase) =>
    benchCase.metrics.map((metric) => {
      const medians = labels.map((label) => medianOf(results, benchCase.name, label, metric.key));
      const cells = medians.map((value, index) => {
        const result = find(results, benchCase.name, labels[index] ?? '');
        return Number.isNaN(value) ? 'failed' : `${format(value, metric.digits)}${result?.failures.length ? ' *' : ''}`;
      });
      return [metric.title, metric.unit, ...cells, ...(hasPeers ? [ratio(metric, medians)] : [])];
    }),
  );
  return [...alignColumns([header, ...rows]), ...footnotes(results)].join('\n');
}

export function jsonReport(
  facts: RunFacts,
  cases: readonly BenchCase[],
  labels: readonly string[],
  results: readonly CaseResult[],
): unknown {
  const metrics = cases.flatMap((benchCase) =>
    benchCase.metrics.map(({ key, title, unit, better }) => ({
      name: `${benchCase.name}.${key}`,
      title,
      unit,
      better,
      targets: labels.map((label) => {
        const samples = find(results, benchCase.name, label)?.samples[key] ?? [];
        const value = median(samples);
        return { label, median: Number.isNaN(value) ? null : value, samples };
      }),
    })),
  );
  const failures = results.flatMap(({ caseName, label, failures: reasons }) =>
    reasons.map((reason) => ({ case: caseName, label, reason })),
  );
  return { ...facts, metrics, failures };
}

function find(results: readonly CaseResult[], caseName: string, label: string): CaseResult | undefined {
  return results.find((result) => result.caseName === caseName && result.label === label);
}

function medianOf(results: readonly CaseResult[], caseName: string, label: string, key: string): number {
  return median(find(results, caseName, label)?.samples[key] ?? []);
}

function ratio(metric: Metric, [own = Number.NaN, ...others]: readonly number[]): string {
  const known = others.filter((value) => !Number.isNaN(value));
  if (metric.better === 'none' || known.length === 0 || Number.isNaN(own)) return '';
  const isLower = metric.better === 'lower';
  const best = isLower ? Math.min(...known) : Math.max(...known);
  if (own === best) return '1.00×';
  const factor = isLower ? best / own : own / best;
  return Number.isFinite(factor) && factor > 0 ? `${factor.toFixed(factor < 10 ? 2 : 0)}×` : '';
}

function format(value: number, digits: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function footnotes(results: readonly CaseResult[]): string[] {
  const failed = results.filter((result) => result.failures.length > 0);
  const lines = failed.map(({ caseName, label, failures }) => `- ${label}, ${caseName}: ${failures.join('; ')}`);
  return lines.length > 0 ? ['', '\\* rounds that failed and are not in the median:', '', ...lines] : [];
}

/** The first two columns to the left, numbers to the right. */
function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => (column < 2 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  const [header = [], ...body] = rows;
  return [line(header), rule, ...body.map(line)];
}
