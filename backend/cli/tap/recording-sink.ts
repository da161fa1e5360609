// Where `tap` keeps its recording: lines to a file or to stdout. A sink that is behind says so, and the links wait for it.

import { closeSync, openSync } from 'node:fs';
import type { WireEntry } from '../../../shared/recording/entry.ts';
import { entryLine, headerLine } from '../../../shared/recording/jsonl.ts';
import { redactEntry } from '../../../shared/recording/redact.ts';
import { errorText } from '../../../shared/errors.ts';
import { UsageError } from '../../config.ts';
import { OutputFile, type OutputBroken } from '../output-file.ts';

export interface SinkEvents {
  onBehind(): void;
  onRoom(): void;
  onBroken(error: OutputBroken): void;
}

export interface SinkOptions {
  /** Undefined: stdout. */
  readonly file: string | undefined;
  /** For people. */
  readonly about: string;
  readonly redacts: boolean;
}

export class RecordingSink {
  readonly #startedMs = performance.now();
  readonly #fd: number;
  readonly #output: OutputFile;

  /** @throws UsageError when the file cannot be made. What it holds may be confidential: only its owner may read it. */
  constructor(
    private readonly options: SinkOptions,
    private readonly events: SinkEvents,
  ) {
    const { file, about } = options;
    try {
      this.#fd = file === undefined ? 1 : openSync(file, 'w', 0o600);
    } catch (error) {
      throw new UsageError(`--output: ${errorText(error)}`);
    }
    this.#output = new OutputFile(this.#fd, events);
    this.#output.write(`${headerLine({ startedAt: new Date(), about })}\n`);
  }

  /** Since the recording began, ms. */
  nowMs(): number {
    return performance.now() - this.#startedMs;
  }

  add(entry: WireEntry): void {
    const kept = this.options.redacts ? redactEntry(entry) : entry;
    if (!this.#output.write(`${entryLine(kept)}\n`)) this.events.onBehind();
  }

  async close(): Promise<void> {
    await this.#output.drained();
    if (this.options.file !== undefined) closeSync(this.#fd);
  }
}
