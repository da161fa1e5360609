// A Connection to an exec server that we start ourselves and talk to by its stdin and stdout. The child ends with it: its
// stdin is closed, then SIGTERM, then SIGKILL.

import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import type { CloseInfo, Connection, ConnectionHandler } from '../../shared/connection/connection.ts';
import { errorText, LocalError } from '../../shared/errors.ts';
import { limits } from '../../shared/limits.ts';
import { signalGroup } from '../process/group.ts';
import { StdioConnection } from '../transports/stdio.ts';

export interface ChildOptions {
  /** The program, looked up in PATH. */
  readonly command: string;
  readonly args?: readonly string[] | undefined;
  /** Added to our own environment; undefined values are taken out of it. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly cwd?: string | undefined;
  /** What it writes to stderr, as it comes. Default: only the end of it is kept, for error messages. */
  readonly onStderr?: ((text: string) => void) | undefined;
  /** At the end: time to end by itself once its stdin is closed, and again after SIGTERM; then SIGKILL. Default 2000 ms. */
  readonly graceMs?: number | undefined;
  /** It leads a process group, which is ended with it: nothing that it starts is left behind. */
  readonly ownsGroup?: boolean | undefined;
}

/** The end of its output and its exit come apart: so long is waited for the exit, to say why, ms. */
const exitMs = 500;
const keptStderrLength = 2000;

export class ChildConnection implements Connection {
  readonly label: string;
  readonly #stdio: StdioConnection;
  #stderr = '';
  #isEnding = false;
  #ending: Promise<void> | undefined;
  readonly #exited: Promise<string>;
  readonly #graceMs: number;
  readonly #ownsGroup: boolean;

  private constructor(
    private readonly child: ChildProcessWithoutNullStreams,
    { command, onStderr, graceMs = 2000, ownsGroup = false }: ChildOptions,
  ) {
    this.#graceMs = graceMs;
    this.#ownsGroup = ownsGroup;
    this.label = `\`${command}\``;
    this.#stdio = new StdioConnection(child.stdout, child.stdin, limits.maxMessageBytes);
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${String(code)}` : signal));
    });
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-keptStderrLength);
      onStderr?.(text);
    });
  }

  /** @throws LocalError `spawn` when the program cannot be started. */
  static async start(options: ChildOptions): Promise<ChildConnection> {
    const { command, args = [], env, cwd, ownsGroup = false } = options;
    const fail = (cause: unknown) => {
      const where = cwd === undefined ? '' : ` in ${cwd}`;
      return new LocalError('spawn', `cannot start \`${command}\`${where}: ${errorText(cause)}`, { cause });
    };
    let child: ChildProcessWithoutNullStreams;
    try {
      child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: 'pipe', detached: ownsGroup });
    } catch (error) {
      throw fail(error);
    }
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => reject(fail(error)));
    });
    child.on('error', () => undefined); // a signal that could not be sent
    return new ChildConnection(child, options);
  }

  get isClosed(): boolean {
    return this.#stdio.isClosed;
  }

  get isWritable(): boolean {
    return this.#stdio.isWritable;
  }

  get bufferedBytes(): number {
    return this.#stdio.bufferedBytes;
  }

  open(handler: ConnectionHandler): void {
    this.#stdio.open({
      onMessage: (text) => handler.onMessage(text),
      onWritable: () => handler.onWritable(),
      onClose: (close) => void this.#explain(close).then((explained) => handler.onClose(explained)),
    });
  }

  send(message: string | Uint8Array): boolean {
    return this.#stdio.send(message);
  }

  pause(): void {
    this.#stdio.pause();
  }

  resume(): void {
    this.#stdio.resume();
  }

  close(code?: number, reason?: string): void {
    this.#isEnding = true;
    this.#stdio.close(code, reason);
    void this.end();
  }

  /** Ends its input, so that it answers what is due and ends by itself. Resolves when it has. */
  async finish(): Promise<void> {
    this.child.stdin.end();
    await this.#exited;
  }

  /** Ends the connection and the child. Resolves when the child is gone; again and again is fine. */
  end(): Promise<void> {
    this.#isEnding = true;
    return (this.#ending ??= this.#end());
  }

  async #end(): Promise<void> {
    const { child } = this;
    this.#stdio.close();
    child.stdout.resume(); // a child that cannot write does not come to read the end of its input
    child.stdin.end();
    const isGone = () => child.exitCode !== null || child.signalCode !== null;
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const hasExited = isGone() || (await this.#exitWithin(this.#graceMs)) !== undefined;
      if (hasExited) break;
      this.#signal(signal);
    }
    if (!isGone()) await this.#exited;
    if (this.#ownsGroup) this.#signal('SIGKILL');
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#ownsGroup && this.child.pid !== undefined) signalGroup(this.child.pid, signal);
    else this.child.kill(signal);
  }

  /** Leader of its group, where it has one. */
  get pid(): number {
    return this.child.pid ?? 0;
  }

  async #explain(close: CloseInfo): Promise<CloseInfo> {
    if (this.#isEnding) return close;
    const exit = await this.#exitWithin(exitMs);
    void this.end();
    if (exit === undefined) return close;
    const said = this.#stderr.trim().split('\n').at(-1) ?? '';
    return { ...close, reason: `${this.label} ended with ${exit}${said === '' ? '' : `: ${said}`}` };
  }

  /** @returns how it has ended; undefined when it still runs after `ms`. */
  async #exitWithin(ms: number): Promise<string | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, ms, undefined)));
    try {
      return await Promise.race([this.#exited, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }
}
