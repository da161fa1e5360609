// A child on a pseudo terminal. Of node-pty only the fork is used: its JavaScript loses the tail of fast processes
// (microsoft/node-pty #726), throws away what is unread 200 ms after the exit, and spins on a full input (#956).
//
// Exactness: the server holds the slave open until the child has exited, so the master never sees a hang-up with
// output still unread (libuv would take it for the end). After the exit a drain reads until EAGAIN: that was all.

import { closeSync, constants, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { userInfo } from 'node:os';
import { ChildLifetime } from './child-lifetime.ts';
import type { Child, ChildEvents, ChildSpec, InputQueue, OutputTimes } from './child.ts';
import { SocketInput } from './input-queue.ts';
import { osError } from './os-error.ts';
import { OutputReader } from './output-reader.ts';
import { setCloseOnExec } from './posix.ts';
import { resolveProgram } from './resolve-program.ts';

export interface TerminalSize {
  readonly rows: number;
  readonly cols: number;
}

/** The native half of node-pty, which is pinned to an exact version for its sake. */
interface NativePty {
  fork(
    file: string,
    args: string[],
    env: string[],
    cwd: string,
    cols: number,
    rows: number,
    uid: number,
    gid: number,
    isUtf8: boolean,
    helperPath: string,
    onExit: (exitCode: number, signal: number) => void,
  ): { fd: number; pid: number; pty: string };
  resize(fd: number, cols: number, rows: number, widthPixels: number, heightPixels: number): void;
}

let native: NativePty | undefined;

function nativePty(): NativePty {
  if (!native) {
    const { loadNativeModule } = createRequire(import.meta.url)('node-pty/lib/utils.js') as {
      loadNativeModule(name: 'pty'): { module: NativePty };
    };
    native = loadNativeModule('pty').module;
  }
  return native;
}

/** Byte 4 (Ctrl-D) is end-of-file on a terminal. */
const endOfFile = Buffer.from([4]);
/** Keeps the current user and group. */
const sameId = -1;

/** @throws OsError when the system refuses. Then nothing is left open. */
export function startPtyProcess(spec: ChildSpec, size: TerminalSize, times: OutputTimes, events: ChildEvents): Child {
  const { file, args } = commandFor(spec);
  const env = spec.env['SHELL'] === undefined ? { ...spec.env, SHELL: userInfo().shell ?? '/bin/sh' } : spec.env;
  const lifetime = new ChildLifetime(events, times.orphanedOutputMs);
  let slaveFd: number | undefined;
  const releaseSlave = () => {
    if (slaveFd !== undefined) closeSync(slaveFd);
    slaveFd = undefined;
  };
  const { fd, pid, pty } = forkPty(file, args, env, spec.cwd, size, (exitCode, signal) => {
    lifetime.exited(signal > 0 ? 128 + signal : exitCode, releaseSlave);
    input.abandon();
  });
  setCloseOnExec(fd);
  try {
    slaveFd = openSync(pty, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  } catch {
    // Without the hold the child still runs; only output after a hang-up could be lost.
  }
  const reader = new OutputReader(
    fd,
    'terminal',
    (bytes) => lifetime.output('pty', bytes),
    () => lifetime.readerEnded(),
  );
  lifetime.watch([reader]);
  const input = new SocketInput(reader.socket, endOfFile);
  return new PtyChild(pid, fd, input, reader, lifetime);
}

function forkPty(
  file: string,
  args: string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
  { rows, cols }: TerminalSize,
  onExit: (exitCode: number, signal: number) => void,
): { fd: number; pid: number; pty: string } {
  const pairs = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  try {
    return nativePty().fork(file, args, pairs, cwd, cols, rows, sameId, sameId, true, '', onExit);
  } catch {
    throw osError('EAGAIN'); // forkpty(3) failed: no terminals, processes or descriptors left.
  }
}

/**
 * execvp takes one name for the program and argv[0]. Where they differ perl, which every Debian has, sets argv[0]
 * and leaves the environment alone (a shell would not).
 */
function commandFor({ name, program, argv: [argv0, ...args] }: ChildSpec): { file: string; args: string[] } {
  if (argv0 === name) return { file: name, args };
  const perl = resolveProgram('perl', '/', process.env);
  return { file: perl, args: ['-e', 'my $program = shift; exec {$program} @ARGV', program, argv0, ...args] };
}

class PtyChild implements Child {
  constructor(
    readonly pid: number,
    private readonly masterFd: number,
    readonly input: InputQueue,
    private readonly reader: OutputReader,
    private readonly lifetime: ChildLifetime,
  ) {}

  pauseOutput(): void {
    this.reader.pause();
  }

  resumeOutput(): void {
    this.reader.resume();
  }

  resize(rows: number, cols: number): void {
    if (!this.reader.isEnded) nativePty().resize(this.masterFd, cols, rows, 0, 0);
  }

  abandonOutput(): void {
    this.lifetime.abandonOutput();
  }
}
