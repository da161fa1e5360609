// `exec-workbench replay FILE [URL]`: plays a recording or a scenario against a server and shows what differs (docs/recordings.md).

import { readFile } from 'node:fs/promises';
import { errorText } from '../../shared/errors.ts';
import { limits } from '../../shared/limits.ts';
import { parseRecording } from '../../shared/recording/jsonl.ts';
import { differenceText, type Difference } from '../../shared/scenario/compare-connection.ts';
import { scenarioFromRecording } from '../../shared/scenario/from-recording.ts';
import { runScenario, scenarioLink } from '../../shared/scenario/run.ts';
import { isScenarioText, parseScenario, type Scenario } from '../../shared/scenario/scenario.ts';
import { variableName } from '../../shared/scenario/variables.ts';
import { UsageError } from '../config.ts';
import { ExitCode } from './failure.ts';
import { readMs, stdioTarget, targetOf, type Target, type TargetFlags } from './target.ts';

export interface ReplayFlags extends TargetFlags {
  readonly stdio?: boolean;
  readonly set: readonly string[];
  readonly var: readonly string[];
  readonly waitMs?: string;
  readonly json?: boolean;
}

/**
 * @param operands the URL, or with `--stdio` the program and its arguments
 * @returns the exit code: 0 when nothing differs, 6 otherwise. @throws UsageError, LocalError.
 */
export async function replay(file: string, operands: readonly string[], flags: ReplayFlags): Promise<number> {
  const deadlineMs = readMs('--wait-ms', flags.waitMs);
  const bindings = parseSettings(flags.set);
  const variables = parseVariables(flags.var, process.env);
  const scenario = await readScenario(file);
  const target = replayTarget(operands, flags);
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    const differences = await runScenario(
      scenario,
      { open: async () => scenarioLink(await target.dial()) },
      { bindings, variables, signal: stop.signal, ...(deadlineMs === undefined ? {} : { deadlineMs }) },
    );
    tell(differences, scenario, target, flags.json === true);
    return differences.length === 0 ? ExitCode.ok : ExitCode.different;
  } catch (error) {
    if (stop.signal.aborted) return 128 + 2;
    throw error;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

function replayTarget(operands: readonly string[], flags: ReplayFlags): Target {
  if (flags.stdio === true) {
    if (operands.length === 0) throw new UsageError('--stdio needs a program: -- CMD ARGS…');
    return stdioTarget(operands, readMs('--timeout-ms', flags.timeoutMs) ?? limits.connectTimeoutMs);
  }
  const [url, ...rest] = operands;
  if (rest.length > 0) throw new UsageError(`one URL at a time; a program needs --stdio: ${rest.join(' ')}`);
  return targetOf(url === undefined ? flags : { ...flags, url });
}

/** Differences to stdout, what they are of to stderr. */
function tell(differences: readonly Difference[], scenario: Scenario, target: Target, asJson: boolean): void {
  for (const difference of differences) {
    process.stdout.write(`${asJson ? JSON.stringify(difference) : differenceText(difference)}\n`);
  }
  if (asJson) return;
  const sent = scenario.steps.filter(({ dir }) => dir === 'send' || dir === 'sendBytes').length;
  const expected = scenario.steps.filter(({ dir }) => dir === 'recv').length;
  const verdict = differences.length === 0 ? 'nothing differs' : `differences: ${differences.length}`;
  process.stderr.write(
    `exec-workbench: ${scenario.scenario} against ${target.label}: ${sent} sent, ${expected} expected, ${verdict}\n`,
  );
}

async function readScenario(file: string): Promise<Scenario> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(errorText(error));
  }
  return isScenarioText(text) ? parseScenario(text) : scenarioFromRecording(parseRecording(text));
}

/** `NAME=VALUE` for the placeholder `$NAME`. @throws UsageError */
function parseSettings(pairs: readonly string[]): Map<string, string> {
  return new Map(
    pairs.map((pair) => {
      const [, name, value] = /^\$?([A-Z][A-Z0-9_]*)=(.*)$/s.exec(pair) ?? [];
      if (name === undefined || value === undefined) throw new UsageError(`--set: expected NAME=VALUE, got ${pair}`);
      return [`$${name}`, value];
    }),
  );
}

/** `NAME=VALUE` for the variable `{{NAME}}`; `NAME` alone takes the environment's, which no list of processes shows. @throws UsageError */
function parseVariables(pairs: readonly string[], env: NodeJS.ProcessEnv): Map<string, string> {
  return new Map(
    pairs.map((pair) => {
      const [, name = '', given] = /^([^=]*)(?:=(.*))?$/s.exec(pair) ?? [];
      if (!variableName.test(name)) throw new UsageError(`--var: expected NAME=VALUE, got ${pair}`);
      const value = given ?? env[name];
      if (value === undefined) throw new UsageError(`--var ${name}: the environment has no ${name}; say ${name}=VALUE`);
      return [name, value];
    }),
  );
}
