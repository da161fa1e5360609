// What `client.exec` and `client.run` take, and how it becomes `process/start` for the server at hand.

import type { ParamsInput } from '../protocol/declare.ts';
import type { processStart } from '../protocol/process.ts';
import type { ReaderOptions } from './output-reader.ts';
import type { CollectOptions } from './run.ts';

export interface ExecOptions extends ReaderOptions {
  /** argv[0] is the program, looked up in the PATH of the executor. No shell is involved. */
  readonly argv: readonly string[];
  /** Absolute path or file:// URI. Default: the directory of the executor, where it tells; else `/`. */
  readonly cwd?: string | undefined;
  /** Added to the executor's environment, or all of it when `inheritEnv` is false. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly inheritEnv?: boolean | undefined;
  /** Run on a terminal. A size needs a server with the extension; without one it is 24 by 80. */
  readonly tty?: boolean | { readonly rows: number; readonly cols: number } | undefined;
  /** Whether a piped process can be written to. Default `closed`. */
  readonly stdin?: 'open' | 'closed' | undefined;
  /** Default: a random one. */
  readonly processId?: string | undefined;
  /** Gives up the start; of no effect once it has started. */
  readonly signal?: AbortSignal | undefined;
  /** Members of `process/start` that are not named here: `arg0`, `sandbox` … */
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
}

/** `signal` ends the process. */
export interface RunOptions extends Omit<ExecOptions, 'stdin'>, CollectOptions {
  /** Written to stdin, which is closed after it. */
  readonly input?: Uint8Array | string | undefined;
}

/** @param cwd as the server takes it. @param hasSizes the server takes a terminal size at the start. */
export function startParams(
  { argv, env = {}, inheritEnv = true, tty = false, stdin = 'closed', processId, extra }: ExecOptions,
  cwd: string,
  hasSizes: boolean,
): ParamsInput<typeof processStart> {
  const policy = { inherit: 'all', ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] } as const;
  return {
    ...extra,
    processId: processId ?? randomId(),
    argv: [...argv],
    cwd,
    env: { ...env },
    tty: tty !== false,
    pipeStdin: tty === false && stdin === 'open',
    ...(typeof tty === 'object' && hasSizes && { io: { type: 'pty', ...tty } }),
    ...(inheritEnv && { envPolicy: { ...policy, exclude: [], includeOnly: [] } }),
  };
}

/** Fits where the protocol wants an id of our choice; at most 32 bytes. */
export function randomId(): string {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
