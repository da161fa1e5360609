// ManagedProcess: what a session may ask of a child. Numbers its events, keeps its output, ends it. Knows no transport
// and no JSON-RPC.
//
//   running → exited → closed          `exited` and `closed` take a seq like every chunk of output

import type { OutputBudget } from '../containment/quota.ts';
import { killSession } from '../containment/sweep.ts';
import { looksDenied } from '../sandbox/denied.ts';
import type { Child, ChildEvents, OutputStream } from './child.ts';
import { signalGroup } from './group.ts';
import { OutputLog, type OutputChunk } from './output-log.ts';

/** How a process is started, as far as it matters afterwards. */
export interface ProcessKind {
  readonly isTerminal: boolean;
  /** It runs in a sandbox: a failure may come from that. */
  readonly isConfined: boolean;
}

/** Told in the order of `seq`. */
export interface ProcessListener {
  /** @returns false to pause the output of this process until `resumeOutput`. */
  onOutput(process: ManagedProcess, chunk: OutputChunk): boolean;
  onExited(process: ManagedProcess, seq: number, exitCode: number): void;
  onClosed(process: ManagedProcess, seq: number): void;
}

export interface ProcessLimits {
  readonly retainedOutputBytes: number;
  /** What all processes of the server may keep together. */
  readonly outputBudget: OutputBudget;
  /** `write` answers at once while less than this waits for the child, in bytes. */
  readonly promptInputBytes: number;
  /** More than this is refused, in bytes; one write into an empty queue may be as large as a message. */
  readonly maxInputBytes: number;
  readonly rememberedWriteIds: number;
}

export type WriteStatus = 'accepted' | 'stdinClosed';

/** A complaint is among the last things that a process writes: so many chunks of output are looked at. */
const judgedChunks = 16;

/** The input queue is full. */
export class InputFullError extends Error {}
/** The process was terminated. */
export class InputGoneError extends Error {}

export class ManagedProcess {
  exitCode: number | undefined;
  isClosed = false;
  readonly #log: OutputLog;
  readonly #waiters = new Set<() => void>();
  readonly #writeIds = new Set<string>();
  #child: Child | undefined;
  #lastSeq = 0;
  #exitedSeq = 0;
  #isTerminated = false;
  #isStdinClosed = false;
  #forceTimer: NodeJS.Timeout | undefined;

  constructor(
    readonly id: string,
    private readonly kind: ProcessKind,
    private readonly limits: ProcessLimits,
    private readonly listener: ProcessListener,
  ) {
    this.#log = new OutputLog(limits.retainedOutputBytes, limits.outputBudget);
  }

  /** What the child is started with. */
  readonly events: ChildEvents = {
    onOutput: (stream, bytes) => this.#output(stream, bytes),
    onExit: (exitCode) => this.#exited(exitCode),
    onClose: () => this.#closed(),
  };

  started(child: Child): void {
    this.#child = child;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isTerminal(): boolean {
    return this.kind.isTerminal;
  }

  /** Whether it seems to have failed for being confined: a guess, once it has exited. */
  get isSandboxDenied(): boolean {
    if (!this.kind.isConfined || this.exitCode === undefined || this.exitCode === 0) return false;
    const last = this.#log.read(this.nextSeq - judgedChunks, Infinity);
    const output = last.map(({ base64 }) => Buffer.from(base64, 'base64').toString('latin1')).join('');
    return looksDenied(this.exitCode, output);
  }

  get hasExited(): boolean {
    return this.exitCode !== undefined;
  }

  /** The next seq that is not used yet. */
  get nextSeq(): number {
    return this.#lastSeq + 1;
  }

  get droppedBytes(): number {
    return this.#log.droppedBytes;
  }

  readOutput(afterSeq: number, maxBytes: number): OutputChunk[] {
    return this.#log.read(afterSeq, maxBytes);
  }

  /** Whether a long poll from `afterSeq` has to answer now although there is no output for it. */
  hasEndedAfter(afterSeq: number): boolean {
    return this.isClosed || (this.hasExited && this.#exitedSeq > afterSeq);
  }

  /** Calls `onNews` once, at the next output, exit or close. @returns a function that takes the wish back. */
  onceNews(onNews: () => void): () => void {
    this.#waiters.add(onNews);
    return () => this.#waiters.delete(onNews);
  }

  pauseOutput(): void {
    this.#child?.pauseOutput();
  }

  resumeOutput(): void {
    this.#child?.resumeOutput();
  }

  /**
   * Writes to stdin or the terminal.
   * @param writeId a write with an id that was taken before is not written again.
   * @returns a status, or a promise of it where the answer has to wait until the child has read some.
   * @throws InputFullError, InputGoneError
   */
  write(bytes: Uint8Array, writeId?: string): WriteStatus | Promise<WriteStatus> {
    if (this.#isTerminated && this.hasExited) throw new InputGoneError();
    const input = this.#child?.input;
    if (!input || this.#isStdinClosed) return 'stdinClosed';
    if (writeId !== undefined && this.#writeIds.has(writeId)) return 'accepted';
    if (this.isFullFor(bytes.length, writeId)) throw new InputFullError();
    if (writeId !== undefined) this.#remember(writeId);
    const isPrompt = input.queuedBytes + bytes.length <= this.limits.promptInputBytes;
    if (isPrompt) {
      input.write(bytes, () => undefined);
      return 'accepted';
    }
    return new Promise((resolve) => input.write(bytes, () => resolve('accepted')));
  }

  /** Whether `write` would refuse so many bytes, so that they need not be decoded. */
  isFullFor(byteLength: number, writeId: string | undefined): boolean {
    const queuedBytes = this.#child?.input?.queuedBytes ?? 0;
    if (queuedBytes === 0 || queuedBytes + byteLength <= this.limits.maxInputBytes) return false;
    return writeId === undefined || !this.#writeIds.has(writeId);
  }

  closeStdin(): WriteStatus {
    const input = this.#child?.input;
    if (!input || this.#isStdinClosed) return 'stdinClosed';
    // A terminal cannot be closed: end-of-file is typed, and more may follow.
    if (!this.isTerminal) this.#isStdinClosed = true;
    input.end();
    return 'accepted';
  }

  resize(rows: number, cols: number): 'accepted' | 'notTty' | 'exited' {
    if (!this.#child?.resize) return 'notTty';
    if (this.hasExited) return 'exited';
    this.#child.resize(rows, cols);
    return 'accepted';
  }

  interrupt(): void {
    if (this.#child && !this.hasExited) signalGroup(this.#child.pid, 'SIGINT');
  }

  /**
   * SIGKILL to the whole group, and the output of whoever survives in another session is given up.
   * @param endsLeftovers after the exit, too, end what is left of the group; else nothing changes then: what a command
   *   left in the background on purpose shall live.
   * @returns whether the child was alive.
   */
  terminate(endsLeftovers = false): boolean {
    const child = this.#child;
    if (!child) return false;
    const wasRunning = !this.hasExited;
    clearTimeout(this.#forceTimer);
    this.#isTerminated ||= wasRunning;
    if (wasRunning || endsLeftovers) {
      signalGroup(child.pid, 'SIGKILL');
      void killSession(child.pid);
      child.abandonOutput();
    }
    return wasRunning;
  }

  /** SIGTERM to the group (and SIGHUP on a terminal), `terminate` after `timeoutMs` if the child still lives. */
  terminateGracefully(timeoutMs: number): boolean {
    const child = this.#child;
    if (!child || this.hasExited) return false;
    signalGroup(child.pid, 'SIGTERM');
    if (this.isTerminal) signalGroup(child.pid, 'SIGHUP');
    clearTimeout(this.#forceTimer);
    this.#forceTimer = setTimeout(() => this.terminate(), timeoutMs);
    return true;
  }

  /** Lets go of everything; the process is not known any more. */
  forget(): void {
    clearTimeout(this.#forceTimer);
    this.#child?.abandonOutput();
    this.#log.release();
    this.#waiters.clear();
  }

  #output(stream: OutputStream, bytes: Buffer): boolean {
    const chunk = {
      seq: ++this.#lastSeq,
      stream,
      base64: bytes.toString('base64'),
      byteLength: bytes.length,
    };
    this.#log.push(chunk);
    const goOn = this.listener.onOutput(this, chunk);
    this.#tellWaiters();
    return goOn;
  }

  #exited(exitCode: number): void {
    clearTimeout(this.#forceTimer);
    this.exitCode = exitCode;
    this.#exitedSeq = ++this.#lastSeq;
    this.listener.onExited(this, this.#exitedSeq, exitCode);
    this.#tellWaiters();
  }

  #closed(): void {
    this.isClosed = true;
    this.listener.onClosed(this, ++this.#lastSeq);
    this.#tellWaiters();
  }

  #tellWaiters(): void {
    if (this.#waiters.size === 0) return;
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const onNews of waiters) onNews();
  }

  #remember(writeId: string): void {
    this.#writeIds.add(writeId);
    if (this.#writeIds.size <= this.limits.rememberedWriteIds) return;
    for (const oldest of this.#writeIds) {
      this.#writeIds.delete(oldest);
      return;
    }
  }
}
