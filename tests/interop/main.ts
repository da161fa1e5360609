// `npm run interop`: genuine peers over the relay, position by position, and what was seen. Not part of `npm test`: it
// installs the genuine programs and takes some minutes.
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { format, resolveConfig } from 'prettier';
import { buildFor } from '../../scripts/vitest/build-once.js';
import { until } from '../helpers/until.ts';
import { codexCli, type CodexCli, type CodexVersion } from './codex-cli.ts';
import { CHECK_IDS, type CheckId, type InteropHarness } from './relay/checks.ts';
import { InteropExecutor } from './relay/executor.ts';
import { MARKER, openHarness, POSITIONS, type Position } from './relay/positions.ts';
import { startRendezvous, type InteropRendezvous } from './relay/rendezvous.ts';
import { markdownPage, textTable, type Outcome } from './relay/report.ts';
import { clipped } from './scenario.ts';
import { folderMade } from './started.ts';

interface Options {
  readonly codex131?: string;
  readonly codex169?: string;
  readonly only?: string;
  readonly checks: string;
  readonly report?: string;
}

const options = new Command('interop')
  .description('Lets genuine Codex peers meet ours, and each other, over the relay.')
  .option('--codex-131 <path>', 'program of Codex CLI 0.131.0; left out: INTEROP_CODEX_131, else installed from npm')
  .option('--codex-169 <path>', 'program of Codex CLI 0.169.0; left out: INTEROP_CODEX_169, else installed from npm')
  .option('--only <list>', 'ids of the positions')
  .option('--checks <list>', 'ids of the checks', CHECK_IDS.join(','))
  .option('--report <file>', 'write the outcome as a Markdown page')
  .parse()
  .opts<Options>();

/** Everybody's executor. */
const EXECUTOR_ID = 'box';
const outcomes: Outcome[] = [];
const root = await realpath(await mkdtemp(path.join(tmpdir(), 'interop-relay-')));
folderMade(root);
try {
  const positions = chosen(
    POSITIONS.map(({ id }) => id),
    options.only,
  ).map((id) => POSITIONS.find((position) => position.id === id) as Position);
  const checks = CHECK_IDS.filter((id) => chosen(CHECK_IDS, options.checks).includes(id));
  buildFor('interop');
  const programs: readonly (readonly [CodexVersion, string | undefined])[] = [
    ['0.131.0', options.codex131 ?? process.env['INTEROP_CODEX_131']],
    ['0.169.0', options.codex169 ?? process.env['INTEROP_CODEX_169']],
  ];
  const clis = new Map<CodexVersion, CodexCli>();
  for (const [version, program] of programs) clis.set(version, await codexCli(version, root, program));
  for (const position of positions) await runPosition(position, clis, checks);
} finally {
  await rm(root, { recursive: true, force: true });
}
const count = (verdict: Outcome['verdict']): string =>
  String(outcomes.filter((outcome) => outcome.verdict === verdict).length);
console.log(
  `\n${textTable(outcomes)}\n\n${count('pass')} passed, ${count('FAIL')} failed, ${count('n/a')} not applicable`,
);
if (options.report !== undefined) {
  const style = await resolveConfig(options.report);
  const page = markdownPage(outcomes, ['Codex 0.131.0', 'Codex 0.169.0'], new Date());
  await writeFile(options.report, await format(page, { ...style, parser: 'markdown' }));
}
if (outcomes.length === 0 || outcomes.some(({ verdict }) => verdict === 'FAIL')) process.exitCode = 1;

function chosen<T extends string>(all: readonly T[], list: string | undefined): readonly T[] {
  if (list === undefined) return all;
  const asked = list.split(',');
  const unknown = asked.filter((id) => !all.some((known) => known === id));
  if (unknown.length > 0) throw new Error(`unknown: ${unknown.join(', ')}; there are ${all.join(', ')}`);
  return all.filter((id) => asked.includes(id));
}

/** All checks at one position; rendezvous, executor and harness are started once. */
async function runPosition(
  position: Position,
  clis: ReadonlyMap<CodexVersion, CodexCli>,
  checks: readonly CheckId[],
): Promise<void> {
  const home = path.join(root, position.id);
  await mkdir(home, { recursive: true });
  const anyCli = [...clis.values()][0];
  if (!anyCli) throw new Error('no genuine program');
  const rendezvous = await startRendezvous(position.rendezvous, anyCli, home);
  let readable = 0;
  rendezvous.tap.onText = (text) => {
    if (text.includes(MARKER)) readable++;
  };
  let executor: InteropExecutor | undefined;
  let harness: InteropHarness | undefined;
  try {
    const genuine = position.executor === 'ours' ? undefined : clis.get(position.executor);
    executor = await InteropExecutor.start(genuine, rendezvous, EXECUTOR_ID, path.join(home, 'executor'));
    harness = await openHarness(position, clis, rendezvous, EXECUTOR_ID, home);
    for (const check of checks) await runCheck(position, check, harness, rendezvous, path.join(home, check));
    if (checks.includes('command')) recordSecrecy(position, readable);
  } finally {
    await harness?.close();
    await executor?.stop();
    await rendezvous.close();
  }
}

async function runCheck(
  position: Position,
  check: CheckId,
  harness: InteropHarness,
  rendezvous: InteropRendezvous,
  cwd: string,
): Promise<void> {
  await mkdir(cwd, { recursive: true });
  const startedAtMs = performance.now();
  const done = (verdict: Outcome['verdict'], evidence: string): void => {
    record({ position, check, verdict, evidence, tookMs: performance.now() - startedAtMs });
  };
  try {
    const { verdict, evidence } = await harness.run(check, {
      cwd,
      cut: (end) => rendezvous.cut(EXECUTOR_ID, end),
      online: async () => {
        await until('the executor to be online again', () => rendezvous.isOnline(EXECUTOR_ID), { withinMs: 20_000 });
      },
    });
    done(verdict, evidence);
  } catch (error) {
    done('FAIL', error instanceof Error ? error.message : String(error));
  }
}

/** The tap sees what the rendezvous sees. Plain frames show that it would have found the command. */
function recordSecrecy(position: Position, readable: number): void {
  const isRight = position.frames === 'plain' ? readable > 0 : readable === 0;
  const evidence = `frames at the rendezvous with the text of the command in them: ${String(readable)}`;
  record({ position, check: 'secrecy', verdict: isRight ? 'pass' : 'FAIL', evidence, tookMs: 0 });
}

function record(outcome: Outcome): void {
  const evidence = outcome.evidence.replaceAll(`${root}/`, '').replaceAll(/(token|sig|key)=[\w-]+/g, '$1=…');
  outcomes.push({ ...outcome, evidence });
  const { verdict, tookMs, position, check } = outcome;
  const time = `${(tookMs / 1000).toFixed(1)} s`.padStart(7);
  console.log(`${verdict.padEnd(7)} ${time}  ${position.id.padEnd(19)} ${check}: ${clipped(evidence, 600)}`);
}
