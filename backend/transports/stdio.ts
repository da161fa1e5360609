// A Connection over stdin and stdout: one message per line (docs/protocol.md, "stdio"). stdout carries the protocol only.

import type { Readable, Writable } from 'node:stream';
import {
  CloseCode,
  type CloseInfo,
  type Connection,
  type ConnectionHandler,
} from '../../shared/connection/connection.ts';
import { LineSplitter, type LineEvent } from '../../shared/connection/lines.ts';
import { errorText } from '../../shared/errors.ts';
import { limits } from '../../shared/limits.ts';

const newline = Buffer.from('\n');
/** After the end of input, what was asked before it has this long to be answered, ms. */
const inputEndMs = 5000;

export class StdioConnection implements Connection {
  readonly label = 'exec-server stdio';
  isClosed = false;
  #handler: ConnectionHandler | undefined;
  readonly #lines: LineSplitter;
  #resolveClosed: () => void = () => undefined;
  /** Resolves when the connection has ended, for whatever reason. */
  readonly whenClosed = new Promise<void>((resolve) => (this.#resolveClosed = resolve));

  constructor(
    private readonly input: Readable,
    private readonly output: Writable,
    maxMessageBytes: number,
  ) {
    this.#lines = new LineSplitter(maxMessageBytes);
  }

  get bufferedBytes(): number {
    return this.output.writableLength;
  }

  get isWritable(): boolean {
    return !this.isClosed && this.output.writableLength < limits.highWaterBytes;
  }

  open(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.input.on('data', (chunk: Buffer) => this.#take(this.#lines.push(chunk)));
    this.input.on('end', () => {
      const last = this.#lines.end();
      if (last) this.#take([last]);
      const end = () => this.#end({ code: CloseCode.normal, reason: 'end of input' });
      setTimeout(end, inputEndMs).unref();
      (handler.onInputEnd?.() ?? Promise.resolve()).then(end, end);
    });
    this.input.on('error', (error) => this.#end({ reason: errorText(error) }));
    this.output.on('drain', () => handler.onWritable());
    this.output.on('error', (error) => this.#end({ reason: errorText(error) }));
  }

  send(message: string | Uint8Array): boolean {
    if (this.isClosed) return false;
    this.output.cork();
    this.output.write(message);
    this.output.write(newline);
    process.nextTick(() => this.output.uncork());
    return this.output.writableLength < limits.highWaterBytes;
  }

  pause(): void {
    this.input.pause();
  }

  resume(): void {
    this.input.resume();
  }

  close(code: number = CloseCode.normal, reason = 'closed'): void {
    this.input.pause();
    this.#end({ code, reason });
  }

  #take(events: readonly LineEvent[]): void {
    for (const event of events) {
      if (this.isClosed) return;
      if (event.kind === 'line') this.#handler?.onMessage(event.text);
      else this.close(CloseCode.protocolError, event.reason);
    }
  }

  #end(close: CloseInfo): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#handler?.onClose(close);
    // What was answered within this turn is still on its way.
    if (this.output.writableLength === 0) this.#resolveClosed();
    else this.output.once('drain', this.#resolveClosed).once('error', this.#resolveClosed);
  }
}
