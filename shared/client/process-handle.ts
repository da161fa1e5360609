// One process as the harness sees it: input, ordered output, its end.

import { base64ByteLength, base64Encode, tryBase64Decode } from '../bytes.ts';
import type { ParamsInput } from '../protocol/declare.ts';
import * as protocol from '../protocol/process.ts';
import { ProcessOutput, type OrderedEvent, type ProcessEvent } from './process-output.ts';
import type { ExecServerClient } from './harness.ts';

export type OutputStreamName = 'stdout' | 'stderr' | 'pty';

export interface OutputBytes {
  readonly seq: number;
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

export class ProcessHandle {
  state: ProcessState = 'running';
  exitCode: number | undefined;
  /** Bytes delivered, and those known to be lost: where the output stands. */
  #passedBytes = 0;
  readonly #output = new ProcessOutput();
  #isFilling = false;
  readonly #endWaiters: (() => void)[] = [];

  constructor(
    private readonly client: ExecServerClient,
    readonly processId: string,
    private readonly listener: ProcessListener,
  ) {}

  /** @returns the status of the server: `accepted`, `stdinClosed`, `unknownProcess`, `starting`. */
  async write(data: Uint8Array): Promise<string> {
    const { status } = await this.client.call(protocol.processWrite, {
      processId: this.processId,
      chunk: base64Encode(data),
      writeId: this.client.nextWriteId(),
    });
    return status;
  }

  async closeStdin(): Promise<string> {
    return (await this.client.call(protocol.processCloseStdin, { processId: this.processId })).status;
  }

  async resize(rows: number, cols: number): Promise<string> {
    return (await this.client.call(protocol.processResize, { processId: this.processId, rows, cols })).status;
  }

  async interrupt(): Promise<void> {
    await this.client.call(protocol.processSignal, { processId: this.processId, signal: 'interrupt' });
  }

  /** @param mode `force` by default. @returns whether it was running. */
  async terminate(mode?: ParamsInput<typeof protocol.processTerminate>['mode']): Promise<boolean> {
    return (await this.client.call(protocol.processTerminate, { processId: this.processId, mode })).running;
  }

  /** Resolves when the process is closed or abandoned; the exit code is undefined when it never came. */
  async closed(): Promise<number | undefined> {
    if (this.state === 'running' || this.state === 'exited')
      await new Promise<void>((resolve) => this.#endWaiters.push(resolve));
    return this.exitCode;
  }

  /** For the client: an event that was pushed. */
  push(event: ProcessEvent): void {
    this.#tell(this.#output.push(event));
    if (this.#output.hasGap) void this.catchUp();
  }

  /** For the client: reads what was missed, after a resume or a gap. */
  async catchUp(): Promise<void> {
    if (this.#isFilling || this.state === 'closed' || this.state === 'abandoned') return;
    this.#isFilling = true;
    const { processId, client } = this;
    try {
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
    } catch {
      // The connection ended again: the next resume tries anew. Or the process was forgotten meanwhile: nothing more comes.
      if (this.client.status.phase === 'ready') this.abandon('the server has forgotten this process');
    } finally {
      this.#isFilling = false;
    }
  }

  /** For the client: the session is gone. */
  abandon(reason: string): void {
    if (this.state === 'closed' || this.state === 'abandoned') return;
    this.state = 'abandoned';
    this.listener.onAbandoned?.(reason);
    this.#ended();
  }

  /** @param lostBytes of the `lost` event among them, where the server tells. */
  #tell(events: readonly OrderedEvent[], lostBytes?: number): void {
    for (const event of events) {
      switch (event.kind) {
        case 'output': {
          const bytes = tryBase64Decode(event.base64) ?? new Uint8Array();
          this.#passedBytes += bytes.length;
          this.listener.onOutput?.({ seq: event.seq, stream: event.stream, bytes });
          break;
        }
        case 'lost':
          this.#passedBytes += lostBytes ?? 0;
          this.listener.onLost?.({ fromSeq: event.fromSeq, toSeq: event.toSeq, bytes: lostBytes });
          break;
        case 'exited':
          this.state = 'exited';
          this.exitCode = event.exitCode;
          this.listener.onExited?.(event.exitCode);
          break;
        case 'closed':
          this.state = 'closed';
          this.listener.onClosed?.();
          this.#ended();
      }
    }
  }

  #ended(): void {
    this.client.forget(this);
    for (const resolve of this.#endWaiters.splice(0)) resolve();
  }
}
