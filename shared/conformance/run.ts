// Runs cases against a target: each on connections of its own, some at a time, each within its time, none leaves anything.

import { errorText, LocalError } from '../errors.ts';
import { fsRemove } from '../protocol/fs.ts';
import type { ConformanceCase, Dialect, Level, Need } from './case.ts';
import { CaseContext } from './context.ts';
import { findFacts, noFacts, type Facts } from './facts.ts';
import { CaseSkipped, Mismatch } from './mismatch.ts';
import { randomId } from './relay-kit.ts';
import type { Target } from './target.ts';
import type { TranscriptLine } from './transcript.ts';

export interface CaseResult {
  readonly id: string;
  readonly title: string;
  readonly level: Level;
  readonly source: string;
  readonly status: 'pass' | 'fail' | 'skip';
  readonly durationMs: number;
  /** Why it was skipped. */
  readonly reason?: string;
  /** Of a failed one. */
  readonly expected?: string;
  readonly got?: string;
  readonly transcript?: readonly TranscriptLine[];
  /** Lines left out at the beginning of the transcript. */
  readonly transcriptDropped?: number;
}

export interface Report {
  readonly target: string;
  readonly dialect: Dialect;
  readonly serverVersion: string;
  readonly startedAt: string;
  readonly durationMs: number;
  /** In the order of the cases, without those that an abort left over. */
  readonly results: readonly CaseResult[];
}

export interface RunOptions {
  /** Default `auto`: 0.169 if the server tells about its environment. */
  readonly dialect?: Dialect | 'auto';
  /** Cases at a time. Default 4. */
  readonly parallel?: number;
  /** Longest wait for a message, ms. Default 10000. */
  readonly waitMs?: number;
  /** Longest run of a case that names no time of its own, ms. Default 60000. */
  readonly caseTimeoutMs?: number;
  /** Runs also the cases that wait for the server's own times, up to some minutes. */
  readonly slow?: boolean;
  readonly signal?: AbortSignal;
  /** Before each case and after it. Must not throw. */
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly finished: number;
  readonly total: number;
  /** A case that begins, or the result of one that has ended. */
  readonly running?: ConformanceCase;
  readonly result?: CaseResult;
}

/**
 * @throws LocalError when the target cannot be reached, shakes no hands, or `aborted` before the first case;
 * RpcError when it refuses `initialize`. An abort later returns what is known by then.
 */
export async function runCases(
  cases: readonly ConformanceCase[],
  target: Target,
  options: RunOptions = {},
): Promise<Report> {
  const startedAt = new Date().toISOString();
  const startedAtMs = performance.now();
  const waitMs = options.waitMs ?? 10_000;
  const scratchRoot = `/tmp/exec-conformance-${randomId()}`;
  const { signal } = options;
  const throwIfAborted = () => {
    if (signal?.aborted) throw new LocalError('aborted', 'the conformance run was aborted');
  };
  throwIfAborted();
  const facts = await inContext(new CaseContext(target, noFacts, waitMs, scratchRoot), signal, (t) =>
    findFacts(t, options.dialect ?? 'auto', waitMs),
  );
  throwIfAborted();

  const results = new Map<ConformanceCase, CaseResult>();
  const queue = [...cases];
  let hasScratch = false;
  const progress = (more: Pick<Progress, 'running' | 'result'>) =>
    options.onProgress?.({ finished: results.size, total: cases.length, ...more });
  const work = async () => {
    for (let next = queue.shift(); next && !signal?.aborted; next = queue.shift()) {
      const current = next;
      progress({ running: current });
      const whyNot = whySkipped(current, target, facts, options.slow ?? false);
      const context = new CaseContext(target, facts, waitMs, `${scratchRoot}/${current.id}`);
      const result = whyNot === undefined ? await runCase(current, context, options) : skipped(current, whyNot);
      hasScratch ||= context.hasScratch;
      if (!result) return;
      results.set(current, result);
      progress({ result });
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, options.parallel ?? 4) }, work));
  if (hasScratch) await removeScratch(target, facts, waitMs, scratchRoot);
  return {
    target: target.name,
    dialect: facts.dialect,
    serverVersion: facts.serverVersion,
    startedAt,
    durationMs: Math.round(performance.now() - startedAtMs),
    results: cases.flatMap((known) => results.get(known) ?? []),
  };
}

/** Runs `body` and ends the context, whatever happens; an abort ends its waits. */
async function inContext<T>(
  context: CaseContext,
  signal: AbortSignal | undefined,
  body: (t: CaseContext) => Promise<T>,
): Promise<T> {
  const onAbort = () => context.end(new LocalError('aborted', 'the conformance run was aborted'));
  signal?.addEventListener('abort', onAbort);
  try {
    return await body(context);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    context.end(new LocalError('closed', 'the case has ended'));
  }
}

/** @returns undefined when it was aborted. */
async function runCase(
  known: ConformanceCase,
  context: CaseContext,
  { signal, caseTimeoutMs = 60_000 }: RunOptions,
): Promise<CaseResult | undefined> {
  const startedAtMs = performance.now();
  const timeoutMs = known.timeoutMs ?? caseTimeoutMs;
  const timer = setTimeout(
    () => context.end(new Mismatch(`the case to end within ${timeoutMs} ms`, 'it did not')),
    timeoutMs,
  );
  const done = (outcome: Pick<CaseResult, 'status'> & Partial<CaseResult>): CaseResult => ({
    ...about(known),
    durationMs: Math.round(performance.now() - startedAtMs),
    ...outcome,
  });
  try {
    await inContext(context, signal, known.run);
    return done({ status: 'pass' });
  } catch (error) {
    if (signal?.aborted) return undefined;
    if (error instanceof CaseSkipped) return done({ status: 'skip', reason: error.message });
    const { expected, got } =
      error instanceof Mismatch ? error : { expected: 'the case to run to its end', got: errorText(error) };
    const { transcript } = context;
    const dropped = transcript.dropped === 0 ? {} : { transcriptDropped: transcript.dropped };
    return done({ status: 'fail', expected, got, transcript: transcript.lines(), ...dropped });
  } finally {
    clearTimeout(timer);
  }
}

function about({ id, title, level, source }: ConformanceCase): Pick<CaseResult, 'id' | 'title' | 'level' | 'source'> {
  return { id, title, level, source };
}

function skipped(known: ConformanceCase, reason: string): CaseResult {
  return { ...about(known), status: 'skip', durationMs: 0, reason };
}

function whySkipped(
  { dialects, needs = [], extension }: ConformanceCase,
  target: Target,
  facts: Facts,
  slow: boolean,
): string | undefined {
  if (dialects && !dialects.includes(facts.dialect)) return `not in dialect ${facts.dialect}`;
  if (extension !== undefined && !facts.extensions.has(extension)) return `extension ${extension} is not advertised`;
  const missing: Record<Need, string | false> = {
    sessions: !target.sharesSessions && 'each connection has a server of its own',
    websocket: !target.websocket && 'not over a WebSocket',
    stdio: target.isStdio !== true && 'not over stdio',
    bytes: !target.bytes && 'the bytes of a connection cannot be had from here',
    listener: !target.listener && 'HTTP requests to the listening port cannot be made from here',
    http: target.httpUrl === undefined && 'no URL is known that the executor can fetch',
    httpFixture: target.httpFixture === undefined && 'no HTTP fixture that the executor can reach',
    relay: !target.relay && 'no relay was named',
    user: facts.isRoot && 'the executor runs as root: nothing is refused to it',
    linux: facts.os !== 'Linux' && 'not on Linux',
    slow: !slow && 'takes up to some minutes; ask for slow cases',
  };
  for (const need of needs) {
    const why = missing[need];
    if (why !== false) return why;
  }
  return undefined;
}

async function removeScratch(target: Target, facts: Facts, waitMs: number, root: string): Promise<void> {
  const context = new CaseContext(target, facts, waitMs, root);
  await inContext(context, undefined, async (t) => {
    await (await t.harness()).call(fsRemove, { path: t.path(root), recursive: true, force: true });
  }).catch(() => undefined);
}
