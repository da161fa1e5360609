// Waits of a case: for a condition, until a deadline, ended early when the case ends. What may change the condition says so.

import { Mismatch } from './mismatch.ts';

export class Waiting {
  readonly #checks = new Set<() => void>();
  #stopped: Error | undefined;

  /** Everything that waits looks again. */
  changed(): void {
    for (const check of [...this.#checks]) check();
  }

  /** Ends all waits, now and later, with this error. */
  stop(error: Error): void {
    this.#stopped ??= error;
    this.changed();
  }

  /**
   * The first value of `find` that is not undefined.
   * @param hopeless a reason why it cannot come any more
   * @throws Mismatch after `withinMs`, or at once when it is hopeless
   */
  until<T>(what: string, withinMs: number, find: () => T | undefined, hopeless?: () => string | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        this.#checks.delete(check);
      };
      const fail = (error: Error) => {
        settle();
        reject(error);
      };
      const check = () => {
        if (this.#stopped) return fail(this.#stopped);
        try {
          const value = find();
          if (value !== undefined) {
            settle();
            return resolve(value);
          }
          const reason = hopeless?.();
          if (reason !== undefined) fail(new Mismatch(what, reason));
        } catch (error) {
          // `find` may itself judge what came.
          fail(error instanceof Error ? error : new Error(String(error)));
        }
      };
      const timer = setTimeout(() => fail(new Mismatch(what, `nothing of the kind within ${withinMs} ms`)), withinMs);
      this.#checks.add(check);
      check();
    });
  }
}
