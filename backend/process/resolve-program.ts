// Looks a program up in PATH as execvp(3) does, but in the PATH of the child.

import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { osError } from './os-error.ts';

/** Where execvp(3) looks when the environment has no PATH. */
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * @param name argv[0]: with a slash it is taken as it is; without one it is looked up (docs/protocol.md, "Program, cwd, arg0").
 * @returns an absolute path, or `name` itself.
 * @throws OsError ENOENT, or EACCES when there is one that may not be executed. Anything else is for exec to say.
 */
export function resolveProgram(name: string, cwd: string, env: Readonly<Record<string, string>>): string {
  if (name.includes('/')) return name;
  let isForbidden = false;
  for (const directory of (env['PATH'] ?? defaultPath).split(':')) {
    const candidate = resolve(cwd, directory, name);
    if (!statSync(candidate, { throwIfNoEntry: false })?.isFile()) continue;
    if (isExecutable(candidate)) return candidate;
    isForbidden = true;
  }
  throw osError(isForbidden ? 'EACCES' : 'ENOENT');
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
