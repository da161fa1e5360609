// What was said on the wire during one case: kept for the report of a failing one, bounded.

/** One message, or what happened to a connection. */
export interface TranscriptLine {
  /** Since the case began, ms. */
  readonly atMs: number;
  /** `A` is the first connection of the case. */
  readonly connection: string;
  readonly what: 'opened' | 'sent' | 'received' | 'closed';
  /** The message, cut when it is long; for `closed` code and reason. */
  readonly text: string;
}

const maxLines = 200;
const maxTextLength = 600;

export class Transcript {
  readonly #lines: TranscriptLine[] = [];
  readonly #startedAtMs = performance.now();
  #dropped = 0;
  #connections = 0;

  /** The name of the next connection: A … Z, A2 … */
  nextConnection(): string {
    const index = this.#connections++;
    const letter = String.fromCharCode(65 + (index % 26));
    return index < 26 ? letter : `${letter}${Math.floor(index / 26) + 1}`;
  }

  add(connection: string, what: TranscriptLine['what'], text: string): void {
    if (this.#lines.length >= maxLines) {
      this.#lines.shift();
      this.#dropped++;
    }
    const atMs = Math.round(performance.now() - this.#startedAtMs);
    const cut = text.length <= maxTextLength ? text : `${text.slice(0, maxTextLength)}… (${text.length} characters)`;
    this.#lines.push({ atMs, connection, what, text: cut });
  }

  lines(): readonly TranscriptLine[] {
    return [...this.#lines];
  }

  /** Lines left out at the beginning. */
  get dropped(): number {
    return this.#dropped;
  }
}

const arrows = { opened: '--', sent: '→', received: '←', closed: '--' } as const;

/** `  12 ms A → {"id":1,…}` */
export function transcriptText(lines: readonly TranscriptLine[]): string {
  return lines
    .map(({ atMs, connection, what, text }) => {
      const words = what === 'opened' || what === 'closed' ? `${what} ${text}` : text;
      return `${String(atMs).padStart(6)} ms ${connection} ${arrows[what]} ${words}`.trimEnd();
    })
    .join('\n');
}
