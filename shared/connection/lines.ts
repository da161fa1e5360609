// Newline framing for stdio: cuts arriving bytes into lines of UTF-8. Pure; backend/transports/stdio.ts feeds it.

import { concatBytes, tryUtf8Decode } from '../bytes.ts';

/** What `LineSplitter.push` found. */
export type LineEvent =
  | { readonly kind: 'line'; readonly text: string }
  /** The stream cannot go on: a line is no UTF-8, or longer than the limit. */
  | { readonly kind: 'fatal'; readonly reason: string };

const newline = 0x0a;
const carriageReturn = 0x0d;

/**
 * Lines end with LF or CR LF; lines of white space are skipped; the last line counts without an LF
 * (docs/protocol.md, "stdio"). Holds at most `maxLineBytes` of an unfinished line.
 */
export class LineSplitter {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(private readonly maxLineBytes: number) {}

  /** `chunk` is kept until its line is complete, so it must not change afterwards. */
  push(chunk: Uint8Array): LineEvent[] {
    const events: LineEvent[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      this.#keep(chunk.subarray(start, end));
      start = end + 1;
      const event = this.#take();
      if (event) events.push(event);
      if (event?.kind === 'fatal') return events;
    }
    this.#keep(chunk.subarray(start));
    if (this.#bytes > this.maxLineBytes) events.push(this.#tooLong());
    return events;
  }

  /** The rest at the end of the input. */
  end(): LineEvent | undefined {
    return this.#take();
  }

  #keep(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#parts.push(part);
    this.#bytes += part.length;
  }

  #take(): LineEvent | undefined {
    if (this.#bytes > this.maxLineBytes) return this.#tooLong();
    const first = this.#parts[0];
    if (!first) return undefined;
    let line = this.#parts.length === 1 ? first : concatBytes(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    if (line.at(-1) === carriageReturn) line = line.subarray(0, -1);
    const text = tryUtf8Decode(line);
    if (text === undefined) return { kind: 'fatal', reason: 'input line is not UTF-8' };
    return text.trim() === '' ? undefined : { kind: 'line', text };
  }

  #tooLong(): LineEvent {
    this.#parts = [];
    this.#bytes = 0;
    return { kind: 'fatal', reason: `input line is longer than ${this.maxLineBytes} bytes` };
  }
}
