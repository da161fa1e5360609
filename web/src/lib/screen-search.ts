// Finds text in a terminal screen and marks what it finds. Loaded on demand.

import { SearchAddon } from '@xterm/addon-search';
import type { Terminal } from '@xterm/xterm';

export interface SearchOptions {
  readonly isCaseSensitive: boolean;
  readonly isRegex: boolean;
  /** Upwards, to what was written before. */
  readonly isBackward: boolean;
  /** From the end, whatever is selected: the text is still being typed. */
  readonly isFresh: boolean;
}

export interface Found {
  /** From 0; -1 when there are more than are marked. */
  readonly index: number;
  /** At most `maxMarked`. */
  readonly count: number;
}

/** More are found, but not marked and counted. */
export const maxMarked = 1000;

/** xterm takes them as #RRGGBB only. */
const colours = {
  light: { match: '#ffe08a', active: '#f0a830' },
  dark: { match: '#4d3f12', active: '#8a5c00' },
};

export class ScreenSearch {
  isDark = false;
  onFound: (found: Found) => void = () => undefined;
  readonly #addon = new SearchAddon({ highlightLimit: maxMarked });

  constructor(private readonly terminal: Terminal) {
    terminal.loadAddon(this.#addon);
    this.#addon.onDidChangeResults(({ resultIndex, resultCount }) => {
      this.onFound({ index: resultIndex, count: resultCount });
    });
  }

  /** The next one, from what is selected on. @returns false when there is none. @throws SyntaxError for a bad expression. */
  find(text: string, { isCaseSensitive, isRegex, isBackward, isFresh }: SearchOptions): boolean {
    if (isRegex) new RegExp(text);
    if (isFresh) this.terminal.clearSelection();
    const { match, active } = this.isDark ? colours.dark : colours.light;
    const options = {
      caseSensitive: isCaseSensitive,
      regex: isRegex,
      decorations: {
        matchBackground: match,
        matchOverviewRuler: match,
        activeMatchBackground: active,
        activeMatchColorOverviewRuler: active,
      },
    };
    return isBackward ? this.#addon.findPrevious(text, options) : this.#addon.findNext(text, options);
  }

  /** Nothing is marked any more. */
  clear(): void {
    this.#addon.clearDecorations();
  }
}
