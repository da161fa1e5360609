// One program on stdio as a case sees it that writes bytes: lines in pieces, without an end, without end; and its exit.

import { concatBytes, tryUtf8Decode, utf8Encode } from '../bytes.ts';
import type { CaseContext } from './context.ts';
import { isRecord } from './facts.ts';
import { Mismatch } from './mismatch.ts';
import type { ByteEnd, ByteLink } from './target.ts';

export class RawLines {
  /** Complete lines of its stdout. */
  readonly lines: string[] = [];
  end: ByteEnd | undefined;
  #rest: Uint8Array = new Uint8Array();
  #link: ByteLink | undefined;
  readonly #name: string;

  private constructor(private readonly t: CaseContext) {
    this.#name = t.transcript.nextConnection();
  }

  static async open(t: CaseContext): Promise<RawLines> {
    const { bytes } = t.target;
    if (!bytes) throw new Error('the bytes of a connection cannot be had here');
    const program = new RawLines(t);
    const link = await bytes({
      onBytes: (received) => program.#receive(received),
      onEnd: (end) => {
        program.end = end;
        t.transcript.add(program.#name, 'closed', `exit code ${end.exitCode ?? 'unknown'}`);
        t.parts.waiting.changed();
      },
    });
    program.#link = link;
    t.transcript.add(program.#name, 'opened', 'byte by byte');
    t.onEnd(() => link.close());
    return program;
  }

  send(bytes: string | Uint8Array): void {
    const sent = typeof bytes === 'string' ? utf8Encode(bytes) : bytes;
    this.t.transcript.add(this.#name, 'sent', tryUtf8Decode(sent.subarray(0, 400)) ?? `${sent.length} bytes`);
    this.#link?.send(sent);
  }

  /** What it has not read yet, in bytes. */
  get waitingBytes(): number {
    return this.#link?.waitingBytes ?? 0;
  }

  /** Ends its stdin. */
  finish(): void {
    this.#link?.finish();
  }

  /** The first line that is a message with this id. */
  answer(id: number): Promise<Record<string, unknown>> {
    const find = () => this.messages().find((message) => message['id'] === id);
    return this.t.parts.waiting.until(`an answer with id ${id}`, this.t.waitMs, find, () =>
      this.end ? 'the end of the program' : undefined,
    );
  }

  /** All lines. @throws Mismatch when one is no object. */
  messages(): readonly Record<string, unknown>[] {
    return this.lines.map((line) => {
      const message: unknown = JSON.parse(line);
      if (!isRecord(message)) throw new Mismatch('a message', line);
      return message;
    });
  }

  /** How the program has ended. */
  ended(): Promise<ByteEnd> {
    return this.t.parts.waiting.until('the end of the program', this.t.waitMs, () => this.end);
  }

  #receive(bytes: Uint8Array): void {
    this.#rest = concatBytes([this.#rest, bytes]);
    for (let at = this.#rest.indexOf(0x0a); at >= 0; at = this.#rest.indexOf(0x0a)) {
      const line = tryUtf8Decode(this.#rest.subarray(0, at)) ?? 'a line that is no UTF-8';
      this.#rest = this.#rest.subarray(at + 1);
      this.t.transcript.add(this.#name, 'received', line);
      this.lines.push(line);
    }
    this.t.parts.waiting.changed();
  }
}
