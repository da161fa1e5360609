// A process as a case sees it: what was notified about it, in wire order, and waits for its output and its end.

import { concatBytes, tryBase64Decode, utf8Decode } from '../bytes.ts';
import { processClosed, processExited, processOutput } from '../protocol/process.ts';
import { Mismatch, shown } from './mismatch.ts';
import type { Wire } from './wire.ts';

export type Stream = 'stdout' | 'stderr' | 'pty';

export type ProcessEvent =
  | { readonly kind: 'output'; readonly seq: number; readonly stream: Stream; readonly bytes: Uint8Array }
  | { readonly kind: 'exited'; readonly seq: number; readonly exitCode: number }
  | { readonly kind: 'closed'; readonly seq: number };

export interface ProcessEnd {
  readonly exitCode: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly pty: Uint8Array;
  /** In wire order. */
  readonly events: readonly ProcessEvent[];
}

export class CaseProcess {
  readonly #events: ProcessEvent[] = [];
  #looked = 0;

  constructor(
    /** Where notifications are looked for; another one after a resume. */
    readonly wire: Wire,
    readonly processId: string,
  ) {}

  /** What came about this process, in wire order. @throws Mismatch for a notification that is not as declared. */
  events(): readonly ProcessEvent[] {
    for (; this.#looked < this.wire.received.length; this.#looked++) {
      const event = this.#eventOf(this.wire.received[this.#looked]?.text ?? '');
      if (event) this.#events.push(event);
    }
    return this.#events;
  }

  /** Bytes of one stream (absent: of all) that have come, by seq. */
  output(stream?: Stream): Uint8Array {
    return bytesOf(this.events(), stream);
  }

  text(stream?: Stream): string {
    return utf8Decode(this.output(stream));
  }

  /** Waits until its output holds `part`. */
  async untilText(part: string, withinMs?: number): Promise<void> {
    await this.wire.until(
      `${JSON.stringify(part)} in the output of ${this.processId}`,
      () => this.text().includes(part) || undefined,
      withinMs,
    );
  }

  untilExited(withinMs?: number): Promise<number> {
    const find = () => this.events().find((event) => event.kind === 'exited')?.exitCode;
    return this.wire.until(`process/exited of ${this.processId}`, find, withinMs);
  }

  async untilClosed(withinMs?: number): Promise<ProcessEnd> {
    const find = () => {
      const events = this.events();
      const closed = events.find((event) => event.kind === 'closed');
      // Genuine servers send out of order now and then: the end is here when everything up to its seq is.
      return closed && events.filter(({ seq }) => seq <= closed.seq).length >= closed.seq ? events : undefined;
    };
    const events = await this.wire.until(`process/closed of ${this.processId} and every seq before it`, find, withinMs);
    return {
      exitCode: events.find((event) => event.kind === 'exited')?.exitCode ?? NaN,
      stdout: bytesOf(events, 'stdout'),
      stderr: bytesOf(events, 'stderr'),
      pty: bytesOf(events, 'pty'),
      events: [...events],
    };
  }

  #eventOf(text: string): ProcessEvent | undefined {
    if (!text.includes('process/')) return undefined;
    const message: unknown = JSON.parse(text);
    if (typeof message !== 'object' || message === null || !('method' in message) || !('params' in message)) return;
    const { method, params } = message;
    switch (method) {
      case processOutput.method: {
        const output = processOutput.params.safeParse(params);
        if (!output.success) throw new Mismatch('params of process/output as declared', shown(params));
        if (output.data.processId !== this.processId) return undefined;
        const bytes = tryBase64Decode(output.data.chunk);
        if (!bytes) throw new Mismatch('standard base64 in process/output', shown(output.data.chunk));
        return { kind: 'output', seq: output.data.seq, stream: output.data.stream, bytes };
      }
      case processExited.method: {
        const exited = processExited.params.safeParse(params);
        if (!exited.success) throw new Mismatch('params of process/exited as declared', shown(params));
        if (exited.data.processId !== this.processId) return undefined;
        return { kind: 'exited', seq: exited.data.seq, exitCode: exited.data.exitCode };
      }
      case processClosed.method: {
        const closed = processClosed.params.safeParse(params);
        if (!closed.success) throw new Mismatch('params of process/closed as declared', shown(params));
        if (closed.data.processId !== this.processId) return undefined;
        return { kind: 'closed', seq: closed.data.seq };
      }
      default:
        return undefined;
    }
  }
}

function bytesOf(events: readonly ProcessEvent[], stream: Stream | undefined): Uint8Array {
  const chunks = events.filter((event) => event.kind === 'output');
  const wanted = chunks.filter((chunk) => stream === undefined || chunk.stream === stream);
  return concatBytes(wanted.sort((a, b) => a.seq - b.seq).map(({ bytes }) => bytes));
}
