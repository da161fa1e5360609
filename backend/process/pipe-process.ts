// A child by pipes, in a process group and session of its own.

import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { ChildLifetime } from './child-lifetime.ts';
import type { Child, ChildEvents, ChildSpec, OutputTimes } from './child.ts';
import { spawnWatched } from './exit-watch.ts';
import { SocketInput } from './input-queue.ts';
import { OutputReader } from './output-reader.ts';
import { openPipe, type Pipe } from './posix.ts';

/**
 * @param withStdin keep stdin open for writing; else it is /dev/null.
 * @throws OsError when the system refuses. Then nothing is left open.
 */
export async function startPipeProcess(
  spec: ChildSpec,
  withStdin: boolean,
  times: OutputTimes,
  events: ChildEvents,
): Promise<Child> {
  const pipes: Pipe[] = [];
  const open = (ours: 'read' | 'write') => {
    const pipe = openPipe(ours);
    pipes.push(pipe);
    return pipe;
  };
  let pid: number;
  let stdout: Pipe;
  let stderr: Pipe;
  let stdin: Pipe | undefined;
  try {
    stdout = open('read');
    stderr = open('read');
    stdin = withStdin ? open('write') : undefined;
    const stdio = [stdin?.readFd ?? '/dev/null', stdout.writeFd, stderr.writeFd] as const;
    pid = await spawnWatched({ ...spec, stdio }, (exitCode) => child.exited(exitCode));
  } catch (error) {
    for (const { readFd, writeFd } of pipes) {
      closeSync(readFd);
      closeSync(writeFd);
    }
    throw error;
  }
  closeSync(stdout.writeFd);
  closeSync(stderr.writeFd);
  if (stdin) closeSync(stdin.readFd);
  const child = new PipeChild(pid, stdout.readFd, stderr.readFd, stdin?.writeFd, times, events);
  return child;
}

class PipeChild implements Child {
  readonly input: SocketInput | undefined;
  readonly #lifetime: ChildLifetime;
  readonly #readers: readonly OutputReader[];

  constructor(
    readonly pid: number,
    stdoutFd: number,
    stderrFd: number,
    stdinFd: number | undefined,
    times: OutputTimes,
    events: ChildEvents,
  ) {
    const lifetime = new ChildLifetime(events, times.orphanedOutputMs);
    const reader = (fd: number, stream: 'stdout' | 'stderr') =>
      new OutputReader(
        fd,
        'pipe',
        (bytes) => lifetime.output(stream, bytes),
        () => lifetime.readerEnded(),
      );
    this.#lifetime = lifetime;
    this.#readers = [reader(stdoutFd, 'stdout'), reader(stderrFd, 'stderr')];
    lifetime.watch(this.#readers);
    if (stdinFd !== undefined) {
      this.input = new SocketInput(new Socket({ fd: stdinFd, readable: false, writable: true }));
    }
  }

  exited(exitCode: number): void {
    this.#lifetime.exited(exitCode);
    this.input?.close();
  }

  pauseOutput(): void {
    for (const reader of this.#readers) reader.pause();
  }

  resumeOutput(): void {
    for (const reader of this.#readers) reader.resume();
  }

  abandonOutput(): void {
    this.#lifetime.abandonOutput();
  }
}
