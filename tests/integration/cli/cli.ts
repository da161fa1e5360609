// Runs commands of the program as a user would: by pipes, in a shell pipeline, or on a terminal. What a test started is gone
// after it.
import { spawn, type ChildProcess } from 'node:child_process';
import { spawn as spawnPty, type IPty } from 'node-pty';
import { afterEach } from 'vitest';
import { serverProgram } from '../../helpers/server.ts';
import { until, within } from '../../helpers/until.ts';

export interface CliOptions {
  /** Added to HOME and PATH: the whole environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
}

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const children = new Set<ChildProcess>();
const terminals = new Set<IPty>();

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
  for (const terminal of terminals) {
    try {
      terminal.kill('SIGKILL');
    } catch {
      // Gone already.
    }
  }
  terminals.clear();
});

function environment(env: CliOptions['env']): Record<string, string> {
  return { HOME: process.env['HOME'] ?? '/', PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...env };
}

/** A command that runs on. */
export class RunningCli {
  stdout = '';
  stderr = '';
  readonly exited: Promise<number | null>;

  constructor(readonly child: ChildProcess) {
    children.add(child);
    child.stdout?.on('data', (bytes: Buffer) => (this.stdout += bytes.toString('latin1')));
    child.stderr?.on('data', (bytes: Buffer) => (this.stderr += bytes.toString()));
    this.exited = new Promise((resolve) => child.once('close', resolve));
  }

  async result(): Promise<CliResult> {
    const code = await within(`the command to end (${this.stderr})`, 20_000, this.exited);
    return { code, stdout: this.stdout, stderr: this.stderr };
  }
}

export function startCli(args: readonly string[], { env, input, cwd }: CliOptions = {}): RunningCli {
  const [program, ...first] = serverProgram();
  const child = spawn(program, [...first, ...args], { env: environment(env), stdio: 'pipe', cwd });
  // A command may end before it has read its input.
  child.stdin.on('error', () => undefined);
  if (input !== undefined) child.stdin.end(input);
  return new RunningCli(child);
}

export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, { input: '', ...options }).result();
}

/** A bash script in which `ew` is the program. */
export function runScript(script: string, { env }: CliOptions = {}): Promise<CliResult> {
  const words = serverProgram().map((word) => `'${word}'`);
  const child = spawn('bash', ['-c', `ew() { ${words.join(' ')} "$@"; }\n${script}`], {
    env: environment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new RunningCli(child).result();
}

/** A bash script on a terminal of 24 by 80, in which `ew` is the program. */
export class CliTerminal {
  text = '';
  readonly #pty: IPty;
  readonly exited: Promise<number>;

  constructor(script: string, { env }: CliOptions = {}) {
    const words = serverProgram().map((word) => `'${word}'`);
    this.#pty = spawnPty('bash', ['-c', `ew() { ${words.join(' ')} "$@"; }\n${script}`], {
      cols: 80,
      rows: 24,
      env: { TERM: 'xterm', ...environment(env) },
    });
    terminals.add(this.#pty);
    this.#pty.onData((text) => (this.text += text));
    this.exited = new Promise((resolve) => this.#pty.onExit(({ exitCode }) => resolve(exitCode)));
  }

  type(text: string): void {
    this.#pty.write(text);
  }

  resize(cols: number, rows: number): void {
    this.#pty.resize(cols, rows);
  }

  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    return await until(`the terminal to show ${String(pattern)}`, () => pattern.exec(this.text), {
      withinMs: 15_000,
      describe: () => this.text,
    });
  }
}
