// `exec-workbench conform URL`: runs the conformance suite against an exec server and says which rules hold (docs/conformance.md).

import { writeFile } from 'node:fs/promises';
import { urlWithoutSecrets } from '../../shared/connection/dialing.ts';
import { allCases } from '../../shared/conformance/all-cases.ts';
import { dialects, levels, type Dialect, type Level } from '../../shared/conformance/case.ts';
import {
  countResults,
  failureText,
  reportFormats,
  summaryText,
  writeReport,
  type ReportFormat,
} from '../../shared/conformance/report.ts';
import { runCases, type CaseResult, type Progress, type Report } from '../../shared/conformance/run.ts';
import { selectCases } from '../../shared/conformance/select.ts';
import { UsageError } from '../config.ts';
import { startHttpFixture } from './conform/http-fixture.ts';
import { openTarget, type OpenTarget } from './conform/target.ts';
import { ExitCode } from './failure.ts';
import { OutputFile } from './output-file.ts';
import { readMs, registryOf, tokenOf, type TargetFlags } from './target.ts';

export interface ConformFlags extends TargetFlags {
  readonly dialect: string;
  readonly filter: readonly string[];
  readonly level: string;
  readonly report?: string;
  readonly output?: string;
  readonly transport: string;
  readonly parallel: string;
  readonly slow?: boolean;
  readonly list?: boolean;
}

const interrupted = 130;

/**
 * @param operands the URL, or with `--transport stdio` the program and its arguments
 * @returns the exit code: 0, 6 when a case failed, 130 when interrupted
 * @throws UsageError; LocalError when the server cannot be reached or shakes no hands; RpcError when it refuses
 */
export async function conform(operands: readonly string[], flags: ConformFlags): Promise<number> {
  const level = oneOf<Level>('--level', flags.level, levels);
  const cases = selectCases(allCases, level, flags.filter);
  if (cases.length === 0) throw new UsageError(`--filter: no case matches ${flags.filter.join(', ')}`);
  if (flags.list === true) {
    await writeOut(cases.map(({ id, level, title }) => `${id} ${level.padEnd(9)} ${title}\n`).join(''));
    return ExitCode.ok;
  }
  const dialect = oneOf<Dialect | 'auto'>('--dialect', flags.dialect, [...dialects, 'auto']);
  const format = flags.report === undefined ? undefined : oneOf<ReportFormat>('--report', flags.report, reportFormats);
  if (flags.output !== undefined && format === undefined) throw new UsageError('--output needs --report');
  const parallel = wholeNumber('--parallel', flags.parallel, 64);
  const waitMs = readMs('--timeout-ms', flags.timeoutMs) ?? 10_000;
  const address = addressOf(operands, flags);

  const fixture = await startHttpFixture();
  let open: OpenTarget | undefined;
  const abort = new AbortController();
  const onSignal = () => abort.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const line = new ProgressLine();
  try {
    open = openTarget({ ...address, httpFixture: fixture.url });
    const report = await runCases(cases, open.target, {
      dialect,
      parallel,
      waitMs,
      slow: flags.slow ?? false,
      signal: abort.signal,
      onProgress: (progress) => line.show(progress),
    });
    line.clear();
    await tell(report, format, flags.output);
    if (abort.signal.aborted) return interrupted;
    return countResults(report.results).fail > 0 ? ExitCode.different : ExitCode.ok;
  } catch (error) {
    if (abort.signal.aborted) return interrupted;
    throw error;
  } finally {
    line.clear();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    await open?.close();
    await fixture.close();
  }
}

type Address = Omit<Parameters<typeof openTarget>[0], 'httpFixture'>;

function addressOf(operands: readonly string[], flags: ConformFlags): Address {
  const { executorId } = flags;
  if ((flags.registry === undefined) !== (executorId === undefined)) {
    throw new UsageError('--registry and --executor-id belong together');
  }
  const token = tokenOf(flags);
  const registry = flags.registry === undefined ? undefined : registryOf(flags);
  const relay = { token, registry, executorId };
  if (oneOf('--transport', flags.transport, ['ws', 'stdio']) === 'stdio') {
    if (operands.length === 0) throw new UsageError('--transport stdio needs a program: -- CMD ARGS…');
    return { ...relay, command: operands };
  }
  const [url, ...rest] = operands;
  if (rest.length > 0) throw new UsageError(`one URL at a time; a program needs --transport stdio: ${rest.join(' ')}`);
  if (url === undefined && registry === undefined) {
    throw new UsageError('name a URL (ws://HOST:PORT), --registry with --executor-id, or --transport stdio -- CMD');
  }
  if (url !== undefined && (!/^wss?:\/\//i.test(url) || !URL.canParse(url))) {
    throw new UsageError(`expected a URL that begins with ws:// or wss://, got ${urlWithoutSecrets(url)}`);
  }
  return { ...relay, url };
}

/** Failures and summary go where people read: to stderr when the report takes stdout. */
async function tell(report: Report, format: ReportFormat | undefined, output: string | undefined): Promise<void> {
  const people = new OutputFile(format !== undefined && output === undefined ? 2 : 1);
  const failures = report.results.filter(({ status }) => status === 'fail');
  for (const failure of failures) people.write(`${failureText(failure)}\n\n`);
  people.write(`${report.target}, dialect ${report.dialect}\n\n${summaryText(report)}\n`);
  await people.drained();
  if (format === undefined) return;
  const text = writeReport(report, format);
  if (output !== undefined) await writeFile(output, text);
  else await writeOut(text);
}

/** To stdout; complete when it resolves. */
async function writeOut(text: string): Promise<void> {
  const out = new OutputFile(1);
  out.write(text);
  await out.drained();
}

/** The state of the run on one line of a terminal; elsewhere a line per failure. */
class ProgressLine {
  readonly #isTerminal = process.stderr.isTTY;
  #width = 0;

  show({ finished, total, running, result }: Progress): void {
    if (result?.status === 'fail') this.#line(result);
    if (!this.#isTerminal || !running) return;
    const text = `${finished}/${total} ${running.id} ${running.title}`.slice(0, (process.stderr.columns || 80) - 1);
    process.stderr.write(`\r${text.padEnd(this.#width)}`);
    this.#width = text.length;
  }

  clear(): void {
    if (this.#width > 0) process.stderr.write(`\r${' '.repeat(this.#width)}\r`);
    this.#width = 0;
  }

  #line({ id, title }: CaseResult): void {
    this.clear();
    process.stderr.write(`FAIL ${id} ${title}\n`);
  }
}

function oneOf<T extends string>(flag: string, value: string, values: readonly T[]): T {
  const found = values.find((known) => known === value);
  if (found === undefined) throw new UsageError(`${flag}: expected ${values.join(', ')}, got ${value}`);
  return found;
}

function wholeNumber(flag: string, text: string, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new UsageError(`${flag}: expected a whole number from 1 to ${max}, got ${text}`);
  }
  return value;
}
