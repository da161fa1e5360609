// The file form of a recording: JSON lines, a header first, then one line per entry (docs/recordings.md). What is read was
// written by others, perhaps on purpose badly: every line is checked, and said by its number.

import * as z from 'zod';
import { base64Encode, tryBase64Decode } from '../bytes.ts';
import { LocalError } from '../errors.ts';
import type { WireEntry } from './entry.ts';

const version = 1;

/** Longest line that is read, in characters: a message of 48 MiB in base64, and its members. */
const maxLineLength = 72 * 1024 * 1024;

export interface RecordingHeader {
  /** When the recording began. */
  readonly startedAt: Date;
  /** For people: what was recorded. */
  readonly about?: string;
}

export interface Recording extends RecordingHeader {
  readonly entries: readonly WireEntry[];
}

const headerSchema = z.looseObject({
  recording: z.literal(version),
  startedAt: z.iso.datetime(),
  about: z.string().max(1000).optional(),
});

const common = { ms: z.number().min(0), conn: z.string().min(1).max(100) };
const dir = z.enum(['out', 'in']);
const lineSchema = z.union([
  z.object({ ...common, dir, text: z.string(), stream: z.string().max(128).optional() }),
  z.object({ ...common, dir, frame: z.base64() }),
  z.object({
    ...common,
    event: z.enum(['dialling', 'open', 'failed', 'closed']),
    detail: z.string().max(10_000),
    code: z.int().min(0).max(65_535).optional(),
  }),
]);

/** The first line, without its line end. */
export function headerLine({ startedAt, about }: RecordingHeader): string {
  return JSON.stringify({ recording: version, startedAt: startedAt.toISOString(), about });
}

/** One entry as a line, without its line end. Secrets are the caller's to take out first. */
export function entryLine(entry: WireEntry): string {
  const at = { ms: Math.round(entry.atMs * 1000) / 1000, conn: entry.connection };
  switch (entry.kind) {
    case 'message':
      return JSON.stringify({ ...at, dir: entry.dir, stream: entry.stream, text: entry.text });
    case 'frame':
      return JSON.stringify({ ...at, dir: entry.dir, frame: base64Encode(entry.bytes) });
    case 'event':
      return JSON.stringify({ ...at, event: entry.event, detail: entry.detail, code: entry.code });
  }
}

/** @throws LocalError `invalid-argument` that names the line. Empty lines are passed over. */
export function parseRecording(text: string): Recording {
  const { header, entries } = readRecording(text);
  return { ...header, entries: [...entries] };
}

/**
 * As `parseRecording`, an entry at a time: for those who have other work to do in between.
 * @throws LocalError as `parseRecording`: at once for the header, with the entry for the others.
 */
export function readRecording(text: string): {
  readonly header: RecordingHeader;
  /** The most that `entries` yields. */
  readonly maxCount: number;
  readonly entries: Generator<WireEntry, void>;
} {
  const lines = text.split('\n');
  const first = lines.findIndex((line) => line.trim() !== '');
  const header = headerSchema.safeParse(parseLine(lines[first] ?? '', first + 1));
  if (!header.success) {
    throw new LocalError(
      'invalid-argument',
      `not a recording: its first line must be {"recording":${version},"startedAt":…}`,
    );
  }
  const { startedAt, about } = header.data;
  return {
    header: { startedAt: new Date(startedAt), ...(about === undefined ? {} : { about }) },
    maxCount: lines.length - first - 1,
    entries: entriesOf(lines, first + 1),
  };
}

function* entriesOf(lines: readonly string[], from: number): Generator<WireEntry, void> {
  for (let index = from; index < lines.length; index++) {
    const line = lines[index] ?? '';
    if (line.trim() !== '') yield parseEntry(line, index + 1);
  }
}

function parseEntry(line: string, number: number): WireEntry {
  const parsed = lineSchema.safeParse(parseLine(line, number));
  if (!parsed.success) {
    throw new LocalError(
      'invalid-argument',
      `line ${number} of the recording is no message ("text"), frame ("frame") or event ("event") with "ms" and "conn"`,
    );
  }
  const { data } = parsed;
  const at = { atMs: data.ms, connection: data.conn };
  if ('text' in data) {
    const { dir, text, stream } = data;
    return { kind: 'message', ...at, dir, text, ...(stream === undefined ? {} : { stream }) };
  }
  if ('frame' in data) {
    return { kind: 'frame', ...at, dir: data.dir, bytes: new Uint8Array(tryBase64Decode(data.frame) ?? []) };
  }
  const { event, detail, code } = data;
  return { kind: 'event', ...at, event, detail, ...(code === undefined ? {} : { code }) };
}

function parseLine(line: string, number: number): unknown {
  if (line.length > maxLineLength) throw new LocalError('invalid-argument', `line ${number} is too long`);
  try {
    return JSON.parse(line);
  } catch {
    throw new LocalError('invalid-argument', `line ${number} of the recording is no JSON`);
  }
}
