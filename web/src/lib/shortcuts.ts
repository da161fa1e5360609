// Keys as they are written (`Mod+Shift+E`, `G T`, `/`, `Enter`) and as they are pressed. Mod is Ctrl or Cmd.

/** What of a keyboard event is looked at. */
export type PressedKey = Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>;

/** Who has the focus, and so the first claim on a key. */
export type KeyFocus = 'terminal' | 'text' | 'page';

const typing = 'input:not([type=checkbox], [type=radio], [type=button]), textarea, select, [contenteditable=true]';

export function keyFocus(target: EventTarget | null): KeyFocus {
  if (!(target instanceof Element)) return 'page';
  if (target.closest('.screen')) return 'terminal';
  return target.closest(`${typing}, [role=menu], [role=listbox], [role=dialog]`) ? 'text' : 'page';
}

/** From command to command in a terminal, up and down: it leaves them unless a program fills its screen. */
export const jumpKeys = ['Mod+ArrowUp', 'Mod+ArrowDown'] as const;

/** A terminal leaves those with Mod+Shift and `jumpKeys`, a field or a menu all with Mod. */
export function isLeftBy(focus: KeyFocus, keys: string): boolean {
  if (focus === 'page') return true;
  if (focus === 'text') return keys.startsWith('Mod+');
  return keys.startsWith('Mod+Shift+') || jumpKeys.some((jump) => jump === keys);
}

/** `J`, `/`, `Enter`; undefined with Ctrl, Cmd or Alt, and for those keys themselves. */
export function plainKey({ key, ctrlKey, metaKey, altKey }: PressedKey): string | undefined {
  if (ctrlKey || metaKey || altKey || key === 'Shift') return undefined;
  return key.length === 1 ? key.toUpperCase() : key;
}

/** Not for sequences. */
export function isPressed(keys: string, event: PressedKey): boolean {
  const combination = /^Mod\+(Shift\+)?(.+)$/.exec(keys);
  if (!combination) return plainKey(event) === keys;
  const [, shift, key = ''] = combination;
  const isMod = (event.ctrlKey || event.metaKey) && !event.altKey;
  // The place of the key, whatever the layout: with Shift another character stands there.
  return isMod && event.shiftKey === (shift !== undefined) && event.code === codeOf(key);
}

function codeOf(key: string): string {
  if (/^[A-Z]$/.test(key)) return `Key${key}`;
  return { '.': 'Period', ',': 'Comma', '/': 'Slash', '[': 'BracketLeft', ']': 'BracketRight' }[key] ?? key;
}

const isApple = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.userAgent);

/** The keys one by one, as they are called on this machine. */
export function keyCaps(keys: string): readonly string[] {
  const names: Readonly<Record<string, string>> = { Mod: isApple ? '⌘' : 'Ctrl', ArrowUp: '↑', ArrowDown: '↓' };
  return keys.split(/[+ ]/).map((key) => names[key] ?? key);
}
