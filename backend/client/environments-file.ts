// Which environments there are: from $CODEX_HOME/environments.toml, else from CODEX_EXEC_SERVER_URL (docs/client.md
// "Environments"). Reads and judges; connects to nothing. The texts of errors are those of the genuine client.

import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'smol-toml';
import * as z from 'zod';
import { errorText, LocalError } from '../../shared/errors.ts';

export type EnvironmentPlace =
  | { readonly kind: 'local' }
  | { readonly kind: 'url'; readonly url: string; readonly connectTimeoutMs?: number }
  | {
      readonly kind: 'program';
      readonly command: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      readonly cwd?: string;
    };

export interface EnvironmentEntry {
  readonly id: string;
  readonly place: EnvironmentPlace;
  readonly initializeTimeoutMs?: number;
}

export interface EnvironmentList {
  readonly entries: readonly EnvironmentEntry[];
  /** Undefined: there is none, or it was switched off. */
  readonly defaultId: string | undefined;
}

const local: EnvironmentEntry = { id: 'local', place: { kind: 'local' } };
const maxIdLength = 64;

const seconds = z.number().positive();
const fileSchema = z.strictObject({
  default: z.string().optional(),
  include_local: z.boolean().default(true),
  environments: z
    .array(
      z.strictObject({
        id: z.string(),
        url: z.string().optional(),
        program: z.string().optional(),
        args: z.array(z.string()).optional(),
        env: z.record(z.string(), z.string()).optional(),
        cwd: z.string().optional(),
        connect_timeout_sec: seconds.optional(),
        initialize_timeout_sec: seconds.optional(),
      }),
    )
    .default([]),
});
type FileEntry = z.output<typeof fileSchema>['environments'][number];

/** @param env where CODEX_HOME and CODEX_EXEC_SERVER_URL are looked up. @throws LocalError `invalid-argument`. */
export function readEnvironments(env: NodeJS.ProcessEnv): EnvironmentList {
  const home = env['CODEX_HOME']?.trim() || join(env['HOME'] ?? homedir(), '.codex');
  const file = join(home, 'environments.toml');
  if (existsSync(file)) return parseEnvironments(readFileSync(file, 'utf8'), file);
  const url = env['CODEX_EXEC_SERVER_URL']?.trim() ?? '';
  if (url === '') return { entries: [local], defaultId: local.id };
  if (url.toLowerCase() === 'none') return { entries: [], defaultId: undefined };
  return { entries: [{ id: 'remote', place: { kind: 'url', url } }], defaultId: 'remote' };
}

/** @param file its path: for messages, and where a relative `cwd` begins. @throws LocalError `invalid-argument`. */
export function parseEnvironments(text: string, file: string): EnvironmentList {
  let content: unknown;
  try {
    content = parse(text);
  } catch (error) {
    throw wrong(`failed to parse environment config \`${file}\`: ${errorText(error)}`);
  }
  const parsed = fileSchema.safeParse(content);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue && issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
    throw wrong(`failed to parse environment config \`${file}\`: ${where}${issue?.message ?? 'invalid'}`);
  }
  const { environments, include_local: includesLocal, default: named } = parsed.data;
  const entries = includesLocal ? [local] : [];
  for (const entry of environments) {
    judgeId(entry.id);
    if (entries.some(({ id }) => id === entry.id)) throw wrong(`environment id \`${entry.id}\` is duplicated`);
    entries.push(entryOf(entry, dirname(file)));
  }
  const defaultId = named?.trim() ?? (includesLocal ? local.id : undefined);
  if (defaultId === undefined || defaultId.toLowerCase() === 'none') return { entries, defaultId: undefined };
  if (!entries.some(({ id }) => id === defaultId))
    throw wrong(`default environment \`${defaultId}\` is not configured`);
  return { entries, defaultId };
}

function judgeId(id: string): void {
  const fail = (why: string) => wrong(`environment id \`${id}\` ${why}`);
  if (id.trim() !== id) throw fail('must not contain surrounding whitespace');
  if (!/^[A-Za-z0-9_-]+$/.test(id)) throw fail("must contain only ASCII letters, numbers, '-' or '_'");
  if (id.length > maxIdLength) throw fail(`cannot be longer than ${maxIdLength} characters`);
  if (['local', 'none'].includes(id.toLowerCase())) throw fail('is reserved');
}

function entryOf(entry: FileEntry, folder: string): EnvironmentEntry {
  const { id, url, program, args, env, cwd, connect_timeout_sec: connectSec, initialize_timeout_sec: initSec } = entry;
  const base = { id, ...(initSec !== undefined && { initializeTimeoutMs: initSec * 1000 }) };
  if ((url === undefined) === (program === undefined))
    throw wrong(`environment \`${id}\` must set exactly one of url or program`);
  if (url !== undefined) {
    if (args ?? env ?? cwd) throw wrong(`environment \`${id}\` args, env, and cwd require program`);
    if (!/^wss?:\/\//.test(url.trim())) throw wrong(`environment url \`${url}\` must use ws:// or wss://`);
    const timeout = connectSec === undefined ? {} : { connectTimeoutMs: connectSec * 1000 };
    return { ...base, place: { kind: 'url', url: url.trim(), ...timeout } };
  }
  if (connectSec !== undefined) throw wrong(`environment \`${id}\` connect_timeout_sec requires url`);
  return {
    ...base,
    place: {
      kind: 'program',
      command: program ?? '',
      args: args ?? [],
      env: env ?? {},
      ...(cwd !== undefined && { cwd: resolve(folder, cwd) }),
    },
  };
}

function wrong(message: string): LocalError {
  return new LocalError('invalid-argument', message);
}
