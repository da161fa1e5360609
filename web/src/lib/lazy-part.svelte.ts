// The parts of the page that are fetched when they are wanted: views, menus, dialogs, the terminal. A part that does not come,
// because the server is away for a moment, is fetched again until it does: whoever waits for it goes on waiting, nothing is
// rejected. What is small is fetched ahead, once the page is connected and the browser has nothing better to do.
//
//   const processMenu = lazyPart(() => import('./ProcessMenu.svelte'));
//   {#await processMenu() then { default: ProcessMenu }}<ProcessMenu … />{/await}

import { errorText } from '../../../shared/errors.ts';

/** Asks for the part, as often as one likes. Resolves when it has come. */
export type LazyPart<T> = () => Promise<T>;

export interface LoadingProblem {
  /** `updated`: the server has another build of the page, which has other files. */
  readonly kind: 'away' | 'updated' | 'broken';
  /** A sentence without its full stop. */
  readonly text: string;
}

/** Between two attempts, ms: the first of these, then twice as long each time, up to the second. */
const retryMs = { first: 1000, last: 15_000 };
/** The page comes to rest first, ms. */
const restMs = 1000;
/** A browser that is always busy fetches ahead nevertheless, ms each. */
const idleTimeoutMs = 2000;
/** The question why something did not come, ms. */
const askTimeoutMs = 5000;

class LazyParts {
  /** Why what is wanted has not come. Undefined while nothing is wanted that does not come. */
  problem = $state.raw<LoadingProblem | undefined>();
  /** Wake those that wait for their next attempt. */
  readonly #waiting = new Set<() => void>();
  #wantedCount = 0;
  /** To be fetched ahead. */
  #ahead: (() => Promise<unknown>)[] = [];
  #isFetchingAhead = false;
  #mayFetchAhead = false;

  constructor() {
    // Vite skips a style sheet that the page has a link to, although it may never have come.
    const forget = ({ target }: Event) =>
      target instanceof HTMLLinkElement && target.rel === 'stylesheet' && target.remove();
    addEventListener('error', forget, { capture: true });
  }

  /** Resolves when it has come, however many attempts that takes. */
  async fetch<T>(load: () => Promise<T>): Promise<T> {
    this.#wantedCount++;
    for (let delayMs = retryMs.first; ; delayMs = Math.min(2 * delayMs, retryMs.last)) {
      try {
        const part = await load();
        if (--this.#wantedCount === 0) this.problem = undefined;
        return part;
      } catch (error) {
        this.problem = await whyNot(error);
        await this.#nextAttempt(delayMs);
      }
    }
  }

  /** What has not come is fetched again now: the user asks for it, or the server is there again. */
  tryAgain(): void {
    for (const wake of this.#waiting) wake();
  }

  /** The page is connected: what did not come is fetched again, what is small is fetched ahead. */
  serverIsThere(): void {
    this.tryAgain();
    this.#mayFetchAhead = true;
    void this.#fetchAhead();
  }

  /** Fetches it when there is time. */
  ahead(load: () => Promise<unknown>): void {
    this.#ahead.push(load);
    void this.#fetchAhead();
  }

  /** One after the other. What does not come waits for the next connection. */
  async #fetchAhead(): Promise<void> {
    if (this.#isFetchingAhead || !this.#mayFetchAhead) return;
    this.#isFetchingAhead = true;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, restMs - performance.now())));
    for (let load = this.#ahead[0]; load && this.#mayFetchAhead; load = this.#ahead[0]) {
      await untilIdle();
      try {
        await load();
        this.#ahead.shift();
      } catch {
        this.#mayFetchAhead = false;
      }
    }
    this.#isFetchingAhead = false;
  }

  #nextAttempt(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, delayMs);
      this.#waiting.add(wake);
    });
  }
}

export const lazyParts = new LazyParts();

/** @param isLarge not fetched ahead */
export function lazyPart<T>(load: () => Promise<T>, { isLarge = false } = {}): LazyPart<T> {
  let part: Promise<T> | undefined;
  if (!isLarge) lazyParts.ahead(load);
  return () => (part ??= lazyParts.fetch(load));
}

/** Asks the server for the file that this page began with: a new build has another, since its name is made of its content. */
async function whyNot(error: unknown): Promise<LoadingProblem> {
  const entry = document.querySelector('script[type=module]')?.getAttribute('src') ?? '';
  try {
    const signal = AbortSignal.timeout(askTimeoutMs);
    const { status } = await fetch(entry, { method: 'HEAD', cache: 'no-store', signal });
    if (status === 404) return { kind: 'updated', text: 'the server has another version of the workbench now' };
    return { kind: 'broken', text: errorText(error) };
  } catch {
    return { kind: 'away', text: 'the server does not answer' };
  }
}

function untilIdle(): Promise<void> {
  return new Promise((resolve) => {
    // Safari does not tell when it is idle.
    if ('requestIdleCallback' in window) requestIdleCallback(() => resolve(), { timeout: idleTimeoutMs });
    else setTimeout(resolve, 100);
  });
}
