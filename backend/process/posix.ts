// The few system calls that Node does not offer, by koffi: real pipes, and the close-on-exec flag.
//
// Real pipes: Node's own `stdio: 'pipe'` gives socket pairs, on which a child cannot open /dev/stdin, /dev/stdout or
// /dev/stderr again (ENXIO: `cat /dev/stdin`, `tee /dev/stderr`, `echo >/dev/stderr` fail).
// Close-on-exec: node-pty opens the master of a terminal without it, so that children started later could read and
// type in other sessions' terminals.

import { closeSync, constants } from 'node:fs';
import koffi from 'koffi';
import { osErrorOf } from './os-error.ts';

const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const FD_CLOEXEC = 1;

interface Libc {
  pipe(fds: [number, number]): number;
  fcntl(fd: number, command: number, argument: number): number;
}

let loaded: Libc | undefined;

function libc(): Libc {
  if (!loaded) {
    const library = koffi.load(null);
    loaded = {
      pipe: library.func('int pipe(_Out_ int *fds)') as Libc['pipe'],
      fcntl: library.func('int fcntl(int fd, int command, int argument)') as Libc['fcntl'],
    };
  }
  return loaded;
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
  const fds: [number, number] = [-1, -1];
  if (libc().pipe(fds) !== 0) throw osErrorOf(koffi.errno());
  const [readFd, writeFd] = fds;
  try {
    // Nothing of this process forks between pipe() and here: both happen on the main thread.
    setCloseOnExec(readFd);
    setCloseOnExec(writeFd);
    const fd = ours === 'read' ? readFd : writeFd;
    check(libc().fcntl(fd, F_SETFL, check(libc().fcntl(fd, F_GETFL, 0)) | constants.O_NONBLOCK));
  } catch (error) {
    closeSync(readFd);
    closeSync(writeFd);
    throw error;
  }
  return { readFd, writeFd };
}

/** @throws OsError */
export function setCloseOnExec(fd: number): void {
  check(libc().fcntl(fd, F_SETFD, FD_CLOEXEC));
}

function check(result: number): number {
  if (result === -1) throw osErrorOf(koffi.errno());
  return result;
}
