// A file with a secret that may be changed while the server runs: read at start, looked at again each second, whatever way
// it is replaced (written, renamed, a link moved).

import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { UsageError } from '../config.ts';
import { errorText } from '../../shared/errors.ts';

/** How long a changed file may stay unnoticed, ms. */
const lookEveryMs = 1000;

export class SecretFile {
  readonly #onStat = () => this.#reload();

  /**
   * @param read called with the trimmed content, now and after each change. What it throws keeps the former secret in force.
   * @param onProblem told why a changed file was not taken.
   * @throws UsageError when the file cannot be read or `read` refuses what it holds.
   */
  constructor(
    private readonly path: string,
    private readonly read: (content: string) => void,
    private readonly onProblem: (problem: string) => void,
  ) {
    try {
      read(this.#content());
    } catch (error) {
      throw error instanceof UsageError ? error : new UsageError(errorText(error));
    }
    watchFile(path, { interval: lookEveryMs, persistent: false }, this.#onStat);
  }

  close(): void {
    unwatchFile(this.path, this.#onStat);
  }

  #reload(): void {
    try {
      this.read(this.#content());
    } catch (error) {
      this.onProblem(errorText(error));
    }
  }

  /** @throws UsageError */
  #content(): string {
    let content: string;
    try {
      content = readFileSync(this.path, 'utf8').trim();
    } catch (error) {
      throw new UsageError(`failed to read websocket auth secret ${this.path}: ${errorText(error)}`);
    }
    if (content === '') throw new UsageError(`websocket auth secret ${this.path} must not be empty`);
    return content;
  }
}
