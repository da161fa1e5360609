// `npm run interop:codex`: lets the genuine Codex CLI, both versions, drive its own exec server and ours, scenario by
// scenario, and says what was seen. Not part of `npm test`: it installs the CLIs and takes some minutes.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { format, resolveConfig } from 'prettier';
import { buildFor } from '../../scripts/vitest/build-once.js';
import {
  codexCli,
  runCodex,
  type CodexCli,
  type CodexRun,
  type CodexRunOptions,
  type CodexVersion,
} from './codex-cli.ts';
import type { ModelScript } from './model-stand-in.ts';
import { markdownPage, summary, textTable, type Outcome } from './report.ts';
import { clipped, command, type Scenario, type ScenarioContext } from './scenario.ts';
import { commandScenarios } from './scenarios/commands.ts';
import { connectionScenarios } from './scenarios/connection.ts';
import { fileScenarios } from './scenarios/files.ts';
import { mcpScenarios } from './scenarios/mcp.ts';
import { sandboxScenarios } from './scenarios/sandbox.ts';
import { terminalScenarios } from './scenarios/terminal.ts';
import { RunningServer, SERVER_KINDS, type ServerKind } from './servers.ts';
import { wireFaults } from './wire-rules.ts';
import { folderMade } from './started.ts';
import { WireTap } from './wire-tap.ts';

const SCENARIOS: readonly Scenario[] = [
  ...commandScenarios,
  ...terminalScenarios,
  ...fileScenarios,
  ...mcpScenarios,
  ...sandboxScenarios,
  ...connectionScenarios,
];

/** What every pair ends with; not a run of the CLI, but in the same table. */
const serverEnd: Pick<Scenario, 'id' | 'title' | 'genuineNote'> = {
  id: 'server-end',
  title: 'SIGTERM, after all of that, ends the server and leaves nothing running',
  genuineNote: '0.131 ends its direct children only: what they started can outlive it.',
};

interface Options {
  readonly codex131?: string;
  readonly codex169?: string;
  readonly versions: string;
  readonly servers: string;
  readonly only?: string;
  readonly report?: string;
  readonly traces?: string;
}

const options = new Command('interop:codex')
  .description('Lets the genuine Codex CLI drive its own exec server and ours.')
  .option('--codex-131 <path>', 'program of Codex CLI 0.131.0; left out: installed from npm')
  .option('--codex-169 <path>', 'program of Codex CLI 0.169.0; left out: installed from npm')
  .option('--versions <list>', 'which CLIs', '131,169')
  .option('--servers <list>', 'which servers', SERVER_KINDS.join(','))
  .option('--only <list>', 'ids of the scenarios to run')
  .option('--report <file>', 'write the outcome as a Markdown page')
  .option('--traces <folder>', 'keep what was said on the wire, one JSONL file per scenario and pair')
  .parse()
  .opts<Options>();

const root = await mkdtemp(path.join(tmpdir(), 'interop-codex-'));
folderMade(root);
const outcomes: Outcome[] = [];
try {
  const only = options.only?.split(',');
  const unknown = only?.filter((id) => !SCENARIOS.some((scenario) => scenario.id === id)) ?? [];
  if (unknown.length > 0)
    throw new Error(`no scenario ${unknown.join(', ')}; there are ${SCENARIOS.map(({ id }) => id).join(', ')}`);
  const scenarios = SCENARIOS.filter(({ id }) => only?.includes(id) !== false);
  if (options.traces !== undefined) await mkdir(options.traces, { recursive: true });
  const clis: CodexCli[] = [];
  if (options.versions.includes('131')) clis.push(await codexCli('0.131.0', root, options.codex131));
  if (options.versions.includes('169')) clis.push(await codexCli('0.169.0', root, options.codex169));
  const kinds = SERVER_KINDS.filter((kind) => options.servers.split(',').includes(kind));
  if (kinds.some((kind) => kind !== 'genuine')) buildFor('interop:codex');
  for (const cli of clis) {
    for (const kind of kinds) await runPair(cli, kind, scenarios);
  }
} finally {
  await rm(root, { recursive: true, force: true });
}
console.log(`\n${textTable(outcomes)}\n\n${summary(outcomes)}`);
if (options.report !== undefined) {
  await mkdir(path.dirname(options.report), { recursive: true });
  const style = await resolveConfig(options.report);
  await writeFile(options.report, await format(markdownPage(outcomes, new Date()), { ...style, parser: 'markdown' }));
}
if (outcomes.length === 0 || outcomes.some(({ verdict }) => verdict === 'FAIL')) process.exitCode = 1;

/** All scenarios with one CLI on one server; the server is started once, and must leave nothing running at its end. */
async function runPair(cli: CodexCli, kind: ServerKind, scenarios: readonly Scenario[]): Promise<void> {
  const home = path.join(root, `${cli.version}-${kind}`);
  await mkdir(home, { recursive: true });
  const server = await RunningServer.start(kind, cli, home);
  try {
    await warmUp(cli, server, home);
    for (const scenario of scenarios) await runScenario(scenario, cli, server, home);
  } finally {
    const startedAtMs = performance.now();
    const left = await server.stop();
    const tookMs = performance.now() - startedAtMs;
    const verdict = left === undefined ? 'pass' : kind === 'genuine' ? 'differs' : 'FAIL';
    record(serverEnd, cli, kind, verdict, left === undefined ? 'nothing left running' : `left: ${left}`, tookMs);
  }
}

/** One command, so that what the server starts for itself along with its first process is known apart from commands. */
async function warmUp(cli: CodexCli, server: RunningServer, home: string): Promise<void> {
  const script: ModelScript = async (model) => {
    await model.call(command('true'));
    return 'done';
  };
  await runCodex(cli, { script, cwd: home, home: path.join(home, 'warm-up'), serverUrl: server.url });
  server.rememberHelpers();
}

/** Keeps an outcome and prints it, without the temporary folder's name and without tokens. */
function record(
  scenario: Outcome['scenario'],
  cli: CodexCli,
  server: ServerKind,
  verdict: Outcome['verdict'],
  evidence: string,
  tookMs: number,
): void {
  const said = evidence.replaceAll(`${root}/`, '').replaceAll(/token=[\w-]+/g, 'token=…');
  outcomes.push({ scenario, version: cli.version, server, verdict, evidence: said, tookMs });
  const time = `${(tookMs / 1000).toFixed(1)} s`.padStart(7);
  const pair = `${cli.version} ${server.padEnd(11)}`;
  console.log(`${verdict.padEnd(7)} ${time}  ${pair} ${scenario.id}: ${clipped(said, 600)}`);
}

async function runScenario(scenario: Scenario, cli: CodexCli, server: RunningServer, home: string): Promise<void> {
  const isPushed = cli.version === ('0.169.0' satisfies CodexVersion);
  const startedAtMs = performance.now();
  const done = (verdict: Outcome['verdict'], evidence: string): void => {
    record(scenario, cli, server.kind, verdict, evidence, performance.now() - startedAtMs);
  };
  const reason = scenario.notFor?.({ isPushed, server: server.kind });
  if (reason !== undefined) {
    done('n/a', reason);
    return;
  }
  const folder = path.join(home, scenario.id);
  const cwd = path.join(folder, 'project');
  const outside = path.join(folder, 'outside');
  await mkdir(cwd, { recursive: true });
  await mkdir(outside, { recursive: true });
  const trace =
    options.traces === undefined
      ? undefined
      : path.join(options.traces, `${cli.version}-${server.kind}-${scenario.id}.jsonl`);
  if (trace !== undefined) await writeFile(trace, '');
  const tap = await WireTap.open(server.url, trace);
  // What an earlier scenario left behind is that scenario's matter.
  const earlier = new Set(server.commands().map(({ pid }) => pid));
  let lastRun: CodexRun | undefined;
  const tryRun = async (script: ModelScript, extra: Partial<CodexRunOptions> = {}): Promise<CodexRun> => {
    const url = new URL(server.url);
    url.port = String(tap.port);
    const target = extra.environmentsToml === undefined ? { serverUrl: url.href } : {};
    lastRun = await runCodex(cli, { script, cwd, home: path.join(folder, 'home'), ...target, ...extra });
    return lastRun;
  };
  const context: ScenarioContext = {
    cli,
    isPushed,
    server: server.kind,
    isGenuine: server.kind === 'genuine',
    cwd,
    outside,
    tap,
    tryRun,
    async run(script, extra) {
      const run = await tryRun(script, extra);
      if (run.scriptError !== undefined) throw run.scriptError;
      if (run.exitCode !== 0) throw new Error(`the CLI ended with ${String(run.exitCode ?? run.signal)}`);
      return run;
    },
    commandsRunning: () => server.commands().filter(({ pid }) => !earlier.has(pid)).length,
    isOnServer: (pid) => server.owns(pid),
  };
  try {
    const evidence = await scenario.run(context);
    // Genuine servers break some of these rules now and then; the rules are ours.
    const faults = server.kind === 'genuine' ? [] : wireFaults(tap);
    if (faults.length > 0) throw new Error(`${evidence}; but on the wire: ${faults.slice(0, 3).join('; ')}`);
    done('pass', evidence);
  } catch (error) {
    const said = lastRun === undefined ? '' : ` [CLI: ${clipped(complaintsOf(lastRun), 400)}]`;
    const isKnown = server.kind === 'genuine' && scenario.genuineFails === true;
    done(isKnown ? 'differs' : 'FAIL', (error instanceof Error ? error.message : String(error)) + said);
  } finally {
    await tap.close();
  }
}

/** What the CLI itself reported as an error. */
function complaintsOf(run: CodexRun): string {
  const errors = run.events.filter(({ type, item }) =>
    [type, item?.type].some((kind) => /^(error|turn\.failed)$/.test(kind ?? '')),
  );
  const lines = run.stderr.split('\n').filter((line) => !/^WARNING: proceeding|^Reading additional input/.test(line));
  return [...lines, ...errors.map((event) => JSON.stringify(event))].join(' ');
}
