// The progress of a copy, on one line of the terminal that stderr is; elsewhere nothing.

const shownAfterMs = 300;
const everyMs = 100;
const barWidth = 24;

export class Progress {
  #bytes = 0;
  #width = 0;
  #lastMs = 0;
  readonly #startedMs = performance.now();

  /** @param totalBytes undefined when it is not known. */
  constructor(private readonly totalBytes: number | undefined) {}

  add(bytes: number, name: string): void {
    this.#bytes += bytes;
    const nowMs = performance.now();
    if (!process.stderr.isTTY || nowMs - this.#startedMs < shownAfterMs || nowMs - this.#lastMs < everyMs) return;
    this.#lastMs = nowMs;
    const perSecond = (this.#bytes / (nowMs - this.#startedMs)) * 1000;
    const text = `${this.#bar()} ${sizeText(this.#bytes)}${this.#ofTotal()}  ${sizeText(perSecond)}/s  ${name}`;
    const line = text.slice(0, (process.stderr.columns || 80) - 1);
    process.stderr.write(`\r${line.padEnd(this.#width)}`);
    this.#width = line.length;
  }

  clear(): void {
    if (this.#width > 0) process.stderr.write(`\r${' '.repeat(this.#width)}\r`);
    this.#width = 0;
  }

  #bar(): string {
    if (this.totalBytes === undefined || this.totalBytes === 0) return '';
    const done = Math.min(1, this.#bytes / this.totalBytes);
    const filled = Math.round(done * barWidth);
    return `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${String(Math.floor(done * 100)).padStart(3)} %`;
  }

  #ofTotal(): string {
    return this.totalBytes === undefined ? '' : ` of ${sizeText(this.totalBytes)}`;
  }
}

export function sizeText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 ? Math.round(value) : value.toFixed(1)} ${units[power] ?? ''}`;
}
