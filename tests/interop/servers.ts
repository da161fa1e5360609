// The exec servers that the CLI is let loose on: the genuine one of its own version, and ours in its two forms.
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { descendantsOf, describeProcesses, isRunning, runningWithEnv, type ProcessStat } from '../helpers/proc.ts';
import { until } from '../helpers/until.ts';
import type { CodexCli } from './codex-cli.ts';
import { endGroup, groupStarted } from './started.ts';

/** `genuine`: the CLI's own `codex exec-server`. `exec-server` and `serve`: ours. */
export const SERVER_KINDS = ['genuine', 'exec-server', 'serve'] as const;
export type ServerKind = (typeof SERVER_KINDS)[number];

/** Children inherit this variable through forks and new sessions: what holds it was started by one server of ours. */
const MARK = 'EXEC_WORKBENCH_INTEROP_MARK';
/** A server that says no URL within this time has failed to start. */
const START_TIMEOUT_MS = 20_000;
/** What the server promises for SIGTERM, with head-room. After it SIGKILL. */
const STOP_TIMEOUT_MS = 5_000;

export interface ServerProgram {
  readonly command: string;
  readonly args: readonly string[];
}

/** Ours, as it is shipped. */
export function ownProgram(): ServerProgram {
  return { command: process.execPath, args: [fileURLToPath(new URL('../../dist/exec-workbench.js', import.meta.url))] };
}

/** How to start a server of that kind on stdio, as `environments.toml` wants it; not for `serve`, which has none. */
export function stdioProgram(kind: ServerKind, cli: CodexCli): ServerProgram {
  const program = kind === 'genuine' ? { command: cli.program, args: [] } : ownProgram();
  return { command: program.command, args: [...program.args, 'exec-server', '--listen', 'stdio'] };
}

/** A started server. `stop()` ends it and whatever it started, and may be called twice. */
export class RunningServer {
  readonly kind: ServerKind;
  /** Where a harness connects, with the token of `serve`. */
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #mark: string;
  /** Processes of the server's own, which stay while it runs. */
  #helpers: ReadonlySet<number> = new Set();

  private constructor(kind: ServerKind, url: string, child: ChildProcess, mark: string) {
    this.kind = kind;
    this.url = url;
    this.#child = child;
    this.#mark = mark;
  }

  /** @param more arguments and environment of its own */
  static async start(
    kind: ServerKind,
    cli: CodexCli,
    home: string,
    more: { readonly args?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
  ): Promise<RunningServer> {
    const mark = crypto.randomUUID();
    const program = kind === 'genuine' ? { command: cli.program, args: [] } : ownProgram();
    const args = kind === 'serve' ? ['serve', '--port', '0'] : ['exec-server', '--listen', 'ws://127.0.0.1:0'];
    const child = spawn(program.command, [...program.args, ...args, ...(more.args ?? [])], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: home, CODEX_HOME: home, [MARK]: mark, ...more.env },
    });
    groupStarted(child.pid);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.on('error', (error) => (output += error.message));
    try {
      const url = await until(`the URL of ${kind}`, () => (child.exitCode === null ? urlIn(kind, output) : 'ended'), {
        withinMs: START_TIMEOUT_MS,
        describe: () => output,
      });
      if (url === 'ended') throw new Error(`${kind} ended at start: ${output}`);
      return new RunningServer(kind, url, child, mark);
    } catch (error) {
      endGroup(child.pid);
      throw error;
    }
  }

  /** Takes what runs now for the server's own: to be called when it has run a command and none runs any more. */
  rememberHelpers(): void {
    this.#helpers = new Set(this.#everything().map(({ pid }) => pid));
  }

  /** What runs on behalf of this server besides itself: its commands and their children, wherever they moved to. */
  commands(): ProcessStat[] {
    return this.#everything().filter(({ pid, group }) => group !== this.#child.pid && !this.#helpers.has(pid));
  }

  /** True for the server itself and for what it started. */
  owns(pid: number): boolean {
    return pid === this.#child.pid || this.#everything().some((stat) => stat.pid === pid);
  }

  /** Asks the server to end; returns what it left running (ended now by force), as text, or undefined. */
  async stop(): Promise<string | undefined> {
    const before = this.#everything();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = new Promise((resolve) => this.#child.once('exit', resolve));
      this.#child.kill('SIGTERM');
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(timer);
    }
    endGroup(this.#child.pid);
    const left = new Map([...before, ...this.#marked()].map((stat) => [stat.pid, stat]));
    // A helper notices the server's end a moment after it.
    await until(
      'the end of everything',
      () => {
        for (const pid of left.keys()) if (!isRunning(pid)) left.delete(pid);
        return left.size === 0;
      },
      { withinMs: 500 },
    ).catch(() => undefined);
    const described = left.size > 0 ? describeProcesses([...left.values()]) : undefined;
    for (const pid of left.keys()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Ended meanwhile.
      }
    }
    return described;
  }

  /** By the mark, which survives double forks, and by parenthood, for what was started with an environment of its own. */
  #everything(): ProcessStat[] {
    const children = this.#child.pid === undefined ? [] : descendantsOf(this.#child.pid);
    const all = [...children.filter((stat) => stat.state !== 'Z'), ...this.#marked()];
    return [...new Map(all.map((stat) => [stat.pid, stat])).values()];
  }

  #marked(): ProcessStat[] {
    return runningWithEnv(`${MARK}=${this.#mark}`).filter((stat) => stat.pid !== this.#child.pid);
  }
}

/** `exec-server` prints the bare URL, `serve` prints it as a line to paste, with its token. */
function urlIn(kind: ServerKind, output: string): string | undefined {
  const pattern = kind === 'serve' ? /CODEX_EXEC_SERVER_URL=['"]?(ws:\/\/[^\s'"]+)/ : /^(ws:\/\/\S+)$/m;
  return pattern.exec(output)?.[1];
}
