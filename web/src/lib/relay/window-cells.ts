// What `seq`, `ack` and `ack_bits` say of the segments around the edge of a stream's window, one cell each (docs/relay.md
// "Frames"). Pure.

import { serialAdd, serialDistance } from '../../../../shared/relay/ack-window.ts';
import type { DirectionPicture } from '../../../../shared/relay/live-picture.ts';

/**
 * `acked`: acknowledged without a gap. `early`: arrived, and waits for an earlier one. `missing`: later ones have arrived.
 * `underway`: sent, and nothing is known of it.
 */
export type CellState = 'acked' | 'early' | 'missing' | 'underway';

export interface Cell {
  readonly seq: number;
  readonly state: CellState;
}

export interface WindowCells {
  readonly cells: readonly Cell[];
  /** Segments underway beyond the cells. */
  readonly beyond: number;
}

/** Acknowledged ones that are shown before the edge, and what `ack_bits` tells of after it. */
const before = 8;
const after = 32;

/** Undefined: nothing was sent yet, or the receiver acknowledges nothing. */
export function windowCells({ seq, ack, ackBits }: DirectionPicture): WindowCells | undefined {
  if (seq === null || ack === null) return undefined;
  const ahead = Math.max(0, serialDistance(seq, ack));
  const has = (index: number) => ((ackBits >>> index) & 1) === 1;
  const newestBit = 31 - Math.clz32(ackBits);
  const cells: Cell[] = [];
  // A stream begins at 0: there is nothing before it.
  for (let step = Math.min(before - 1, ack); step >= 0; step--)
    cells.push({ seq: serialAdd(ack, -step), state: 'acked' });
  for (let index = 0; index < Math.min(ahead, after); index++) {
    const state = has(index) ? 'early' : index < newestBit ? 'missing' : 'underway';
    cells.push({ seq: serialAdd(ack, index + 1), state });
  }
  return { cells, beyond: Math.max(0, ahead - after) };
}

/** The same in words. */
export function windowText({ cells, beyond }: WindowCells): string {
  const count = (state: CellState) => cells.filter((cell) => cell.state === state).length;
  const underway = count('underway') + beyond;
  const parts = [
    `acknowledged up to ${cells.findLast(({ state }) => state === 'acked')?.seq ?? 0}`,
    ...(underway > 0 ? [`${underway} underway`] : []),
    ...(count('missing') > 0 ? [`${count('missing')} missing`] : []),
    ...(count('early') > 0 ? [`${count('early')} early`] : []),
  ];
  return parts.join(', ');
}
