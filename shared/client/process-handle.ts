// One process as the harness sees it: input, ordered output, its end.

import { base64Encode, tryBase64Decode } from '../bytes.ts';
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

/** Called in the order of seq. All are optional; none may throw. */
export interface ProcessListener {
  onOutput?(output: OutputBytes): void;
  /** The server did not keep output from `fromSeq` to `toSeq` until we could read it. */
  onLost?(fromSeq: number, toSeq: number): void;
  onExited?(exitCode: number): void;
  onClosed?(): void;
  /** The session with this process is gone: nothing more will come. */
  onAbandoned?(reason: string): void;
}

export type ProcessState = 'running' | 'exited' | 'closed' | 'abandoned';

export class ProcessHandle {
  state: ProcessState = 'running';
  exitCode: number | undefined;
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
    if (this.state === 'running' || this.state === 'exited') await new Promise<void>((resolve) => this.#endWaiters.push(resolve));
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
    try {
      const read = await this.client.call(protocol.processRead, { processId: this.processId, afterSeq: this.#output.lastSeq });
      this.#tell(this.#output.fill(read));
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

  #tell(events: readonly OrderedEvent[]): void {
    for (const event of events) {
      switch (event.kind) {
        case 'output':
          this.listener.onOutput?.({
            seq: event.seq,
            stream: event.stream,
            bytes: tryBase64Decode(event.base64) ?? new Uint8Array(),
          });
          break;
        case 'lost':
          this.listener.onLost?.(event.fromSeq, event.toSeq);
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
