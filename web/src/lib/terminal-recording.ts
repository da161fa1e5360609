// What a terminal showed and when, the last of it, for export as asciicast v3: a header, then a line per event with the
// seconds since the one before it (docs.asciinema.org/manual/asciicast/v3).

import type { TerminalSize } from './launch.ts';

interface OutputEvent {
  readonly atMs: number;
  readonly bytes: Uint8Array;
}

interface OtherEvent {
  readonly atMs: number;
  readonly code: 'r' | 'x';
  readonly text: string;
}

type CastEvent = OutputEvent | OtherEvent;

export interface CastHeader {
  /** The last one: sizes before it are told by events. */
  readonly size: TerminalSize;
  readonly title: string;
  /** Since 1970, ms. */
  readonly startedAtMs: number;
}

/** Most that is kept, for each process: bytes of output, and events. */
const maxBytes = 4 * 1024 * 1024;
const maxEvents = 50_000;

export class TerminalRecording {
  readonly #isRaw: boolean;
  #events: CastEvent[] = [];
  /** The first event that is still kept. */
  #head = 0;
  #bytes = 0;
  #droppedBytes = 0;

  /** @param isRaw false: lines end by a line feed alone, as pipes have them */
  constructor({ isRaw }: { readonly isRaw: boolean }) {
    this.#isRaw = isRaw;
  }

  /** Keeps `bytes`: they must not change. */
  output(bytes: Uint8Array, atMs: number): void {
    this.#bytes += bytes.length;
    this.#add({ atMs, bytes });
  }

  resize({ cols, rows }: TerminalSize, atMs: number): void {
    this.#add({ atMs, code: 'r', text: `${cols}x${rows}` });
  }

  exit(exitCode: number | undefined, atMs: number): void {
    this.#add({ atMs, code: 'x', text: String(exitCode ?? '') });
  }

  clear(): void {
    this.#events = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#droppedBytes = 0;
  }

  asciicast({ size, title, startedAtMs }: CastHeader): string {
    const kept = this.#events.slice(this.#head);
    const first = kept.find((event) => 'code' in event && event.code === 'r');
    const [, cols = size.cols, rows = size.rows] =
      first && 'code' in first ? (/^(\d+)x(\d+)$/.exec(first.text)?.map(Number) ?? []) : [];
    const header = {
      version: 3,
      term: { cols, rows, type: 'xterm-256color' },
      timestamp: Math.floor(startedAtMs / 1000),
      title,
    };
    const lines = [JSON.stringify(header)];
    const decoder = new TextDecoder();
    let lastMs = kept[0]?.atMs ?? 0;
    const add = (atMs: number, code: string, text: string) => {
      lines.push(JSON.stringify([Number(((atMs - lastMs) / 1000).toFixed(3)), code, text]));
      lastMs = atMs;
    };
    if (this.#droppedBytes > 0) add(lastMs, 'm', `${this.#droppedBytes} bytes before this were not kept`);
    for (const event of kept) {
      if ('code' in event) {
        add(event.atMs, event.code, event.text);
        continue;
      }
      // A character that is cut between two chunks goes with the second.
      const text = decoder.decode(event.bytes, { stream: true });
      if (text !== '') add(event.atMs, 'o', this.#isRaw ? text : text.replace(/\r?\n/g, '\r\n'));
    }
    return `${lines.join('\n')}\n`;
  }

  #add(event: CastEvent): void {
    this.#events.push(event);
    while (this.#bytes > maxBytes || this.#events.length - this.#head > maxEvents) {
      const oldest = this.#events[this.#head++];
      if (!oldest) break;
      if ('code' in oldest) continue;
      this.#bytes -= oldest.bytes.length;
      this.#droppedBytes += oldest.bytes.length;
    }
    // Taking each from the front would move all others each time.
    if (this.#head < 1024 || this.#head < this.#events.length / 2) return;
    this.#events = this.#events.slice(this.#head);
    this.#head = 0;
  }
}
