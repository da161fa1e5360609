// One process as the harness sees it: input, ordered output, its end.

import { base64ByteLength, base64Encode, tryBase64Decode, utf8Encode } from '../bytes.ts';
import { LocalError, RpcCode, RpcError } from '../errors.ts';
import { timerMs } from '../limits.ts';
import type { ResultOf } from '../protocol/declare.ts';
import * as protocol from '../protocol/process.ts';
import { OutputReader, type ReaderOptions } from './output-reader.ts';
import { ProcessOutput, type OrderedEvent, type ProcessEvent } from './process-output.ts';
import type { ExecServerClient } from './harness.ts';
import { collect, type CollectOptions, type RunResult } from './run.ts';

export type OutputStreamName = 'stdout' | 'stderr' | 'pty';

export interface OutputBytes {
  /** Counts chunks and the end of one process, from 1. */
  readonly seq: number;
  /** `pty`: of a terminal, which has one stream only. */
  readonly stream: OutputStreamName;
  readonly bytes: Uint8Array;
}

/** Output that the server did not keep until we could read it. */
export interface LostOutput {
  readonly fromSeq: number;
  readonly toSeq: number;
  /** Undefined when the server cannot tell (it lacks `process/snapshot`). */
  readonly bytes: number | undefined;
}

/** Called in the order of seq. All are optional; none may throw. */
export interface ProcessListener {
  onOutput?(output: OutputBytes): void;
  onLost?(lost: LostOutput): void;
  onExited?(exitCode: number): void;
  onClosed?(): void;
  /** The session with this process is gone: nothing more will come. */
  onAbandoned?(reason: string): void;
}

export type ProcessState = 'running' | 'exited' | 'closed' | 'abandoned';
/** What the server did with a write: `starting` and `unknownProcess` mean that nobody took it. */
export type WriteStatus = ResultOf<typeof protocol.processWrite>['status'];

export interface WaitOptions {
  /** `exited`: the process itself has ended; `closed` (default): all its output has come, too. */
  readonly until?: 'exited' | 'closed';
  /** Longest wait, ms. Default: none. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A write of more is sent in pieces, in bytes; each waits for the one before it, and so for the process. */
const pieceBytes = 256 * 1024;
const interruptByte = Uint8Array.of(3);

/** A process on the executor. Made by `client.exec`, `start` and `adopt`. */
export class ProcessHandle {
  /** What is known of the process. Output may still wait for its reader. */
  state: ProcessState = 'running';
  exitCode: number | undefined;
  readonly #listener: ProcessListener;
  readonly #reader: OutputReader | undefined;
  /** Bytes delivered, and those known to be lost: where the output stands. */
  #passedBytes = 0;
  readonly #output = new ProcessOutput();
  #isFilling = false;
  #mustFillAgain = false;
  /** Its reader has no room: output is left to the server. */
  #hasLeft = false;
  /** Everything was delivered, or nothing more can be. */
  #isDone = false;
  readonly #waiters = new Set<() => void>();

  /** @param listener gets everything at once; without one, output waits for who reads `output`, `stdout` and `stderr`. */
  constructor(
    private readonly client: ExecServerClient,
    readonly processId: string,
    listener: ProcessListener | undefined,
    readerOptions: ReaderOptions = {},
  ) {
    if (listener) {
      this.#listener = listener;
      return;
    }
    const leave = () => {
      this.#hasLeft = true;
    };
    const takeUp = () => {
      this.#hasLeft = false;
      void this.catchUp();
    };
    this.#reader = new OutputReader({ leave, takeUp }, readerOptions);
    this.#listener = this.#reader;
  }

  /**
   * All output in order. Ends when the process is closed; a loop that was left can be taken up by another one. What nobody
   * reads is bounded by `maxUnreadBytes`: the server keeps the rest for a while.
   * @throws LocalError `output-lost` in the place of output that is gone (unless `onLost` was given; reading may go on),
   * `closed` when the session is gone.
   */
  get output(): AsyncIterable<OutputBytes> {
    return this.#readerOf('output').output;
  }

  /** The bytes of stdout, or of the terminal. Errors as `output`. Each get makes a stream: get it once. */
  get stdout(): ReadableStream<Uint8Array> {
    return this.#readerOf('stdout').stream('stdout');
  }

  /** The bytes of stderr. Errors as `output`. */
  get stderr(): ReadableStream<Uint8Array> {
    return this.#readerOf('stderr').stream('stderr');
  }

  /** What is written goes to stdin, and its end ends stdin. */
  get stdin(): WritableStream<Uint8Array> {
    return new WritableStream<Uint8Array>({
      write: async (bytes) => {
        const status = await this.write(bytes);
        if (status !== 'accepted') throw new LocalError('closed', `${this.processId} takes no input: ${status}`);
      },
      close: async () => {
        await this.closeStdin();
      },
    });
  }

  /** Text is sent as UTF-8. @returns what the server did with it. @throws RpcError, LocalError `closed`. */
  async write(data: Uint8Array | string): Promise<WriteStatus> {
    const bytes = typeof data === 'string' ? utf8Encode(data) : data;
    for (let start = 0; ; start += pieceBytes) {
      const { status } = await this.client.call(protocol.processWrite, {
        processId: this.processId,
        chunk: base64Encode(bytes.subarray(start, start + pieceBytes)),
        writeId: this.client.nextWriteId(),
      });
      if (status !== 'accepted' || start + pieceBytes >= bytes.length) return status;
    }
  }

  /** @throws RpcError -32601 by servers that cannot: those without the extension. */
  async closeStdin(): Promise<WriteStatus> {
    return (await this.client.call(protocol.processCloseStdin, { processId: this.processId })).status;
  }

  /** Of a terminal. @throws RpcError -32601 by servers without the extension. */
  async resize(rows: number, cols: number): Promise<string> {
    return (await this.client.call(protocol.processResize, { processId: this.processId, rows, cols })).status;
  }

  /**
   * Sends SIGINT to the process group that was started. On a terminal, writing byte 3 reaches whatever is in its foreground
   * instead; servers of 0.131 have that way only.
   */
  async signal(signal: 'interrupt'): Promise<void> {
    try {
      await this.client.call(protocol.processSignal, { processId: this.processId, signal });
    } catch (error) {
      if (!(error instanceof RpcError) || error.code !== RpcCode.methodNotFound) throw error;
      await this.write(interruptByte);
    }
  }

  async interrupt(): Promise<void> {
    await this.signal('interrupt');
  }

  /**
   * Ends the whole process group.
   * @param graceMs SIGTERM first, and SIGKILL so much later; servers without the extension, and 0, end it at once
   * @returns whether it was running
   */
  async terminate({ graceMs = 0 }: { readonly graceMs?: number } = {}): Promise<boolean> {
    const { processId } = this;
    const mode = graceMs > 0 ? ({ type: 'graceful', timeoutMs: graceMs } as const) : undefined;
    return (await this.client.call(protocol.processTerminate, { processId, ...(mode && { mode }) })).running;
  }

  /** The exit code, once it has exited; output may still come. @throws LocalError `closed` when the session is gone. */
  get exited(): Promise<number> {
    return this.wait({ until: 'exited' });
  }

  /**
   * Waits for the end; nobody needs to read the output for that.
   * @returns the exit code; 128 + n after signal n
   * @throws LocalError `closed` when the session is gone, `timeout`, `aborted`.
   */
  wait({ until = 'closed', timeoutMs, signal }: WaitOptions = {}): Promise<number> {
    return new Promise((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const settle = (finish: () => void) => {
        clearTimeout(timer);
        this.#waiters.delete(look);
        signal?.removeEventListener('abort', onAbort);
        finish();
      };
      const fail = (error: LocalError) => settle(() => reject(error));
      const onAbort = () => fail(new LocalError('aborted', `waiting for ${this.processId} was aborted`));
      const look = () => {
        if (this.state === 'closed' || (until === 'exited' && this.state === 'exited'))
          settle(() => resolve(this.exitCode ?? -1));
        else if (this.state === 'abandoned') fail(new LocalError('closed', `${this.processId}: the session is gone`));
      };
      this.#waiters.add(look);
      signal?.addEventListener('abort', onAbort);
      if (timeoutMs !== undefined) {
        const late = () => fail(new LocalError('timeout', `${this.processId} has not ended within ${timeoutMs} ms`));
        timer = setTimeout(late, timerMs(timeoutMs));
      }
      if (signal?.aborted) onAbort();
      else look();
    });
  }

  /** As `wait`, but a session that is gone gives undefined. */
  async closed(): Promise<number | undefined> {
    await this.wait().catch(() => undefined);
    return this.exitCode;
  }

  /**
   * Writes `input`, closes stdin, and collects the output until the process is closed.
   * @throws LocalError `closed`, `aborted`, `timeout`, `output-lost` (the process is ended then); RpcError.
   */
  communicate(input?: Uint8Array | string, options: CollectOptions = {}): Promise<RunResult> {
    return collect(this, this.#readerOf('output').output, input, options);
  }

  /** For the client: an event that was pushed. */
  push(event: ProcessEvent): void {
    if (this.#hasLeft) {
      if (event.kind === 'exited') this.#noteEnd('exited', event.exitCode);
      if (event.kind === 'closed') this.#noteEnd('closed', this.exitCode);
      return;
    }
    this.#tell(this.#output.push(event));
    if (this.#output.hasGap) void this.catchUp();
  }

  /** For the client: reads what was missed, after a resume or a gap, or when there is room again. */
  async catchUp(): Promise<void> {
    this.#mustFillAgain = true;
    if (this.#isFilling) return;
    this.#isFilling = true;
    try {
      while (this.#mustFillAgain && !this.#isDone) {
        this.#mustFillAgain = false;
        await (this.#hasLeft ? this.#askEnd() : this.#fill());
      }
    } catch {
      // The connection ended again: the next resume tries anew. Or the process was forgotten meanwhile: nothing more comes.
      if (this.client.status.phase === 'ready') this.abandon('the server has forgotten this process');
    } finally {
      this.#isFilling = false;
    }
  }

  async #fill(): Promise<void> {
    const { processId, client } = this;
    // Both at once, so that nothing is written between the two answers: all bytes so far, and those that are still kept.
    const [writtenBytes, read] = await Promise.all([
      client.supports(protocol.processSnapshot.method)
        ? client.call(protocol.processSnapshot, { processId, maxBytes: 0 }).then((snapshot) => snapshot.droppedBytes)
        : undefined,
      client.call(protocol.processRead, { processId, afterSeq: this.#output.lastSeq }),
    ]);
    const keptBytes = read.chunks.reduce((sum, { chunk }) => sum + base64ByteLength(chunk), 0);
    const lostBytes =
      writtenBytes === undefined ? undefined : Math.max(0, writtenBytes - this.#passedBytes - keptBytes);
    const hasLost = lostBytes === undefined ? undefined : lostBytes > 0;
    this.#tell(this.#output.fill({ ...read, hasLost }), lostBytes);
  }

  /** Output stays where it is, but whether the process has ended was missed, too. */
  async #askEnd(): Promise<void> {
    const { processId } = this;
    const { exited, closed, exitCode } = await this.client.call(protocol.processRead, {
      processId,
      afterSeq: this.#output.lastSeq,
      maxBytes: 1,
    });
    if (exited) this.#noteEnd('exited', exitCode ?? -1);
    if (closed) this.#noteEnd('closed', exitCode ?? -1);
  }

  /** For the client: the session is gone. */
  abandon(reason: string): void {
    if (this.#isDone) return;
    this.#isDone = true;
    if (this.state !== 'closed') this.state = 'abandoned';
    this.client.forget(this);
    this.#listener.onAbandoned?.(reason);
    for (const look of [...this.#waiters]) look();
  }

  #readerOf(what: string): OutputReader {
    if (this.#reader) return this.#reader;
    throw new LocalError(
      'invalid-argument',
      `${what}: this process was started with a listener, which gets its output`,
    );
  }

  /** @param lostBytes of the `lost` event among them, where the server tells. */
  #tell(events: readonly OrderedEvent[], lostBytes?: number): void {
    for (const event of events) {
      switch (event.kind) {
        case 'output': {
          const bytes = tryBase64Decode(event.base64) ?? new Uint8Array();
          this.#passedBytes += bytes.length;
          this.#listener.onOutput?.({ seq: event.seq, stream: event.stream, bytes });
          break;
        }
        case 'lost':
          this.#passedBytes += lostBytes ?? 0;
          this.#listener.onLost?.({ fromSeq: event.fromSeq, toSeq: event.toSeq, bytes: lostBytes });
          break;
        case 'exited':
          this.#noteEnd('exited', event.exitCode);
          this.#listener.onExited?.(event.exitCode);
          break;
        case 'closed':
          this.#isDone = true;
          this.client.forget(this);
          this.#noteEnd('closed', this.exitCode);
          this.#listener.onClosed?.();
      }
    }
  }

  #noteEnd(state: 'exited' | 'closed', exitCode: number | undefined): void {
    if (this.state === 'closed') return;
    this.state = state;
    this.exitCode = exitCode;
    for (const look of [...this.#waiters]) look();
  }
}
