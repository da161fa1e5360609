// All that can be done by name or key. Whoever can do something registers it here; the palette, the list of shortcuts and the
// keyboard itself read the same list, so that what is shown is what is done. In a view:
//
//   $effect(() => workbench.commands.register([{ id: 'inspector.clear', title: 'Clear the list', group: 'Inspector',
//     keys: 'X', when: () => workbench.view === 'inspector', run: () => log.clear() }]));

import { untrack } from 'svelte';
import { isLeftBy, isPressed, keyFocus, plainKey } from '../lib/shortcuts.ts';

export interface Command {
  readonly id: string;
  /** What it does, as a button would say it. */
  readonly title: string;
  /** Where it belongs: a heading in the palette and in the list of shortcuts. */
  readonly group: string;
  /** `Mod+Shift+E`, `G T` (one after the other), `/`, `J`, `Enter` (lib/shortcuts.ts). */
  readonly keys?: string;
  /** Further keys that do the same. */
  readonly otherKeys?: readonly string[];
  /** Whether it can be done now. Default: always. */
  readonly when?: () => boolean;
  readonly run: () => void;
}

/** How long a first key waits for its second, ms. */
const sequenceMs = 1500;

export class Commands {
  #lists = $state.raw<readonly (readonly Command[])[]>([]);
  /** The first key of a sequence, while the second is waited for. */
  pendingKey = $state<string | undefined>();
  #pendingTimer: ReturnType<typeof setTimeout> | undefined;

  /** @returns the end of it: right for `$effect`. */
  register(list: readonly Command[]): () => void {
    this.#lists = [...untrack(() => this.#lists), list];
    return () => (this.#lists = this.#lists.filter((other) => other !== list));
  }

  get all(): readonly Command[] {
    return this.#lists.flat();
  }

  /** Those that can be done now. */
  get possible(): readonly Command[] {
    return this.all.filter(({ when }) => when?.() ?? true);
  }

  /** For the window's `keydown`. Does what the key means; then nobody else gets it. */
  readonly onKey = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.isComposing || event.key === 'Shift') return;
    const first = this.pendingKey;
    this.#setPending(undefined);
    const focus = keyFocus(event.target);
    const key = plainKey(event);
    for (const command of this.possible) {
      for (const keys of [command.keys ?? '', ...(command.otherKeys ?? [])]) {
        if (keys === '' || !isLeftBy(focus, keys)) continue;
        const [start, then] = keys.split(' ');
        if (then === undefined ? isPressed(keys, event) : first === start && key === then) {
          event.preventDefault();
          command.run();
          return;
        }
        if (then !== undefined && key === start) this.#setPending(start);
      }
    }
  };

  #setPending(key: string | undefined): void {
    clearTimeout(this.#pendingTimer);
    this.pendingKey = key;
    if (key !== undefined) this.#pendingTimer = setTimeout(() => (this.pendingKey = undefined), sequenceMs);
  }
}

/** By their heading, in the order of the first of each. */
export function grouped(list: readonly Command[]): readonly (readonly [string, readonly Command[]])[] {
  const groups: Record<string, Command[]> = {};
  for (const command of list) (groups[command.group] ??= []).push(command);
  return Object.entries(groups);
}
