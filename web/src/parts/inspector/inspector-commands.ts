// The commands of the inspector: what the palette lists, the help shows and the keys do.

import type { Command } from '../../state/commands.svelte.ts';
import type { Way } from './inspector-address.svelte.ts';

export interface InspectorActions {
  /** Whether the inspector is seen. */
  readonly when: () => boolean;
  readonly isDetailOpen: () => boolean;
  readonly filter: () => void;
  /** By so many rows. */
  readonly step: (by: 1 | -1) => void;
  readonly follow: () => void;
  readonly toggle: () => void;
  readonly clear: () => void;
  readonly undo: () => void;
  readonly copy: () => void;
  readonly resend: () => void;
  readonly edit: () => void;
  readonly mark: () => void;
  readonly goToMark: (by: 1 | -1) => void;
  readonly anomalies: () => void;
  readonly open: () => void;
  /** That way of looking at the rows, or back to the list. */
  readonly show: (way: Way) => void;
  readonly close: () => void;
}

export function inspectorCommands(actions: InspectorActions): readonly Command[] {
  const { when, isDetailOpen, step, goToMark } = actions;
  const command = (id: string, title: string, keys: string, run: () => void): Command => {
    return { id: `inspector.${id}`, title, group: 'Inspector', when, run, ...(keys === '' ? {} : { keys }) };
  };
  return [
    command('filter', 'Filter', '/', actions.filter),
    { ...command('next', 'Next row', 'J', () => step(1)), otherKeys: ['ArrowDown'] },
    { ...command('previous', 'Previous row', 'K', () => step(-1)), otherKeys: ['ArrowUp'] },
    command('follow', 'Follow: go on with the newest rows', 'F', actions.follow),
    command('pause', 'Pause the list, or go on', 'P', actions.toggle),
    command('clear', 'Clear the list', 'X', actions.clear),
    command('undo', 'Bring back what was cleared', 'U', actions.undo),
    command('copy', 'Copy the message', 'C', actions.copy),
    command('resend', 'Send the message again', 'R', actions.resend),
    command('edit', 'Edit the message in the composer', 'E', actions.edit),
    command('mark', 'Mark the row', 'M', actions.mark),
    command('mark.next', 'Next mark, or difference', ']', () => goToMark(1)),
    command('mark.previous', 'Previous mark, or difference', '[', () => goToMark(-1)),
    command('anomalies', 'Anomalies', 'A', actions.anomalies),
    command('diagram', 'Sequence diagram, or the list', 'S', () => actions.show('diagram')),
    command('compare', 'Compare two conversations, or the list', 'D', () => actions.show('compare')),
    command('open', 'Open a recording…', '', actions.open),
    { ...command('close', 'Close the detail', 'Escape', actions.close), when: () => when() && isDetailOpen() },
  ];
}
