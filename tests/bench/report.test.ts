// The report must not flatter: ratios, failed rounds and rows without a comparison.

import { expect, test } from 'vitest';

import { formatTable } from './report.ts';
import type { CaseResult } from './runner.ts';
import { median, percentile } from './statistics.ts';
import type { BenchCase, Metric } from './suite.ts';

function caseWith(metric: Pick<Metric, 'better'>): BenchCase {
  return {
    name: 'case',
    state: 'warm',
    deadlineMs: 1,
    metrics: [{ key: 'value', title: 'row', unit: 'ms', digits: 1, ...metric }],
    run: () => Promise.reject(new Error('not run here')),
  };
}

function result(label: string, value: readonly number[], failures: readonly string[] = []): CaseResult {
  return { caseName: 'case', label, samples: { value }, failures };
}

function row(better: Metric['better'], results: readonly CaseResult[]): string[] {
  const labels = results.map(({ label }) => label);
  const line = formatTable([caseWith({ better })], labels, results).split('\n')[2] ?? '';
  return line.split('|').map((cell) => cell.trim());
}

test('a ratio above 1 is in favour of the first server, whichever direction is better', () => {
  const results = [result('own', [2]), result('a', [8]), result('b', [4])];
  expect(row('lower', results)[6]).toBe('2.00×');
  expect(row('higher', results)[6]).toBe('0.25×');
  expect(row('none', results)[6]).toBe('');
});

test('a server without a successful round is failed, and is not compared with', () => {
  expect(row('lower', [result('own', [2]), result('a', [], ['stalled'])])).toEqual([
    '',
    'row',
    'ms',
    '2.0',
    'failed',
    '',
    '',
  ]);
});

test('a failed round is marked and its reason is told', () => {
  const results = [result('own', [1, 3, 2], ['not done within 60 s'])];
  expect(row('lower', results)[3]).toBe('2.0 *');
  expect(formatTable([caseWith({ better: 'lower' })], ['own'], results)).toContain('own, case: not done within 60 s');
});

test('the median of an even count is the mean of the middle two, and of nothing is no number', () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
  expect(percentile([5, 1, 9], 0.5)).toBe(5);
});
