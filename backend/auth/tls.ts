// The certificate of https:// and wss://, read anew when its files change: connections that are open keep the former one.

import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { errorText } from '../../shared/errors.ts';
import { UsageError, type AccessConfig } from '../config.ts';

/** How long a changed file may stay unnoticed, ms. */
const lookEveryMs = 1000;

export class TlsFiles {
  /** What is in force: both files fit each other. */
  options: SecureContextOptions;

  private constructor(
    private readonly certPath: string,
    private readonly keyPath: string,
  ) {
    this.options = this.#read();
  }

  /** @returns undefined when TLS is not asked for. @throws UsageError */
  static from({ tlsCert, tlsKey }: AccessConfig): TlsFiles | undefined {
    if (tlsCert === '' && tlsKey === '') return undefined;
    if (tlsCert === '' || tlsKey === '') throw new UsageError('--tls-cert and --tls-key need each other');
    return new TlsFiles(tlsCert, tlsKey);
  }

  /**
   * @param onChange called with new files that fit each other.
   * @param onProblem told why changed files were not taken, e.g. while only one of them has been replaced.
   * @returns stops watching.
   */
  watch(onChange: (options: SecureContextOptions) => void, onProblem: (problem: string) => void): () => void {
    const paths = [this.certPath, this.keyPath];
    const reload = () => {
      try {
        this.options = this.#read();
        onChange(this.options);
      } catch (error) {
        onProblem(errorText(error));
      }
    };
    for (const path of paths) watchFile(path, { interval: lookEveryMs, persistent: false }, reload);
    return () => {
      for (const path of paths) unwatchFile(path, reload);
    };
  }

  #read(): SecureContextOptions {
    const options = { cert: readPem('--tls-cert', this.certPath), key: readPem('--tls-key', this.keyPath) };
    try {
      createSecureContext(options);
    } catch (error) {
      throw new UsageError(`--tls-cert and --tls-key cannot be used together: ${errorText(error)}`);
    }
    return options;
  }
}

function readPem(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${flag}: ${errorText(error)}`);
  }
}
