// What a conformance case is: one rule of the protocol or of the relay, tried from outside, with a stable id.
// run.ts runs cases against a target, report.ts writes what came of it.

import type { CaseContext } from './context.ts';

/**
 * `must`: peers cannot work together without it. `should`: what docs/protocol.md promises and kinder peers keep.
 * `extension`: what a server may offer and then has to keep.
 */
export type Level = 'must' | 'should' | 'extension';
export const levels: readonly Level[] = ['must', 'should', 'extension'];

/** Which version's form the suite speaks: plain paths, or `file:` URIs and what came with them. */
export type Dialect = '0.131' | '0.169';
export const dialects: readonly Dialect[] = ['0.131', '0.169'];

/**
 * What a case needs beside a connection; without it the case is skipped and says so.
 * `sessions`: several connections that reach the same server. `websocket`: messages of the WebSocket's own kinds.
 * `stdio`: newline framing. `bytes`: what is below a connection. `listener`: HTTP requests to the listening port. `http`: a URL that the executor can fetch.
 * `httpFixture`: the suite's own HTTP server, reachable by the executor. `relay`: a registry, and an executor behind it.
 * `user`: the executor does not run as root. `linux`: /proc. `slow`: time, up to some minutes.
 */
export type Need =
  | 'sessions'
  | 'websocket'
  | 'stdio'
  | 'bytes'
  | 'listener'
  | 'http'
  | 'httpFixture'
  | 'relay'
  | 'user'
  | 'linux'
  | 'slow';

export interface ConformanceCase {
  /** Never changes and is never used again, e.g. `EXEC-START-003`. */
  readonly id: string;
  /** A sentence: what must hold. */
  readonly title: string;
  readonly level: Level;
  /** Where the rule stands: `docs/protocol.md, process/start`. */
  readonly source: string;
  /** Absent: every dialect. */
  readonly dialects?: readonly Dialect[];
  readonly needs?: readonly Need[];
  /** An extension as `initialize` advertises it; the case is skipped where it is not. */
  readonly extension?: string;
  /** Longest run in ms. Default: `RunOptions.caseTimeoutMs`. */
  readonly timeoutMs?: number;
  /** Returns when the rule holds; throws a Mismatch when it does not. */
  readonly run: (t: CaseContext) => Promise<void>;
}

type CaseExtras = Pick<ConformanceCase, 'dialects' | 'needs' | 'extension' | 'timeoutMs'>;
type Declare = (number: number, title: string, run: ConformanceCase['run'], extras?: CaseExtras) => ConformanceCase;

/** Builders for the cases of one family: `must(3, 'refuses …', run)` makes `PREFIX-003`. */
export function family(prefix: string, source: string, common: CaseExtras = {}): Record<Level, Declare> {
  const declare =
    (level: Level): Declare =>
    (number, title, run, extras = {}) => ({
      id: `${prefix}-${String(number).padStart(3, '0')}`,
      title,
      level,
      source,
      ...common,
      ...extras,
      run,
    });
  return { must: declare('must'), should: declare('should'), extension: declare('extension') };
}
