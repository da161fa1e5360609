// Reads a recording of a terminal: asciicast v2 (times since the start) and v3 (times since the event before), as asciinema
// writes them (docs.asciinema.org/manual/asciicast). Files come from anywhere: what does not fit is refused, by its line. Pure.

import * as z from 'zod';
import type { TerminalSize } from './launch.ts';

export interface CastEvent {
  /** Since the start, ms; never before the event before it. */
  readonly atMs: number;
  /** Output, another size of the terminal, the exit code. What was typed and marks are left out. */
  readonly code: 'o' | 'r' | 'x';
  readonly text: string;
}

export interface Cast {
  readonly size: TerminalSize;
  readonly title: string | undefined;
  readonly events: readonly CastEvent[];
  readonly durationMs: number;
}

/** Characters: it is held in memory. */
export const maxCastLength = 64 * 1024 * 1024;

const cells = z.number().int().min(1).max(1000);
const sizeSchema = z.object({ cols: cells, rows: cells });
const common = { title: z.string().max(1000).optional(), idle_time_limit: z.number().positive().optional() };
const headerSchema = z.discriminatedUnion('version', [
  z.object({ version: z.literal(2), width: cells, height: cells, ...common }),
  z.object({ version: z.literal(3), term: sizeSchema, ...common }),
]);
/** Seconds. A year is no recording. */
const eventSchema = z.tuple([z.number().min(0).max(31_536_000), z.string(), z.string()]);

/** @throws Error that says what is wrong, and in which line */
export function parseCast(text: string): Cast {
  if (text.length > maxCastLength) {
    throw new Error(`it has ${text.length} characters, more than the ${maxCastLength} that can be played`);
  }
  const lines = text.split('\n');
  const header = checked(headerSchema, lines[0] ?? '', 1);
  const limitMs = (header.idle_time_limit ?? Infinity) * 1000;
  const events: CastEvent[] = [];
  let atMs = 0;
  /** As the file has it, before long pauses are cut to `idle_time_limit`. */
  let fileMs = 0;
  for (let index = 1; index < lines.length; index++) {
    const line = lines[index]?.trim() ?? '';
    // Asciicast v3 has comments.
    if (line === '' || line.startsWith('#')) continue;
    const [seconds, code, data] = checked(eventSchema, line, index + 1);
    const pauseMs = header.version === 3 ? seconds * 1000 : seconds * 1000 - fileMs;
    fileMs += Math.max(0, pauseMs);
    atMs += Math.min(Math.max(0, pauseMs), limitMs);
    if (code === 'r' && parseSize(data) === undefined) {
      throw new Error(`line ${index + 1}: a size is COLSxROWS, from 1 to 1000 each, not ${data.slice(0, 40)}`);
    }
    if (code === 'o' || code === 'r' || code === 'x') events.push({ atMs, code, text: data });
  }
  const size = header.version === 3 ? header.term : { cols: header.width, rows: header.height };
  return { size, title: header.title, events, durationMs: atMs };
}

/** Of an event `r`. */
export function parseSize(text: string): TerminalSize | undefined {
  const [, cols, rows] = /^(\d{1,4})x(\d{1,4})$/.exec(text) ?? [];
  return sizeSchema.safeParse({ cols: Number(cols), rows: Number(rows) }).data;
}

function checked<T extends z.ZodType>(schema: T, line: string, number: number): z.output<T> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new Error(number === 1 ? 'it is no asciicast: its first line is no JSON' : `line ${number} is no JSON`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = issue && issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
  const what =
    number === 1 ? 'it is no asciicast of version 2 or 3' : `line ${number} is no event [seconds, code, text]`;
  throw new Error(`${what} (${place}${issue?.message ?? ''})`);
}
