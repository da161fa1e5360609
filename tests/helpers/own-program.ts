// Our built program as a process, for what runs outside of the test runner too: fuzzing, soak, load. It is ended with the
// process that started it, and tells what Node said about mistakes of ours.
import { spawn, type ChildProcess } from 'node:child_process';
import { programFile } from '../../scripts/lib/build.js';
import { descendantsOf, openFiles, rssBytes, tryStat } from './proc.ts';
import { until, within } from './until.ts';

/** What Node says about our own mistakes, and what the program says of a rejection that nobody handled. */
const DEFECT =
  /\(node:\d+\)|Unhandled|unhandledRejection|uncaughtException|MaxListenersExceeded|^\s+at .*\(.*:\d+:\d+\)$|"level":[56]0/m;
/** What is kept of stderr, in characters. */
const STDERR_CHARACTERS = 100_000;

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class OwnProgram {
  stderr = '';
  readonly exited: Promise<string>;
  /** How it ended; undefined while it runs. */
  end: string | undefined;
  /** The printed `ws://` URL, with the token of `serve`. */
  url = '';

  private constructor(readonly child: ChildProcess) {
    running.add(child);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-STDERR_CHARACTERS);
    });
    child.on('error', () => undefined);
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        running.delete(child);
        this.end = `ended with ${String(code ?? signal)}`;
        resolve(this.end);
      });
    });
  }

  /** Further arguments of Node itself, for all programs started from here on. */
  static nodeArgs: readonly string[] = [];

  /** Starts it with pipes and waits for nothing: for `--listen stdio://`. */
  static spawn(args: readonly string[], env: Readonly<Record<string, string>> = {}): OwnProgram {
    const path = process.env['PATH'] ?? '/usr/bin:/bin';
    const child = spawn(process.execPath, [...OwnProgram.nodeArgs, programFile, ...args], {
      env: { HOME: '/', PATH: path, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    return new OwnProgram(child);
  }

  /** `serve` or `exec-server --listen` on a free port, once its URL is printed. @throws Error when it ends or 30 s pass. */
  static async listen(command: 'serve' | 'exec-server', args: readonly string[] = []): Promise<OwnProgram> {
    const where = command === 'serve' ? ['serve', '--port', '0'] : ['exec-server', '--listen', 'ws://127.0.0.1:0'];
    const program = OwnProgram.spawn([...where, '--log-level', 'warn', ...args]);
    let said = '';
    program.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      if (program.url === '') said += text;
    });
    program.url = await until(
      'the URL of the server',
      () => {
        if (program.end !== undefined) throw new Error(`the server ${program.end}: ${program.stderr}`);
        return /ws:\/\/[^\s'"]+(?=[\s'"])/.exec(said)?.[0];
      },
      { withinMs: 30_000, describe: () => program.stderr },
    );
    return program;
  }

  /** An executor behind the relay of `registry`, once it has registered. */
  static async executor(registry: OwnProgram, id: string, args: readonly string[] = []): Promise<OwnProgram> {
    const program = OwnProgram.spawn(
      ['exec-server', '--remote', registry.httpUrl, '--executor-id', id, '--log-level', 'info', ...args],
      { CODEX_EXEC_SERVER_REMOTE_BEARER_TOKEN: registry.token },
    );
    await until('the executor to register', () => program.stderr.includes('remote executor registered'), {
      withinMs: 30_000,
      describe: () => program.stderr,
    });
    return program;
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('the program was not started');
    return this.child.pid;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  get httpUrl(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  get token(): string {
    return new URL(this.url).searchParams.get('token') ?? '';
  }

  get isRunning(): boolean {
    return this.end === undefined;
  }

  rssBytes(): number {
    return rssBytes(this.pid);
  }

  fds(): number {
    return openFiles(this.pid).size;
  }

  cpuMs(): number {
    return tryStat(this.pid)?.cpuMs ?? 0;
  }

  /** Everything below it that runs, its own guardian included, and those that ended and were not reaped. */
  children(): { readonly running: number; readonly zombies: number } {
    const all = descendantsOf(this.pid);
    const zombies = all.filter(({ state }) => state === 'Z').length;
    return { running: all.length - zombies, zombies };
  }

  /** What Node or the program itself said about a mistake of ours, or undefined. */
  defect(): string | undefined {
    return DEFECT.exec(this.stderr)?.[0];
  }

  /** SIGTERM, and SIGKILL after 10 s. Twice is fine. @throws Error when it had to be killed. */
  async stop(): Promise<void> {
    this.child.stdin?.end();
    this.child.kill('SIGTERM');
    try {
      await within('the program to end after SIGTERM', 10_000, this.exited);
    } finally {
      this.child.kill('SIGKILL');
    }
  }
}
