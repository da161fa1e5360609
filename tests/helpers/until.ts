// Waits for a condition with a deadline. Tests wait for what they need to see, never for "long enough".
import { setTimeout as delay } from 'node:timers/promises';

export interface UntilOptions {
  /** Deadline in ms; default 5,000. Passing it throws an Error that names `what`. */
  readonly withinMs?: number;
  /** Interval between two looks in ms; default 10. */
  readonly everyMs?: number;
  /** What to add to the message when the deadline passed: the state as last seen. */
  readonly describe?: () => string;
}

/**
 * Looks again and again until `probe` gives something other than `undefined`, `null` or `false`, and returns that.
 * For state that has no event: /proc, files. For messages use the event-driven waits of WireClient.
 * @throws Error when the deadline passes first.
 */
export async function until<T>(
  what: string,
  probe: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  options: UntilOptions = {},
): Promise<T> {
  const { withinMs = 5_000, everyMs = 10, describe } = options;
  const startedAtMs = performance.now();
  for (;;) {
    const seen = await probe();
    if (seen !== undefined && seen !== null && seen !== false) return seen;
    if (performance.now() - startedAtMs > withinMs) {
      throw new Error(`waited ${String(withinMs)} ms for ${what}${describe ? `; last seen: ${describe()}` : ''}`);
    }
    await delay(everyMs);
  }
}

/**
 * The promise's value, or an Error that names `what` when it is not settled within `withinMs`.
 * The promise itself goes on; its late rejection is not reported.
 */
export async function within<T>(what: string, withinMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`waited ${String(withinMs)} ms for ${what}`));
    }, withinMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs `work` and tells how long it took, in ms. */
export async function timed<T>(work: () => Promise<T>): Promise<{ value: T; tookMs: number }> {
  const startedAtMs = performance.now();
  const value = await work();
  return { value, tookMs: performance.now() - startedAtMs };
}
