// The part of the page's address that says what is shown (lib/page-address.ts). What stands there can be sent to somebody,
// comes back after a reload, and follows the back button. Never a token: those are taken out at load.

import { untrack } from 'svelte';
import { changedQuery, parameterOf, withParametersOf, type QueryChanges } from '../lib/page-address.ts';

export class Address {
  #query = $state(location.search.slice(1));
  /** What the address was when a view was left, to find it again. By view. */
  readonly #left: Record<string, string> = {};

  constructor() {
    addEventListener('popstate', () => (this.#query = location.search.slice(1)));
  }

  get(name: string): string | undefined {
    return parameterOf(this.#query, name);
  }

  /**
   * Sets parameters; `undefined` or '' takes one out.
   * @param how `push`: the back button leads back from here. `replace` for what changes as one types.
   */
  set(changes: QueryChanges, how: 'push' | 'replace' = 'replace'): void {
    const query = untrack(() => this.#query);
    this.#go(changedQuery(query, changes), how);
  }

  /** Goes from one view to another: what the one had set goes, what the other had set comes back; `changes` on top. */
  goTo(view: string, leaving: string, changes: QueryChanges = {}): void {
    const query = untrack(() => this.#query);
    this.#left[leaving] = query;
    this.#go(changedQuery(withParametersOf(this.#left[view] ?? '', query), { ...changes, view }), 'push');
  }

  #go(query: string, how: 'push' | 'replace'): void {
    if (query === untrack(() => this.#query)) return;
    this.#query = query;
    const url = `${location.pathname}${query === '' ? '' : `?${query}`}${location.hash}`;
    // Browsers stop a page that changes its address too often, by an exception: the address is a convenience.
    try {
      if (how === 'push') history.pushState(null, '', url);
      else history.replaceState(null, '', url);
    } catch {
      // The next change tells it.
    }
  }
}
