// A child by pipes, in a process group and session of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { ChildLifetime } from './child-lifetime.ts';
import type { Child, ChildEvents, ChildSpec, InputQueue, OutputTimes } from './child.ts';
import { SocketInput } from './input-queue.ts';
import { OutputReader } from './output-reader.ts';
import { openPipe } from './posix.ts';

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
  const fds = new Set<number>();
  const open = (ours: 'read' | 'write') => {
    const pipe = openPipe(ours);
    fds.add(pipe.readFd).add(pipe.writeFd);
    return pipe;
  };
  const closeFd = (fd: number) => {
    closeSync(fd);
    fds.delete(fd);
  };
  try {
    const stdout = open('read');
    const stderr = open('read');
    const stdin = withStdin ? open('write') : undefined;
    const [argv0, ...args] = spec.argv;
    const child = spawn(spec.program, args, {
      argv0,
      cwd: spec.cwd,
      env: spec.env,
      detached: true,
      stdio: [stdin?.readFd ?? 'ignore', stdout.writeFd, stderr.writeFd],
    });
    if (child.pid === undefined) {
      const [error]: unknown[] = await once(child, 'error');
      throw error;
    }
    child.on('error', () => undefined);
    if (stdin) closeFd(stdin.readFd);
    closeFd(stdout.writeFd);
    closeFd(stderr.writeFd);

    const lifetime = new ChildLifetime(events, times.orphanedOutputMs);
    const readers = ([
      ['stdout', stdout.readFd],
      ['stderr', stderr.readFd],
    ] as const).map(
      ([stream, fd]) =>
        new OutputReader(
          fd,
          'pipe',
          (bytes) => lifetime.output(stream, bytes),
          () => lifetime.readerEnded(),
        ),
    );
    lifetime.watch(readers);
    const input = stdin ? new SocketInput(new Socket({ fd: stdin.writeFd, readable: false, writable: true })) : undefined;
    child.on('exit', (code, signal) => {
      lifetime.exited(code ?? 128 + (signal ? constants.signals[signal] : 0));
      input?.abandon();
    });
    return new PipeChild(child.pid, input, readers, lifetime);
  } catch (error) {
    for (const fd of fds) closeSync(fd);
    throw error;
  }
}

class PipeChild implements Child {
  constructor(
    readonly pid: number,
    readonly input: InputQueue | undefined,
    private readonly readers: readonly OutputReader[],
    private readonly lifetime: ChildLifetime,
  ) {}

  pauseOutput(): void {
    for (const reader of this.readers) reader.pause();
  }

  resumeOutput(): void {
    for (const reader of this.readers) reader.resume();
  }

  abandonOutput(): void {
    this.lifetime.abandonOutput();
  }
}
