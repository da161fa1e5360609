// The system calls that Node does not offer, by koffi: real pipes, close-on-exec, posix_spawn, waitpid.
//
// Real pipes: Node's own `stdio: 'pipe'` gives socket pairs, on which a child cannot open /dev/stdin, /dev/stdout or
// /dev/stderr again (ENXIO: `cat /dev/stdin`, `tee /dev/stderr`, `echo >/dev/stderr` fail).
// posix_spawn: Node and node-pty fork(), which copies the page tables of the whole server: 1 ms with a small heap, 5 ms with
// 200 MB. posix_spawn borrows the memory until exec (vfork), tells the exact error, and sets argv[0] freely.
// It blocks its thread until exec, about 1 ms, so it runs in libuv's thread pool. A child may therefore be made at any time:
// every descriptor must be close-on-exec from the moment it exists.

import { closeSync, constants, openSync, readdirSync } from 'node:fs';
import { constants as os } from 'node:os';
import koffi from 'koffi';
import { markBornChild } from '../containment/mark.ts';
import { osErrorOf } from './os-error.ts';

const F_SETFD = 2;
const F_SETFL = 4;
const FD_CLOEXEC = 1;
const WNOHANG = 1;
const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
const isDarwin = process.platform === 'darwin';
const SETSID = isDarwin ? 0x0400 : 0x80;
/** macOS has no pipe2; there the child closes everything itself. */
const CLOEXEC_DEFAULT = isDarwin ? 0x4000 : 0;
const O_CLOEXEC = isDarwin ? 0x1000000 : 0o2000000;
/** More than any platform's sigset_t, posix_spawnattr_t or posix_spawn_file_actions_t. */
const opaqueBytes = 512;

interface Int {
  (...args: readonly unknown[]): number;
  /** The same in the thread pool. The last argument is called with an error of koffi's own, or the result. */
  async(...args: readonly unknown[]): void;
}

let calls: Record<keyof typeof prototypes, Int> | undefined;

const prototypes = {
  pipe: isDarwin ? 'int pipe(_Out_ int *fds)' : 'int pipe2(_Out_ int *fds, int flags)',
  fcntl: 'int fcntl(int fd, int command, int argument)',
  openpt: 'int posix_openpt(int flags)',
  grantpt: 'int grantpt(int fd)',
  unlockpt: 'int unlockpt(int fd)',
  ptsname: 'int ptsname_r(int fd, void *name, size_t bytes)',
  read: 'intptr_t read(int fd, void *buffer, size_t bytes)',
  waitpid: 'int waitpid(int pid, _Out_ int *status, int options)',
  sigfillset: 'int sigfillset(void *set)',
  sigemptyset: 'int sigemptyset(void *set)',
  attrInit: 'int posix_spawnattr_init(void *attributes)',
  attrFlags: 'int posix_spawnattr_setflags(void *attributes, short flags)',
  attrSigmask: 'int posix_spawnattr_setsigmask(void *attributes, void *set)',
  attrSigdefault: 'int posix_spawnattr_setsigdefault(void *attributes, void *set)',
  actionsInit: 'int posix_spawn_file_actions_init(void *actions)',
  actionsDestroy: 'int posix_spawn_file_actions_destroy(void *actions)',
  addDup2: 'int posix_spawn_file_actions_adddup2(void *actions, int from, int to)',
  addOpen: 'int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, int mode)',
  addChdir: 'int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)',
  spawn:
    'int posix_spawn(_Out_ int *pid, const char *path, void *actions, void *attributes, const char **argv, const char **env)',
} as const;

function libc(): Record<keyof typeof prototypes, Int> {
  if (!calls) {
    const library = koffi.load(null);
    calls = Object.fromEntries(
      Object.entries(prototypes).map(([name, prototype]) => [name, library.func(prototype) as Int]),
    ) as Record<keyof typeof prototypes, Int>;
    keepInheritedFromChildren(calls);
  }
  return calls;
}

/** Node makes its own descriptors close-on-exec; what our parent left open to us is not, and is none of our children's. */
function keepInheritedFromChildren({ fcntl }: Record<keyof typeof prototypes, Int>): void {
  for (const name of readdirSync('/dev/fd')) {
    const fd = Number(name);
    if (fd > 2) fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
}

export interface Pipe {
  readonly readFd: number;
  readonly writeFd: number;
}

/**
 * A pipe whose ends are close-on-exec; `ours` is non-blocking, the other end blocks as programs expect it.
 * @throws OsError, e.g. EMFILE
 */
export function openPipe(ours: 'read' | 'write'): Pipe {
  const fds = [-1, -1];
  check(isDarwin ? libc().pipe(fds) : libc().pipe(fds, O_CLOEXEC));
  const [readFd = -1, writeFd = -1] = fds;
  try {
    check(libc().fcntl(ours === 'read' ? readFd : writeFd, F_SETFL, constants.O_NONBLOCK));
  } catch (error) {
    closeSync(readFd);
    closeSync(writeFd);
    throw error;
  }
  return { readFd, writeFd };
}

export interface Terminal {
  readonly master: number;
  readonly slave: number;
  /** Path of the slave. */
  readonly path: string;
}

/**
 * A pseudo terminal whose ends are close-on-exec and non-blocking. openpty(3) cannot say close-on-exec, and children who
 * inherited an end could read and type in other sessions' terminals.
 * @throws OsError, e.g. ENOSPC when there are no terminals left
 */
export function openTerminal(): Terminal {
  const c = libc();
  const flags = constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK;
  const master = check(c.openpt(flags | O_CLOEXEC));
  try {
    check(c.grantpt(master));
    check(c.unlockpt(master));
    const name = Buffer.alloc(128);
    checkResult(c.ptsname(master, name, name.length));
    const path = name.toString('utf8', 0, name.indexOf(0));
    return { master, slave: openSync(path, flags), path };
  } catch (error) {
    closeSync(master);
    throw error;
  }
}

export interface SpawnRequest {
  /** Absolute, or relative to `cwd`. */
  readonly program: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Stdin, stdout, stderr: a descriptor, or a path to open for reading and writing. A terminal becomes the controlling one. */
  readonly stdio: readonly [number | string, number | string, number | string];
  /** What it and all its descendants carry (containment/mark.ts). */
  readonly mark?: bigint | undefined;
  /** Opened for reading as descriptor 3. */
  readonly inheritedFile?: string | undefined;
}

/**
 * Starts a child that leads a session and process group of its own, with all signals unblocked and at their defaults.
 * It inherits nothing but `stdio` and `inheritedFile`: every descriptor of this process is close-on-exec. Settles once exec has happened.
 * @returns its pid. @throws OsError as exec or chdir said it
 */
export async function spawnSession(request: SpawnRequest): Promise<number> {
  const { program, argv, env, cwd, stdio, mark, inheritedFile } = request;
  const c = libc();
  const actions = Buffer.alloc(opaqueBytes);
  checkResult(c.actionsInit(actions));
  try {
    for (const [fd, source] of stdio.entries()) {
      if (typeof source === 'number') checkResult(c.addDup2(actions, source, fd));
      else checkResult(c.addOpen(actions, fd, source, constants.O_RDWR, 0));
    }
    if (inheritedFile !== undefined) checkResult(c.addOpen(actions, 3, inheritedFile, constants.O_RDONLY, 0));
    checkResult(c.addChdir(actions, cwd));
    const pid = [0];
    const pairs = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const attributes = sessionAttributes();
    const errno = await new Promise<number>((resolve, reject) => {
      c.spawn.async(
        ...[pid, program, actions, attributes, [...argv, null], [...pairs, null]],
        (error: Error | null, result: number) => {
          if (result === 0 && pid[0]) markBornChild(pid[0], mark);
          if (error) reject(error);
          else resolve(result);
        },
      );
    });
    checkResult(errno);
    return pid[0] ?? 0;
  } finally {
    c.actionsDestroy(actions);
  }
}

/** @returns the exit code (128 + n when killed by signal n) of a child that has ended, undefined while it runs. Reaps it. */
export function tryReap(pid: number): number | undefined {
  const status = [0];
  const result = libc().waitpid(pid, status, WNOHANG);
  if (result === 0) return undefined;
  // ECHILD: somebody else has reaped it, so nobody can tell the code.
  if (result !== pid) return -1;
  const word = status[0] ?? 0;
  const signal = word & 0x7f;
  return signal === 0 ? (word >> 8) & 0xff : 128 + signal;
}

let attributes: Buffer | undefined;

function sessionAttributes(): Buffer {
  if (!attributes) {
    const c = libc();
    attributes = Buffer.alloc(opaqueBytes);
    const all = Buffer.alloc(opaqueBytes);
    const none = Buffer.alloc(opaqueBytes);
    c.sigfillset(all);
    c.sigemptyset(none);
    checkResult(c.attrInit(attributes));
    checkResult(c.attrSigdefault(attributes, all));
    checkResult(c.attrSigmask(attributes, none));
    checkResult(c.attrFlags(attributes, SETSID | SETSIGDEF | SETSIGMASK | CLOEXEC_DEFAULT));
  }
  return attributes;
}

/** For calls that answer -1 and set errno. */
function check(result: number): number {
  if (result === -1) throw osErrorOf(koffi.errno());
  return result;
}

/** For calls that answer the error number. */
function checkResult(errno: number): void {
  if (errno !== 0) throw osErrorOf(errno);
}

/**
 * read(2) of a non-blocking descriptor. Node's `readSync` makes an Error for each EAGAIN, which costs ten times as much.
 * @returns how much, 0 at the end; undefined: nothing for now @throws OsError
 */
export function readNow(fd: number, buffer: Uint8Array): number | undefined {
  for (;;) {
    const count = libc().read(fd, buffer, buffer.length);
    if (count >= 0) return count;
    const errno = koffi.errno();
    if (errno === os.errno.EAGAIN) return undefined;
    if (errno !== os.errno.EINTR) throw osErrorOf(errno);
  }
}
