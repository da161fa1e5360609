// What the user wants to start, as it is edited, kept and linked; and the `process/start` that it means.

import * as z from 'zod';
import type { ParamsInput } from '../../../shared/protocol/declare.ts';
import { formatPath, parsePath } from '../../../shared/protocol/path.ts';
import type { processStart } from '../../../shared/protocol/process.ts';
import { splitArgv } from './argv.ts';

export const launchSchema = z.object({
  /** `shell`: the line is given to the executor's shell. `argv`: it is split into words here, no shell is involved. */
  kind: z.enum(['shell', 'argv']),
  line: z.string().max(100_000),
  /** Absolute path, or empty: where the executor itself works. */
  cwd: z.string().max(10_000),
  env: z.array(z.object({ name: z.string(), value: z.string() })).max(1000),
  /** Which of the executor's own variables the process gets. */
  inherit: z.enum(['all', 'core', 'none']),
  /** On a terminal, or by pipes. */
  isTerminal: z.boolean(),
  /** By pipes: keep stdin open. */
  keepsStdin: z.boolean(),
  /** The child's argv[0], where it differs from the program; or empty. */
  arg0: z.string().max(10_000).default(''),
  /** Of a terminal; without it, as many columns and rows as its place holds. */
  size: z
    .object({ cols: z.number().int().min(1).max(1000), rows: z.number().int().min(1).max(1000) })
    .optional()
    .catch(undefined),
});
export type Launch = z.infer<typeof launchSchema>;

export const plainLaunch: Launch = {
  kind: 'shell',
  line: '',
  cwd: '',
  env: [],
  inherit: 'all',
  isTerminal: true,
  keepsStdin: true,
  arg0: '',
};

/** What is known of the executor. */
export interface ExecutorTraits {
  readonly shellPath: string;
  /** Where it works, as a plain path. */
  readonly cwd: string;
  /** It wrote its paths as file: URIs, so it wants ours so (docs/protocol.md, "Paths"). */
  readonly wantsUris: boolean;
  /** Takes a terminal size at the start. */
  readonly takesSize: boolean;
}

export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

/** Every server without `process/resize` starts its terminals so (docs/protocol.md, "Processes"). */
export const fixedSize: TerminalSize = { cols: 80, rows: 24 };

/** argv of a launch, or what is wrong with it. */
export function argvOf(launch: Launch, shellPath: string): { readonly argv: string[] } | { readonly problem: string } {
  if (launch.line.trim() === '') return { problem: 'write a command first' };
  return launch.kind === 'shell' ? { argv: [shellPath, '-c', launch.line] } : splitArgv(launch.line);
}

/** @throws Error for a launch that `argvOf` refuses; RpcError -32602 for a bad path. */
export function startParams(
  launch: Launch,
  processId: string,
  traits: ExecutorTraits,
  size: TerminalSize,
): ParamsInput<typeof processStart> {
  const words = argvOf(launch, traits.shellPath);
  if ('problem' in words) throw new Error(words.problem);
  const { path } = parsePath(launch.cwd.trim() || traits.cwd, 'cwd');
  // A row without a name is one that was not filled in.
  const variables = Object.fromEntries(
    launch.env.flatMap(({ name, value }) => (name.trim() ? [[name.trim(), value]] : [])),
  );
  const terminalEnv = launch.isTerminal ? { TERM: 'xterm-256color', COLORTERM: 'truecolor' } : {};
  return {
    processId,
    argv: words.argv,
    cwd: traits.wantsUris ? formatPath(path, 'uri') : path,
    env: { ...terminalEnv, ...variables },
    // The executor's own secrets stay out: *KEY*, *SECRET* and *TOKEN* are dropped.
    envPolicy: { inherit: launch.inherit, ignoreDefaultExcludes: false, exclude: [], set: {}, includeOnly: [] },
    tty: launch.isTerminal,
    ...(launch.arg0.trim() === '' ? {} : { arg0: launch.arg0.trim() }),
    ...(launch.isTerminal ? {} : { pipeStdin: launch.keepsStdin }),
    ...(launch.isTerminal && traits.takesSize ? { io: { type: 'pty', ...size } } : {}),
  };
}

/** For tabs and lists. */
export function launchTitle(launch: Launch): string {
  const line = launch.line.trim().replace(/\s+/g, ' ');
  return launch.kind === 'argv' ? line.replace(/^\/(?:\S*\/)?(?=\S)/, '') : line;
}
