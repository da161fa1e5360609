// The environment of a child (docs/protocol.md, "Environment of a child").

import type * as z from 'zod';
import type { envPolicy } from '../../shared/protocol/process.ts';

export type EnvPolicy = z.output<typeof envPolicy>;
type Env = Readonly<Record<string, string | undefined>>;

const coreNames = new Set([
  'HOME',
  'LANG',
  'LC_ALL',
  'LC_CTYPE',
  'LOGNAME',
  'PATH',
  'SHELL',
  'TEMP',
  'TMP',
  'TMPDIR',
  'USER',
]);
const secretPatterns = ['*KEY*', '*SECRET*', '*TOKEN*'];
/** Ours: no child is told how to get into the server. */
const neverInherited = /^EXEC_WORKBENCH_|^CODEX_EXEC_SERVER_/;

/** Without a policy exactly `env`; with one the steps of the protocol, in their order. */
export function childEnv(
  env: Readonly<Record<string, string>>,
  policy: EnvPolicy | null | undefined,
  server: Env,
): Record<string, string> {
  if (!policy) return { ...env };
  const excluded = anyOf([...(policy.ignoreDefaultExcludes ? [] : secretPatterns), ...policy.exclude]);
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(server)) {
    if (value === undefined || neverInherited.test(name) || excluded(name)) continue;
    if (policy.inherit === 'all' || (policy.inherit === 'core' && coreNames.has(name))) result[name] = value;
  }
  Object.assign(result, policy.set);
  if (policy.includeOnly.length > 0) {
    const included = anyOf(policy.includeOnly);
    for (const name of Object.keys(result)) if (!included(name)) delete result[name];
  }
  return Object.assign(result, env);
}

/** `*` and `?`; case does not matter; everything else stands for itself. */
function anyOf(patterns: readonly string[]): (name: string) => boolean {
  const expressions = patterns.map(
    (pattern) =>
      new RegExp(
        `^${pattern
          .replace(/[.+^${}()|[\]\\]/g, '\\$&')
          .replaceAll('*', '.*')
          .replaceAll('?', '.')}$`,
        'is',
      ),
  );
  return (name) => expressions.some((expression) => expression.test(name));
}
