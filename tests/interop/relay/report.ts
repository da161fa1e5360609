// The outcome of a run over the relay: a table for the terminal, and the same as a Markdown page with what was seen.
import { cell } from '../report.ts';
import { CHECK_IDS, CHECKS, type CheckId } from './checks.ts';
import type { Position } from './positions.ts';

export interface Outcome {
  readonly position: Position;
  readonly check: CheckId | 'secrecy';
  readonly verdict: 'pass' | 'FAIL' | 'n/a';
  readonly evidence: string;
  readonly tookMs: number;
}

const COLUMNS = [...CHECK_IDS, 'secrecy'] as const;
const TITLES = {
  ...CHECKS,
  secrecy: 'who reads the frames at the rendezvous reads the commands (plain) or not (Noise)',
};

function positionsOf(outcomes: readonly Outcome[]): Position[] {
  return [...new Set(outcomes.map(({ position }) => position))];
}

function verdictOf(outcomes: readonly Outcome[], position: Position, check: Outcome['check']): string {
  return outcomes.find((outcome) => outcome.position === position && outcome.check === check)?.verdict ?? '–';
}

export function textTable(outcomes: readonly Outcome[]): string {
  const rows = [
    ['position', ...COLUMNS],
    ...positionsOf(outcomes).map((position) => [
      position.id,
      ...COLUMNS.map((check) => verdictOf(outcomes, position, check)),
    ]),
  ];
  const widths = rows[0]?.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0))) ?? [];
  return rows.map((row) => row.map((text, index) => text.padEnd(widths[index] ?? 0)).join('  ')).join('\n');
}

function named(peer: Position['executor']): string {
  return peer === 'ours' ? 'ours' : `Codex ${peer}`;
}

/** What the table cannot say: seen beside these runs, by a recording proxy before the registry and by dropping frames. */
const NOTES = [
  '## Where genuine peers differ',
  '',
  '- CLI 0.131 never dials again: whoever loses its connection loses its commands. CLI 0.169 resumes its session, also over',
  '  plain frames, and catches up with `process/read`.',
  '- The executor of 0.131 says exit code -1 of a command that a signal ended; 0.169 and ours say 128 + the signal.',
  '- CLI 0.131 reads output from the 1 MiB that the executor keeps: of 2 MB at full speed it counts about half (500,000',
  '  tokens would be all). What it reads in parts is exact.',
  '- 0.169.0 asks for the key of a harness at `POST /cloud/environment/{id}/validate`, with the header',
  '  `x-codex-noise-stream-id`; the path `validate-harness-key` stands in public source only, and is served as well.',
  '- The executor of 0.169.0 dials the URL that it has again until it is refused with 401, as after its expiry; then it registers',
  '  anew. It sends no name.',
  '- Over Noise 0.169.0 does not make up for lost frames: with 7 of 465 dropped on purpose one command failed (“process events are',
  '  no longer retained while recovering”) and another run hung. So it needs a rendezvous that drops nothing, as ours does unless it',
  '  is told to; between nodes, while NATS can be reached.',
  '- CLI 0.169 cannot work on an executor of 0.131, whatever is between them: its paths are `file://` URIs (“No such file or',
  '  directory”, “AbsolutePathBuf deserialized without a base path”).',
  '- CLI 0.169.0 asks about ten times in twenty seconds when the registry answers 409 `environment_offline`, then goes on',
  '  without an environment.',
  '- Who speaks Noise and who does not cannot meet: the registry says so (409 `noise_required`, `noise_not_offered`). Our harness',
  '  and our executor speak plain frames. CLI 0.169 reaches our executor by `CODEX_EXEC_SERVER_URL`.',
  '',
  '## What could not be established',
  '',
  '- How the real registry and rendezvous behave: limits, lifetimes, whether an authorization holds once or longer, and what',
  '  the `transport_policy` of their answers does. 0.169.0 is content without it.',
  '- Registration with other credentials than a bearer token, and `--remote-transport direct`.',
];

/** The whole page, from its title on. */
export function markdownPage(outcomes: readonly Outcome[], versions: readonly string[], when: Date): string {
  const lines = [
    '# Genuine peers over the relay',
    '',
    'Written by `npm run interop -- --report docs/relay-interop.md`; run it again instead of editing this page.',
    '',
    'Every position that a genuine peer can take, with real processes. *ours* is this project’s; *Codex* is the genuine',
    'program: its `codex exec-server` as executor, its `codex exec` as harness with a stand-in for the model on loopback.',
    '*stand-in* is a registry and a rendezvous that are not ours: the real ones cannot be had, so it is a minimal one written',
    'from what the genuine peers need, which only forwards frames by their stream and says who is gone. That a genuine pair',
    'works through it, too, is all that is known of its likeness. *two nodes* are ours, the executor at one and the harness at',
    'the other, joined by a real nats-server.',
    '',
    `Seen on ${when.toISOString().slice(0, 10)} with ${versions.join(', ')} on ${process.platform} ${process.arch}, Node ${process.versions.node}.`,
    '',
    ...COLUMNS.map((check) => `- **${check}**: ${TITLES[check]}`),
    '',
    `| position | rendezvous | executor | harness | frames | ${COLUMNS.join(' | ')} |`,
    `| --- | --- | --- | --- | --- | ${COLUMNS.map(() => '---').join(' | ')} |`,
    ...positionsOf(outcomes).map((position) => {
      const { id, rendezvous, executor, harness, frames } = position;
      const verdicts = COLUMNS.map((check) => verdictOf(outcomes, position, check));
      return `| [${[`${id}](#${id})`, rendezvous, named(executor), named(harness), frames, ...verdicts].join(' | ')} |`;
    }),
    '',
    '## What was seen',
    '',
  ];
  for (const position of positionsOf(outcomes)) {
    lines.push(`### ${position.id}`, '', '| check | verdict | seen | time |', '| --- | --- | --- | --- |');
    for (const { check, verdict, evidence, tookMs } of outcomes.filter((outcome) => outcome.position === position)) {
      lines.push(`| ${check} | ${verdict} | ${cell(evidence)} | ${(tookMs / 1000).toFixed(1)} s |`);
    }
    lines.push('');
  }
  return [...lines, ...NOTES].join('\n');
}
