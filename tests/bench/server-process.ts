// A server under measurement: started by a command, found by the port it listens on, ended with all its processes.

import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { performance } from 'node:perf_hooks';

import { cpuSeconds, processTree, residentBytes, tryFindListener, tryStartTicks } from './proc.ts';

export interface Target {
  readonly label: string;
  /** A shell command whose first `ws://` word on stdout is the server's URL. */
  readonly command: string;
}

const START_TIMEOUT_MS = 20_000;
const STOP_GRACE_MS = 5_000;
const STDERR_TAIL_CHARACTERS = 2_000;

export class ServerProcess {
  readonly url: string;
  /** From the spawn of the command to the URL on its stdout. */
  readonly startUpMs: number;
  readonly #child: ChildProcess;
  readonly #pid: number;

  /** @throws Error when no URL comes within 20 s, with the end of what the command said on stderr. */
  static async start(target: Target): Promise<ServerProcess> {
    const startedAtMs = performance.now();
    // A process group of its own, so that a launcher around the server ends with it.
    const child = spawn(target.command, { shell: true, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    let timer: NodeJS.Timeout | undefined;
    let saidOnStderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      saidOnStderr = (saidOnStderr + text).slice(-STDERR_TAIL_CHARACTERS);
    });
    try {
      const url = await new Promise<string>((resolve, reject) => {
        let said = '';
        const fail = (why: string): void => reject(new Error(`${why}\n${saidOnStderr}`.trim()));
        timer = setTimeout(() => fail(`no ws:// URL within ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS);
        child.on('error', reject);
        child.on('exit', (code, signal) => fail(`ended before it printed its URL (${signal ?? code ?? 'unknown'})`));
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          said += text;
          const found = /wss?:\/\/\S+(?=\s)/.exec(said);
          if (found) resolve(found[0]);
        });
      });
      const startUpMs = performance.now() - startedAtMs;
      if (child.pid === undefined) throw new Error('no process id');
      const pid = tryFindListener(processTree(child.pid), Number(new URL(url).port));
      if (pid === undefined) throw new Error(`nothing below its command listens on ${url}`);
      return new ServerProcess(url, startUpMs, child, pid);
    } catch (error) {
      killGroup(child, 'SIGKILL');
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private constructor(url: string, startUpMs: number, child: ChildProcess, pid: number) {
    this.url = url;
    this.startUpMs = startUpMs;
    this.#child = child;
    this.#pid = pid;
  }

  /**
   * The server and what it has started; while no process of a case runs, that is the server and its helpers.
   * A launcher above the server (a script that starts the real program) is not part of it.
   */
  pids(): number[] {
    return processTree(this.#pid);
  }

  /** CPU seconds of the server so far; take `pids` before a case starts processes, or they are counted as well. */
  cpuSeconds(pids: readonly number[]): number {
    return cpuSeconds(pids);
  }

  residentBytes(pids: readonly number[]): number {
    return residentBytes(pids);
  }

  /** Ends the launcher, the server and their processes: gracefully for 5 s, then by force. Safe to call twice. */
  async stop(): Promise<void> {
    const { pid } = this.#child;
    if (pid === undefined) return;
    // Children of the server lead groups of their own, and lose their place below it when it ends: noted beforehand.
    const tree = processTree(pid).map((member) => ({ pid: member, startTicks: tryStartTicks(member) }));
    const left = (): typeof tree =>
      tree.filter(({ pid: member, startTicks }) => startTicks !== undefined && tryStartTicks(member) === startTicks);
    killGroup(this.#child, 'SIGTERM');
    const deadline = performance.now() + STOP_GRACE_MS;
    while (left().length > 0 && performance.now() < deadline) await delay(10);
    for (const member of left()) tryKill(member.pid, 'SIGKILL');
  }
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid !== undefined) tryKill(-child.pid, signal);
}

function tryKill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}
