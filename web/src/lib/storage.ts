// What the browser keeps for us. Nothing that comes back is trusted: it is parsed like any input, and what does not fit is dropped.

import type * as z from 'zod';

/** Keys carry the product's name: other pages of the same origin may store things too. */
const prefix = 'exec-workbench.';

/** @returns undefined when nothing fit is stored, or the browser keeps nothing. */
export function readStored<T extends z.ZodType>(area: () => Storage, key: string, schema: T): z.output<T> | undefined {
  try {
    const text = area().getItem(prefix + key);
    return text === null ? undefined : schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Keeps nothing, silently, where the browser forbids it or has no room: it is a convenience. */
export function writeStored(area: () => Storage, key: string, value: unknown): void {
  try {
    if (value === undefined) area().removeItem(prefix + key);
    else area().setItem(prefix + key, JSON.stringify(value));
  } catch {
    // Private windows and full stores refuse.
  }
}

/** Calls back whenever another tab of this browser has written it. */
export function onStored(key: string, changed: () => void): void {
  addEventListener('storage', (event) => {
    if (event.key === prefix + key) changed();
  });
}

/** For this browser, until it is cleared. */
export const browserArea = (): Storage => localStorage;
/** For this tab: survives a reload, not the tab. */
export const tabArea = (): Storage => sessionStorage;
