// Reports of a run, all pure: for machines (JSON, JUnit XML) and for people (Markdown, text).

import { levels } from './case.ts';
import type { CaseResult, Report } from './run.ts';
import { transcriptText } from './transcript.ts';

export type ReportFormat = 'json' | 'junit' | 'md';
export const reportFormats: readonly ReportFormat[] = ['json', 'junit', 'md'];

export interface Counts {
  readonly pass: number;
  readonly fail: number;
  readonly skip: number;
}

export function countResults(results: readonly CaseResult[]): Counts {
  const count = (status: CaseResult['status']) => results.filter((result) => result.status === status).length;
  return { pass: count('pass'), fail: count('fail'), skip: count('skip') };
}

/** Cases of one family: `EXEC-START` of `EXEC-START-003`. */
export function familyOf(id: string): string {
  return id.replace(/-\d+$/, '');
}

export function writeReport(report: Report, format: ReportFormat): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify({ ...report, counts: countResults(report.results) }, null, 2)}\n`;
    case 'junit':
      return junit(report);
    case 'md':
      return markdown(report);
  }
}

/** Of a failed case: what was expected, what was there, what was said. */
export function failureText(result: CaseResult): string {
  const left = result.transcriptDropped ? `  … ${result.transcriptDropped} earlier lines\n` : '';
  return [
    `${result.id} ${result.title} (${result.level}; ${result.source})`,
    `  expected ${result.expected ?? ''}`,
    `  got      ${result.got ?? ''}`,
    left + indent(transcriptText(result.transcript ?? [])),
  ].join('\n');
}

/** One line per family and level counts. */
export function summaryText(report: Report): string {
  const families = [...new Set(report.results.map(({ id }) => familyOf(id)))];
  const rows = families.map(
    (family) => [family, countResults(report.results.filter(({ id }) => familyOf(id) === family))] as const,
  );
  const width = Math.max(6, ...families.map((family) => family.length));
  const line = (name: string, ...cells: (string | number)[]) =>
    name.padEnd(width) + cells.map((cell) => String(cell).padStart(7)).join('');
  const byLevel = levels.flatMap((level) => {
    const results = report.results.filter((result) => result.level === level);
    if (results.length === 0) return [];
    const { pass, fail, skip } = countResults(results);
    return [`${level}: ${pass} passed, ${fail} failed, ${skip} skipped`];
  });
  return [
    line('family', 'pass', 'fail', 'skip'),
    ...rows.map(([family, { pass, fail, skip }]) => line(family, pass, fail, skip)),
    '',
    ...byLevel,
  ].join('\n');
}

function junit({ target, dialect, startedAt, durationMs, results }: Report): string {
  const { fail, skip } = countResults(results);
  const attributes = `tests="${results.length}" failures="${fail}" skipped="${skip}" time="${seconds(durationMs)}"`;
  const cases = results.map((result) => {
    const opening = `    <testcase classname="${familyOf(result.id)}" name="${xml(`${result.id} ${result.title}`)}" time="${seconds(result.durationMs)}"`;
    if (result.status === 'pass') return `${opening}/>`;
    if (result.status === 'skip') return `${opening}><skipped message="${xml(result.reason ?? '')}"/></testcase>`;
    const message = `expected ${result.expected ?? ''}, got ${result.got ?? ''}`;
    return `${opening}><failure type="${result.level}" message="${xml(message)}">${xml(failureText(result))}</failure></testcase>`;
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${attributes}>`,
    `  <testsuite name="${xml(`exec-server conformance of ${target}, dialect ${dialect}`)}" timestamp="${startedAt}" ${attributes}>`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function markdown(report: Report): string {
  const { pass, fail, skip } = countResults(report.results);
  const rows = report.results.map(({ id, title, level, status, reason, expected, got }) => {
    const why = reason ?? (expected === undefined ? '' : `expected ${expected}, got ${got ?? ''}`);
    return `| ${id} | ${level} | ${status} | ${cell(title)} | ${cell(why)} |`;
  });
  const failures = report.results.filter(({ status }) => status === 'fail');
  return [
    `# Conformance of ${report.target}`,
    '',
    `Dialect ${report.dialect}${report.serverVersion === '' ? '' : `, server ${report.serverVersion}`}, ${report.startedAt}: ${pass} passed, ${fail} failed, ${skip} skipped.`,
    '',
    '| case | level | outcome | rule | why |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    ...(failures.length === 0 ? [] : ['', '## Failures']),
    ...failures.flatMap((result) => ['', '```text', failureText(result).replaceAll('```', "'''"), '```']),
    '',
  ].join('\n');
}

/** Text for a cell of a Markdown table. */
export function cell(text: string): string {
  return text
    .replaceAll(/[\r\n]+/g, ' ')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;');
}

function xml(text: string): string {
  return (
    text
      // XML 1.0 has no way to write other control characters.
      .replaceAll(/[^\t\n\r\u0020-\uFFFD]/g, '\uFFFD')
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
  );
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}
