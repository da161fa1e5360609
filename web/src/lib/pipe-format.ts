// Output of a piped process for a terminal screen: stderr stands apart from stdout by a heading, a bar and a tint, and what
// was typed is shown. Pure: bytes in, bytes out; what a line holds besides is the process's own.
//
//   stdout line
//   ╭ stderr
//   │ a line of stderr
//   › a line that was typed

import { concatBytes, utf8Encode } from '../../../shared/bytes.ts';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

const red = '\x1b[31m';
const blue = '\x1b[34m';
const plain = '\x1b[0m';
const stderrHeading = utf8Encode(`${red}╭ stderr${plain}\n`);
const stderrBar = utf8Encode(`${red}│ `);
const stderrEnd = utf8Encode(plain);
const newLine = utf8Encode('\n');

type Source = 'stdout' | 'stderr' | 'typed';

export class PipeFormatter {
  #source: Source = 'stdout';
  #isAtLineStart = true;

  /** Bytes of one stream as the screen takes them (with line feeds alone: the screen adds the carriage returns). */
  output(stream: 'stdout' | 'stderr', bytes: Uint8Array): Uint8Array {
    if (bytes.length === 0) return bytes;
    const parts = this.#switchTo(stream);
    if (stream === 'stdout') {
      parts.push(bytes);
      this.#isAtLineStart = bytes.at(-1) === lineFeed;
    } else {
      this.#addStderr(bytes, parts);
    }
    return parts.length === 1 ? (parts[0] ?? bytes) : concatBytes(parts);
  }

  /** A line that was sent to stdin: pipes echo nothing. */
  typed(text: string): Uint8Array {
    const parts = this.#switchTo('typed');
    parts.push(utf8Encode(`${blue}› ${text.replace(/\n$/, '').replaceAll('\n', '\n› ')}${plain}\n`));
    this.#isAtLineStart = true;
    return concatBytes(parts);
  }

  /** A line of another source never goes on where one stopped. */
  #switchTo(source: Source): Uint8Array[] {
    if (source === this.#source) return [];
    const parts: Uint8Array[] = [];
    if (this.#source === 'stderr') parts.push(stderrEnd);
    if (!this.#isAtLineStart) parts.push(newLine);
    if (source === 'stderr') parts.push(stderrHeading);
    this.#isAtLineStart = true;
    this.#source = source;
    return parts;
  }

  /** The bar stands at the start of each line, also of one that is drawn again after a carriage return. */
  #addStderr(bytes: Uint8Array, parts: Uint8Array[]): void {
    let start = 0;
    while (start < bytes.length) {
      if (this.#isAtLineStart) parts.push(stderrBar);
      const feed = bytes.indexOf(lineFeed, start);
      const end = feed === -1 ? bytes.length : feed + 1;
      this.#addRedrawn(bytes.subarray(start, end), parts);
      this.#isAtLineStart = feed !== -1;
      if (this.#isAtLineStart) parts.push(stderrEnd);
      start = end;
    }
  }

  #addRedrawn(line: Uint8Array, parts: Uint8Array[]): void {
    let start = 0;
    for (let at = line.indexOf(carriageReturn); at !== -1; at = line.indexOf(carriageReturn, start)) {
      parts.push(line.subarray(start, at + 1));
      start = at + 1;
      if (line[start] !== lineFeed) parts.push(stderrBar);
    }
    if (start < line.length) parts.push(line.subarray(start));
  }
}
