// A row as it stands in the page's address. Numbers alone would not do: a reload begins a new recording, and a file that was
// saved from a filtered list is numbered anew. So the link says when the row was recorded and what it holds, too.

import { utf8Encode } from '../../../../shared/bytes.ts';
import type { WireEntry } from '../../../../shared/recording/entry.ts';
import { redactEntry } from '../../../../shared/recording/redact.ts';
import type { RowStore } from './row-store.ts';
import type { Row } from './row.ts';

export interface RowLink {
  readonly number: number;
  /** Since 1970, ms. */
  readonly recordedAtMs: number;
  /** Of what it holds, without secrets: files have none. */
  readonly digest: string;
}

interface Recorded {
  /** Since 1970, ms: what `atMs` of the entries counts from. */
  readonly startedAtMs: number;
  readonly store: RowStore;
}

/** "57.mi9k2x0a.1f2e3d": all but the number in base 36. */
export function rowLinkText({ number, entry }: Row, startedAtMs: number): string {
  return `${number}.${Math.round(startedAtMs + entry.atMs).toString(36)}.${digestOf(entry)}`;
}

/** @returns undefined for what is no such link: anybody may have written it. */
export function parseRowLink(text: string): RowLink | undefined {
  const [, number = '', time = '', digest = ''] = /^(\d{1,15})\.([0-9a-z]{1,10})\.([0-9a-z]{1,8})$/.exec(text) ?? [];
  return digest === '' ? undefined : { number: Number(number), recordedAtMs: Number.parseInt(time, 36), digest };
}

/** Times are rounded on the way through a file, ms. */
const toleranceMs = 1;

/** The row itself; of several alike in the same millisecond, the one whose number is nearest. */
export function findRow({ number, recordedAtMs, digest }: RowLink, { startedAtMs, store }: Recorded): Row | undefined {
  const isIt = ({ entry }: Row) =>
    Math.abs(startedAtMs + entry.atMs - recordedAtMs) <= toleranceMs && digestOf(entry) === digest;
  const sameNumber = store.row(number);
  if (sameNumber && isIt(sameNumber)) return sameNumber;
  let found: Row | undefined;
  for (let at = store.firstNumber; at < store.nextNumber; at++) {
    const row = store.row(at);
    if (!row || !isIt(row)) continue;
    if (!found || Math.abs(row.number - number) < Math.abs(found.number - number)) found = row;
  }
  return found;
}

/** Bytes that are looked at: it is to tell rows of one millisecond apart. */
const digestBytes = 4096;

/** FNV-1a, 32 bits. */
function digestOf(entry: WireEntry): string {
  const masked = redactEntry(entry);
  const dir = masked.kind === 'event' ? masked.event : masked.dir;
  const bytes =
    masked.kind === 'frame'
      ? masked.bytes
      : utf8Encode((masked.kind === 'message' ? masked.text : masked.detail).slice(0, digestBytes));
  let hash = 0x811c9dc5;
  const add = (byte: number) => (hash = Math.imul(hash ^ byte, 0x01000193));
  for (const byte of utf8Encode(dir)) add(byte);
  for (const byte of bytes.subarray(0, digestBytes)) add(byte);
  return (hash >>> 0).toString(36);
}
