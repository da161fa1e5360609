// How a command fails: its exit code and what it says. 0 ok · 1 unexpected · 2 usage · 3 unauthorized · 4 unreachable or too
// late · 5 the peer answered an error · 6 differences, or rules that do not hold (docs/cli.md).

import { errorText, LocalError, RpcError } from '../../shared/errors.ts';
import { UsageError } from '../config.ts';
import { OutputBroken } from './output-file.ts';

export const ExitCode = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  unauthorized: 3,
  unreachable: 4,
  peerError: 5,
  different: 6,
  /** As a shell says of a program that died of SIGPIPE. */
  unread: 128 + 13,
} as const;

/** As the client words a 401 and a 403, of a server and of a registry. */
const unauthorizedText = /token is missing or wrong/;

export interface Failure {
  readonly exitCode: number;
  /** For machines: `usage`, `unauthorized`, a code of LocalError, or `rpc`. */
  readonly code: string;
  readonly message: string;
  /** What the peer answered. */
  readonly rpc?: { readonly code: number; readonly data?: unknown };
}

export function failureOf(error: unknown): Failure {
  const message = errorText(error);
  if (error instanceof UsageError) return { exitCode: ExitCode.usage, code: 'usage', message };
  if (error instanceof RpcError) {
    const { code, data } = error;
    const rpc = data === undefined ? { code } : { code, data };
    return { exitCode: ExitCode.peerError, code: 'rpc', message: `the executor answered ${code}: ${message}`, rpc };
  }
  // What nobody reads any more needs no words: `… | head`.
  if (error instanceof OutputBroken && error.isUnread)
    return { exitCode: ExitCode.unread, code: 'unread', message: '' };
  if (!(error instanceof LocalError)) return { exitCode: ExitCode.unexpected, code: 'unexpected', message };
  if (unauthorizedText.test(message)) return { exitCode: ExitCode.unauthorized, code: 'unauthorized', message };
  const exitCode = error.code === 'invalid-argument' ? ExitCode.usage : ExitCode.unreachable;
  return { exitCode, code: error.code, message };
}

/** What goes to stderr: one line for people, or with `--json` one JSON line. */
export function failureText({ code, message, rpc }: Failure, asJson: boolean): string {
  if (asJson) return JSON.stringify({ error: { code, message, ...(rpc && { rpc }) } });
  const hint = code === 'unauthorized' ? ' (EXEC_WORKBENCH_TOKEN or --token-file)' : '';
  return `exec-workbench: ${message}${hint}`;
}
