// The page's keys, in one list: what is shown in the help is what is done. While a terminal has the focus only those with
// Ctrl/Cmd+Shift are the page's.

export type Command = 'new' | 'next' | 'previous' | 'close' | 'copy' | 'leave' | 'help';

interface Shortcut {
  /** As shown. */
  readonly keys: string;
  readonly what: string;
  readonly command: Command;
  /** `KeyboardEvent.code`: the place of the key, whatever the layout. */
  readonly codes: readonly string[];
}

export const shortcuts: readonly Shortcut[] = [
  { keys: '?', what: 'This list', command: 'help', codes: [] },
  { keys: 'Ctrl+Shift+E', what: 'New process', command: 'new', codes: ['KeyE'] },
  { keys: 'Ctrl+Shift+.', what: 'Next terminal', command: 'next', codes: ['Period'] },
  { keys: 'Ctrl+Shift+,', what: 'Previous terminal', command: 'previous', codes: ['Comma'] },
  { keys: 'Ctrl+Shift+X', what: 'Close the tab', command: 'close', codes: ['KeyX'] },
  { keys: 'Ctrl+Shift+C', what: 'Copy the selection of the terminal', command: 'copy', codes: ['KeyC'] },
  { keys: 'Ctrl+Shift+L', what: 'Leave the terminal, to its tab', command: 'leave', codes: ['KeyL', 'Escape'] },
];

/** The command of a key that is pressed with Ctrl/Cmd+Shift. */
export function commandOf(event: KeyboardEvent): Command | undefined {
  if (!(event.ctrlKey || event.metaKey) || !event.shiftKey || event.altKey) return undefined;
  return shortcuts.find(({ codes }) => codes.includes(event.code))?.command;
}
