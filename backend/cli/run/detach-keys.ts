// The keys that leave a terminal without ending its process, as Docker writes them: `ctrl-p,ctrl-q`. Pure.

import { UsageError } from '../../config.ts';

/** @throws UsageError. Empty: no keys. */
export function parseDetachKeys(text: string): Uint8Array {
  if (text === '') return new Uint8Array();
  return Uint8Array.from(text.split(','), (key) => {
    const [, control] = /^ctrl-([a-z@[\\\]^_])$/.exec(key) ?? [];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    if (/^[\x21-\x7e]$/.test(key)) return key.charCodeAt(0);
    throw new UsageError(`--detach-keys: expected keys like ctrl-p,ctrl-q or x, got ${key}`);
  });
}

/** Looks for the keys in what is typed, also when they come one by one. */
export class DetachKeys {
  #matched = 0;

  constructor(private readonly keys: Uint8Array) {}

  /**
   * @returns what to pass on, and whether the keys are complete. A beginning of the keys is held back until it is known
   * whether the rest follows.
   */
  take(typed: Uint8Array): { readonly pass: Uint8Array; readonly isComplete: boolean } {
    const { keys } = this;
    if (keys.length === 0) return { pass: typed, isComplete: false };
    const pass: number[] = [];
    for (const byte of typed) {
      if (byte !== keys[this.#matched]) {
        pass.push(...keys.subarray(0, this.#matched));
        this.#matched = 0;
      }
      if (byte !== keys[this.#matched]) pass.push(byte);
      else if (++this.#matched === keys.length) return { pass: Uint8Array.from(pass), isComplete: true };
    }
    return { pass: Uint8Array.from(pass), isComplete: false };
  }
}
