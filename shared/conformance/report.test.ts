// What a run is told as: JSON, JUnit XML, Markdown and text.
import { describe, expect, it } from 'vitest';
import type { ConformanceCase } from './case.ts';
import { failureText, summaryText, writeReport } from './report.ts';
import type { CaseResult, Report } from './run.ts';
import { selectCases } from './select.ts';

const about = { level: 'must', source: 'docs/protocol.md, Envelope', durationMs: 12 } as const;
const results: readonly CaseResult[] = [
  { ...about, id: 'EXEC-A-001', title: 'holds', status: 'pass' },
  {
    ...about,
    id: 'EXEC-A-002',
    title: 'breaks <&"> and | in \u0001 a cell',
    status: 'fail',
    expected: 'the id to be 1',
    got: '"x"\n',
    transcript: [{ atMs: 3, connection: 'A', what: 'sent', text: '{"id":1}' }],
  },
  { ...about, level: 'should', id: 'EXT-B-001', title: 'is not here', status: 'skip', reason: 'not on Linux' },
];
const report: Report = {
  target: 'ws://127.0.0.1:1',
  dialect: '0.169',
  serverVersion: '1.2.3',
  startedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 1500,
  results,
};

describe('a conformance report', () => {
  it('is JSON with counts', () => {
    expect(JSON.parse(writeReport(report, 'json'))).toEqual({ ...report, counts: { pass: 1, fail: 1, skip: 1 } });
  });

  it('is JUnit XML in which every text is escaped', () => {
    const xml = writeReport(report, 'junit');
    expect(xml).toContain('<testsuites tests="3" failures="1" skipped="1" time="1.500">');
    expect(xml).toContain('name="EXEC-A-002 breaks &lt;&amp;&quot;&gt; and | in \uFFFD a cell"');
    expect(xml).toContain('<skipped message="not on Linux"/>');
    // Each angle bracket belongs to a tag, and each tag is closed.
    const opened = xml.match(/<[a-z][^>]*[^/]>/g)?.length;
    expect(xml.match(/<\/[a-z]+>/g)?.length).toBe(opened);
  });

  it('is Markdown in which no cell ends early', () => {
    const lines = writeReport(report, 'md').split('\n');
    const row = lines.find((line) => line.startsWith('| EXEC-A-002'));
    expect(row?.replaceAll('\\|', '').split('|').length).toBe(7);
    expect(lines).toContain('Dialect 0.169, server 1.2.3, 2026-01-01T00:00:00.000Z: 1 passed, 1 failed, 1 skipped.');
  });

  it('shows what was expected, what was there and what was said', () => {
    expect(failureText(results[1]!)).toBe(
      [
        'EXEC-A-002 breaks <&"> and | in \u0001 a cell (must; docs/protocol.md, Envelope)',
        '  expected the id to be 1',
        '  got      "x"\n',
        '       3 ms A → {"id":1}',
      ].join('\n'),
    );
  });

  it('sums up by family and by level', () => {
    expect(summaryText(report).split('\n')).toEqual([
      'family   pass   fail   skip',
      'EXEC-A      1      1      0',
      'EXT-B       0      0      1',
      '',
      'must: 1 passed, 1 failed, 0 skipped',
      'should: 0 passed, 0 failed, 1 skipped',
    ]);
  });
});

describe('selectCases', () => {
  const made = (id: string, level: ConformanceCase['level']): ConformanceCase => ({
    id,
    level,
    title: '',
    source: '',
    run: () => Promise.resolve(),
  });
  const cases = [made('EXEC-A-001', 'must'), made('EXEC-A-012', 'should'), made('EXT-B-001', 'extension')];
  const ids = (...parameters: [ConformanceCase['level'], string[]]) =>
    selectCases(cases, ...parameters).map(({ id }) => id);

  it('takes the levels up to the one that is named', () => {
    expect([ids('must', []).length, ids('should', []).length, ids('extension', []).length]).toEqual([1, 2, 3]);
  });

  it('takes ids that match any of the patterns, whatever their case', () => {
    expect(ids('extension', ['exec-a-*'])).toEqual(['EXEC-A-001', 'EXEC-A-012']);
    expect(ids('extension', ['*-00?', 'EXEC.*'])).toEqual(['EXEC-A-001', 'EXT-B-001']);
  });
});
