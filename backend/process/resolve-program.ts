// Finds the program and looks at the working directory before anything is forked, so that an impossible start is an
// error by pipes and on a terminal alike (a terminal's fork could only print it into the terminal).

import { accessSync, constants, openSync, readSync, closeSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { osError } from './os-error.ts';

/** Where execvp(3) looks when the environment has no PATH. */
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * @param name argv[0]: with a slash it is used as it is, relative to `cwd`; without one it is looked up in the PATH of the child's
 * environment (docs/protocol.md, "Program, cwd, arg0").
 * @returns an absolute path.
 * @throws OsError ENOENT, EACCES, ENOTDIR, ENOEXEC … as exec would.
 */
export function resolveProgram(name: string, cwd: string, env: Readonly<Record<string, string | undefined>>): string {
  if (!statSync(cwd).isDirectory()) throw osError('ENOTDIR');
  accessSync(cwd, constants.X_OK);
  if (name.includes('/')) return checkedProgram(resolve(cwd, name));
  let isForbidden = false;
  for (const directory of (env['PATH'] ?? defaultPath).split(':')) {
    const candidate = resolve(cwd, directory, name);
    const stats = statSync(candidate, { throwIfNoEntry: false });
    if (!stats?.isFile()) continue;
    if (isExecutable(candidate)) return checkedProgram(candidate);
    isForbidden = true;
  }
  throw osError(isForbidden ? 'EACCES' : 'ENOENT');
}

function checkedProgram(path: string): string {
  if (statSync(path).isDirectory() || !isExecutable(path)) throw osError('EACCES');
  if (isEmptyOrText(path)) throw osError('ENOEXEC');
  return path;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const head = Buffer.alloc(64);

/**
 * The kernel takes ELF, `#!` and what binfmt_misc knows. glibc would hand anything else to /bin/sh; the peers answer
 * ENOEXEC, and so do we for what is plainly text without `#!` (or nothing at all).
 */
function isEmptyOrText(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return false; // Executable but not readable: the kernel will judge.
  }
  try {
    const length = readSync(fd, head, 0, head.length, 0);
    if (length >= 2 && head[0] === 0x23 && head[1] === 0x21) return false;
    return head.subarray(0, length).every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d || byte === 0x09);
  } finally {
    closeSync(fd);
  }
}
