// How much of the wire is kept, and what an entry counts for.

import type { WireEntry } from '../../../../shared/recording/entry.ts';

export interface LogBounds {
  readonly maxRows: number;
  /** Sum of `entryBytes`. */
  readonly maxBytes: number;
}

/** Of what waits for the inspector, and once more of what it holds. */
export const logBounds: LogBounds = { maxRows: 100_000, maxBytes: 48 * 1024 * 1024 };

/** For the objects of an entry and its row, roughly. */
const overheadBytes = 400;

/** What an entry costs to keep, roughly, in bytes: texts of a protocol are ASCII, which takes a byte a character. */
export function entryBytes(entry: WireEntry): number {
  const content = entry.kind === 'message' ? entry.text : entry.kind === 'frame' ? entry.bytes : entry.detail;
  return overheadBytes + content.length;
}
