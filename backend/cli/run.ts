// `exec-workbench run -- CMD ARGS…`: runs a command on an executor as if it ran here: terminal, input, output, signals, exit code.

import { type ExecServerClient, type ClientStatus } from '../../shared/client/harness.ts';
import { startParams } from '../../shared/client/exec.ts';
import { isMethodNotFound } from '../../shared/client/files.ts';
import type { OutputBytes, ProcessHandle, ProcessListener } from '../../shared/client/process-handle.ts';
import { errorText, LocalError } from '../../shared/errors.ts';
import { environmentStatus } from '../../shared/protocol/environment.ts';
import { processRead, processSignal } from '../../shared/protocol/process.ts';
import { UsageError } from '../config.ts';
import { ExitCode } from './failure.ts';
import { OutputFile } from './output-file.ts';
import { DetachKeys, parseDetachKeys } from './run/detach-keys.ts';
import { InputPump } from './run/input-pump.ts';
import { enterRawMode, terminalSize } from './run/local-terminal.ts';
import { targetOf, type TargetFlags } from './target.ts';

export interface RunFlags extends TargetFlags {
  readonly tty?: boolean;
  readonly interactive?: boolean;
  readonly cwd?: string;
  readonly env: readonly string[];
  readonly detach?: boolean;
  readonly detachKeys: string;
  readonly attach?: string;
}

/** What `run` calls its process, so that a session id is enough to come back to it. */
const processName = 'run';
/** SIGTERM to SIGKILL, ms. */
const graceMs = 5000;
/** A session lives on for 80 s without a connection; after this, ms, it is not worth waiting any more. */
const resumeTimeoutMs = 90_000;
/** While we do not read, a server would take us for dead: something is sent this often, ms. */
const signOfLifeMs = 10_000;
const signalNumbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

/** @returns the exit code: the command's own, 0 after a detach. @throws UsageError, LocalError, RpcError. */
export async function run(argv: readonly string[], flags: RunFlags): Promise<number> {
  if (flags.attach === undefined && argv.length === 0) {
    throw new UsageError('no command is given: exec-workbench run [options] -- CMD ARGS…');
  }
  if (flags.attach !== undefined && argv.length > 0) throw new UsageError('--attach runs no command');
  const detachKeys = new DetachKeys(parseDetachKeys(flags.detachKeys));
  const env = parseEnv(flags.env);
  const session = new RunSession(flags);
  const [sessionId, processId = processName] = flags.attach?.split('/', 2) ?? [];
  let lossReason: string | undefined;
  const client = await targetOf(flags).connect({
    clientName: 'exec-workbench run',
    resumeSessionId: sessionId,
    onStatus: (status) => session.onStatus(status),
    onSessionLost: (reason) => (lossReason = reason),
  });
  try {
    if (lossReason !== undefined && sessionId !== undefined) {
      throw new LocalError('closed', `session ${sessionId} is not there any more: ${lossReason}`);
    }
    if (sessionId === undefined) await session.start(client, argv, env);
    else await session.attach(client, processId);
    if (flags.detach === true) {
      process.stdout.write(`${client.sessionId ?? ''}/${processId}\n`);
      session.note('detached; the executor ends it if nobody attaches for a while (80 s by default)');
      return ExitCode.ok;
    }
    return await session.follow(detachKeys);
  } finally {
    session.end();
    client.close();
  }
}

/** @throws UsageError */
function parseEnv(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)];
      const value = process.env[pair];
      if (pair !== '' && value !== undefined) return [pair, value];
      throw new UsageError(`--env: expected NAME=VALUE, or the name of a variable that is set here, got ${pair}`);
    }),
  );
}

class RunSession {
  #client: ExecServerClient | undefined;
  #handle: ProcessHandle | undefined;
  #finish: (code: number) => void = () => undefined;
  #fail: (error: Error) => void = () => undefined;
  readonly #finished = new Promise<number>((resolve, reject) => {
    this.#finish = resolve;
    this.#fail = reject;
  });
  readonly #stdout = new OutputFile(1, {
    onRoom: () => this.#goOnReading(),
    onBroken: (broken) => this.#leaveUnread(broken.isUnread ? undefined : broken),
  });
  readonly #stderr = new OutputFile(2, { onRoom: () => this.#goOnReading() });
  #leaveRawMode: (() => void) | undefined;
  #isConnected = false;
  #resumeTimer: NodeJS.Timeout | undefined;
  #signOfLife: NodeJS.Timeout | undefined;
  #insistence = 0;
  #unread: { readonly error: Error | undefined } | undefined;
  /** What a shell can see of the command's. */
  #exitCode: number = ExitCode.unexpected;

  constructor(private readonly flags: RunFlags) {
    this.#finished.catch(() => undefined); // also when it fails before anybody waits
  }

  /** On stderr, also in raw mode. */
  note(text: string): void {
    const lineEnd = this.#leaveRawMode ? '\r\n' : '\n';
    this.#stderr.write(`exec-workbench: ${text}${lineEnd}`);
  }

  onStatus(status: ClientStatus): void {
    if (status.phase === 'ready') {
      if (this.#isConnected && this.#resumeTimer) this.note('connected again');
      this.#isConnected = true;
      clearTimeout(this.#resumeTimer);
      this.#resumeTimer = undefined;
    } else if (status.phase === 'waiting' && this.#isConnected && !this.#resumeTimer) {
      this.note(`connection lost (${status.reason}); trying to resume`);
      const late = () =>
        this.#fail(new LocalError('timeout', `no connection for ${resumeTimeoutMs / 1000} s: ${status.reason}`));
      this.#resumeTimer = setTimeout(late, resumeTimeoutMs);
    }
  }

  async start(client: ExecServerClient, argv: readonly string[], env: Record<string, string>): Promise<void> {
    this.#client = client;
    const { tty = false, interactive = false, cwd } = this.flags;
    const { TERM } = process.env;
    const options = {
      argv,
      processId: processName,
      env: tty && TERM !== undefined ? { TERM, ...env } : env,
      tty: tty ? (terminalSize() ?? true) : false,
      stdin: interactive ? 'open' : 'closed',
    } as const;
    const info = client.server?.environmentInfo;
    const where = cwd ?? info?.cwd ?? info?.userHomeDir ?? '/';
    const hasSizes = client.supports('process/start.io');
    this.#handle = await client.paths.use((toWire) =>
      client.start(startParams(options, toWire(where), hasSizes), this.#listener),
    );
  }

  async attach(client: ExecServerClient, processId: string): Promise<void> {
    this.#client = client;
    // Says whether there is such a process.
    await client.call(processRead, { processId, afterSeq: 0, maxBytes: 1 });
    this.#handle = client.adopt(processId, this.#listener);
    await this.#handle.catchUp();
    if (this.flags.tty === true) this.#resize();
  }

  /** Until the process is closed, or left. @returns the exit code. */
  async follow(detachKeys: DetachKeys): Promise<number> {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, this.#onSignal);
    if (this.flags.tty === true) process.on('SIGWINCH', this.#resize);
    if (this.flags.interactive === true) this.#takeInput(detachKeys);
    if (this.#unread) this.#leaveUnread(this.#unread.error);
    const code = await this.#finished;
    await Promise.all([this.#stdout.drained(), this.#stderr.drained()]);
    return code;
  }

  end(): void {
    this.#leaveRawMode?.();
    this.#leaveRawMode = undefined;
    clearTimeout(this.#resumeTimer);
    clearInterval(this.#signOfLife);
    process.off('SIGWINCH', this.#resize);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, this.#onSignal);
    if (this.flags.interactive === true) process.stdin.destroy();
  }

  readonly #listener: ProcessListener = {
    onOutput: ({ stream, bytes }: OutputBytes) => {
      if (!(stream === 'stderr' ? this.#stderr : this.#stdout).write(bytes)) this.#stopReading();
    },
    onLost: ({ bytes }) => this.note(`${bytes ?? 'some'} bytes of output were lost: the executor did not keep them`),
    // All of it may come before `start` has returned: the handle is not there yet.
    onExited: (code) => (this.#exitCode = code & 0xff),
    onClosed: () => this.#finish(this.#exitCode),
    onAbandoned: (reason) => this.#fail(new LocalError('closed', `the session is gone: ${reason}`)),
  };

  #stopReading(): void {
    this.#client?.pause();
    this.#signOfLife ??= setInterval(() => {
      // Whatever the answer, and whenever it is read.
      this.#client?.call(environmentStatus, {}).catch(() => undefined);
    }, signOfLifeMs);
  }

  #goOnReading(): void {
    clearInterval(this.#signOfLife);
    this.#signOfLife = undefined;
    this.#client?.resume();
  }

  /** Nobody reads our output, as with `… | head`: the process is ended. */
  #leaveUnread(error: Error | undefined): void {
    this.#unread = { error };
    this.#goOnReading();
    const leave = () => (error ? this.#fail(error) : this.#finish(ExitCode.unread));
    // Not started yet: `follow` comes here again.
    this.#handle?.terminate().then(leave, leave);
  }

  readonly #resize = (): void => {
    const size = terminalSize();
    // Executors without the extension keep the size of the start.
    if (size && this.#client?.supports('process/resize') === true) {
      this.#handle?.resize(size.rows, size.cols).catch(() => undefined);
    }
  };

  #takeInput(detachKeys: DetachKeys): void {
    const client = this.#client;
    if (!client || !this.#handle) return;
    const pump = new InputPump(client, this.#handle.processId, (problem) => this.note(problem));
    const isTerminal = this.flags.tty === true && process.stdin.isTTY;
    if (isTerminal) this.#leaveRawMode = enterRawMode();
    const source: AsyncIterable<Uint8Array> = isTerminal ? this.#typed(detachKeys) : process.stdin;
    pump.pump(source).catch((error: unknown) => {
      if (!process.stdin.destroyed) this.note(`cannot read the input: ${errorText(error)}`);
    });
  }

  async *#typed(detachKeys: DetachKeys): AsyncGenerator<Uint8Array> {
    for await (const typed of process.stdin as AsyncIterable<Uint8Array>) {
      const { pass, isComplete } = detachKeys.take(typed);
      yield pass;
      if (!isComplete) continue;
      const { sessionId = '' } = this.#client ?? {};
      const { processId = '' } = this.#handle ?? {};
      this.note(`detached; to come back within 80 s: exec-workbench run -it --attach ${sessionId}/${processId}`);
      this.#finish(ExitCode.ok);
      // The input is not at its end: nothing follows.
      await new Promise<never>(() => undefined);
    }
  }

  /** Ctrl-C first asks the command, then ends it gently, then by force; other signals begin with the second. */
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    const force = (this.#insistence = signal === 'SIGINT' ? this.#insistence + 1 : Math.max(2, this.#insistence + 1));
    const giveUp = () => this.#finish(128 + signalNumbers[signal as keyof typeof signalNumbers]);
    const handle = this.#handle;
    if (!handle || force > 3 || this.#client?.status.phase !== 'ready') giveUp();
    else if (force === 1) this.#interrupt(handle).catch(giveUp);
    else handle.terminate(force === 2 ? this.#grace() : {}).catch(giveUp);
  };

  async #interrupt(handle: ProcessHandle): Promise<void> {
    const { processId } = handle;
    try {
      await this.#client?.call(processSignal, { processId, signal: 'interrupt' });
    } catch (error) {
      // 0.131 knows no signals.
      if (!isMethodNotFound(error)) throw error;
      await handle.terminate(this.#grace());
    }
  }

  #grace(): { graceMs?: number } {
    return this.#client?.supports('process/terminate.mode') === true ? { graceMs } : {};
  }
}
