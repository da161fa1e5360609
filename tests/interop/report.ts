// The outcome of an interop run: a table for the terminal, and the same as a Markdown page with the evidence.
import type { CodexVersion } from './codex-cli.ts';
import type { Scenario } from './scenario.ts';
import type { ServerKind } from './servers.ts';

export interface Outcome {
  readonly scenario: Pick<Scenario, 'id' | 'title' | 'genuineNote'>;
  readonly version: CodexVersion;
  readonly server: ServerKind;
  /** `differs`: a genuine pair does something else here, and is known to. */
  readonly verdict: 'pass' | 'FAIL' | 'differs' | 'n/a';
  /** What was seen, or why it failed or makes no sense. */
  readonly evidence: string;
  readonly tookMs: number;
}

interface Column {
  readonly version: CodexVersion;
  readonly server: ServerKind;
}

function columnsOf(outcomes: readonly Outcome[]): Column[] {
  const columns = new Map(outcomes.map(({ version, server }) => [`${version} ${server}`, { version, server }]));
  return [...columns.values()];
}

function scenariosOf(outcomes: readonly Outcome[]): Outcome['scenario'][] {
  return [...new Set(outcomes.map(({ scenario }) => scenario))];
}

function find(outcomes: readonly Outcome[], scenario: Outcome['scenario'], column: Column): Outcome | undefined {
  return outcomes.find(
    (outcome) =>
      outcome.scenario === scenario && outcome.version === column.version && outcome.server === column.server,
  );
}

/** Scenario by pair, for a terminal. */
export function textTable(outcomes: readonly Outcome[]): string {
  const columns = columnsOf(outcomes);
  const rows = [
    ['scenario', ...columns.map(({ version, server }) => `${version} ${server}`)],
    ...scenariosOf(outcomes).map((scenario) => [
      scenario.id,
      ...columns.map((column) => find(outcomes, scenario, column)?.verdict ?? '–'),
    ]),
  ];
  const widths = rows[0]?.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0))) ?? [];
  return rows.map((row) => row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ')).join('\n');
}

/** One line that says how it went. */
export function summary(outcomes: readonly Outcome[]): string {
  const count = (verdict: Outcome['verdict']): string =>
    String(outcomes.filter((outcome) => outcome.verdict === verdict).length);
  return `${count('pass')} passed, ${count('FAIL')} failed, ${count('differs')} genuine pairs differ, ${count('n/a')} not applicable`;
}

/** The whole page, from its title on. */
export function markdownPage(outcomes: readonly Outcome[], when: Date): string {
  const columns = columnsOf(outcomes);
  const name = ({ version, server }: Column): string => `${version} ↔ ${server}`;
  const lines = [
    '# The real Codex CLI on this server',
    '',
    'Written by `npm run interop:codex -- --report docs/interop.md`; run it again instead of editing this page.',
    '',
    'The genuine Codex CLI, 0.131.0 and 0.169.0, runs `codex exec` with `CODEX_EXEC_SERVER_URL` pointing at a server.',
    'A stand-in for the model on loopback hands it scripted tool calls and looks at what it reports back; a tap between CLI',
    'and server records every message without changing a byte. *genuine* is the `codex exec-server` of the same version,',
    'which shows that the script asks for the right thing; *exec-server* and *serve* are the two forms of this project’s',
    'server. A genuine pair that is known to do something else is marked *differs*. On our server each run must also keep the',
    'rules of the wire: answer before events, `seq` without a gap, no request unknown or unreadable.',
    '',
    `Seen on ${when.toISOString().slice(0, 10)} on ${process.platform} ${process.arch}, Node ${process.versions.node}.`,
    '',
    `| scenario | ${columns.map(name).join(' | ')} |`,
    `| --- | ${columns.map(() => '---').join(' | ')} |`,
    ...scenariosOf(outcomes).map((scenario) => {
      const cells = columns.map((column) => find(outcomes, scenario, column)?.verdict ?? '–');
      return `| [${scenario.id}](#${scenario.id}) | ${cells.join(' | ')} |`;
    }),
    '',
    `${summary(outcomes)}.`,
    '',
    '## What was seen',
    '',
  ];
  for (const scenario of scenariosOf(outcomes)) {
    lines.push(
      `### ${scenario.id}`,
      '',
      sentence(scenario.title),
      '',
      '| pair | verdict | seen | time |',
      '| --- | --- | --- | --- |',
    );
    for (const column of columns) {
      const outcome = find(outcomes, scenario, column);
      if (outcome === undefined) continue;
      const seconds = `${(outcome.tookMs / 1000).toFixed(1)} s`;
      lines.push(`| ${name(column)} | ${outcome.verdict} | ${cell(outcome.evidence)} | ${seconds} |`);
    }
    lines.push('');
    if (scenario.genuineNote !== undefined) lines.push(`A genuine pair: ${scenario.genuineNote}`, '');
  }
  return lines.join('\n');
}

/** A title as a sentence; a name with an underscore in front keeps its spelling. */
function sentence(title: string): string {
  return /^\w*_/.test(title) ? `${title}.` : `${title.charAt(0).toUpperCase()}${title.slice(1)}.`;
}

/** Text that is safe inside a Markdown table. */
export function cell(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').replaceAll('<', '&lt;').trim();
}
