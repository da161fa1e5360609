// A child on a pseudo terminal. node-pty sizes the terminal; the rest of it is not used: what it opens is inherited by children
// that start in the same moment, its fork() is slow in a large server, its JavaScript loses the tail of fast processes
// (microsoft/node-pty #726), throws away what is unread 200 ms after the exit, and spins on a full input (#956).
//
// Exactness: the server holds the slave open until the child has exited, so the master never sees a hang-up with
// output still unread (libuv would take it for the end). After the exit a drain reads until EAGAIN: that was all.

import { closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { userInfo } from 'node:os';
import { ChildLifetime } from './child-lifetime.ts';
import type { Child, ChildEvents, ChildSpec, OutputTimes } from './child.ts';
import { spawnWatched } from './exit-watch.ts';
import { OutputReader } from './output-reader.ts';
import { openTerminal } from './posix.ts';
import { TerminalInput } from './terminal-input.ts';

export interface TerminalSize {
  readonly rows: number;
  readonly cols: number;
}

/** The native half of node-pty, which is pinned to an exact version for its sake. */
interface NativePty {
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

/** @throws OsError when the system refuses. Then nothing is left open. */
export async function startPtyProcess(
  spec: ChildSpec,
  size: TerminalSize,
  times: OutputTimes,
  events: ChildEvents,
): Promise<Child> {
  const { master, slave, path } = openTerminal();
  let child: PtyChild | undefined;
  try {
    setSize(master, size);
    const env = spec.env['SHELL'] === undefined ? { ...spec.env, SHELL: userInfo().shell ?? '/bin/sh' } : spec.env;
    // The leader of a new session gets the first terminal it opens as its controlling one.
    const stdio = [path, path, path] as const;
    const pid = await spawnWatched({ ...spec, env, stdio }, (exitCode) => child?.exited(exitCode));
    child = new PtyChild(pid, master, slave, times, events);
    return child;
  } catch (error) {
    closeSync(master);
    closeSync(slave);
    throw error;
  }
}

function setSize(master: number, { rows, cols }: TerminalSize): void {
  nativePty().resize(master, cols, rows, 0, 0);
}

class PtyChild implements Child {
  readonly input: TerminalInput;
  readonly #lifetime: ChildLifetime;
  readonly #reader: OutputReader;

  constructor(
    readonly pid: number,
    private readonly masterFd: number,
    private readonly slaveFd: number,
    times: OutputTimes,
    events: ChildEvents,
  ) {
    const lifetime = new ChildLifetime(events, times.orphanedOutputMs);
    const reader = new OutputReader(
      masterFd,
      'terminal',
      (bytes) => lifetime.output('pty', bytes),
      () => {
        this.input.close();
        lifetime.readerEnded();
      },
    );
    lifetime.watch([reader]);
    this.#lifetime = lifetime;
    this.#reader = reader;
    this.input = new TerminalInput(masterFd);
  }

  exited(exitCode: number): void {
    this.#lifetime.exited(exitCode, () => {
      this.#reader.mayHangUp = true;
      closeSync(this.slaveFd);
    });
    this.input.close();
  }

  pauseOutput(): void {
    this.#reader.pause();
  }

  resumeOutput(): void {
    this.#reader.resume();
  }

  resize(rows: number, cols: number): void {
    if (!this.#reader.isEnded) setSize(this.masterFd, { rows, cols });
  }

  abandonOutput(): void {
    this.#lifetime.abandonOutput();
  }
}
