// A scenario: what a harness does and what it expects, step by step, as JSON lines (docs/recordings.md "Scenarios"). The
// golden sessions of the tests are of this form. What is read was written by others: every line is checked and said by its
// number.

import * as z from 'zod';
import { tryBase64Decode } from '../bytes.ts';
import { LocalError } from '../errors.ts';
import type { Json, JsonObject } from './json.ts';
import { firstUnknown, variableName, type VariableDefault } from './variables.ts';

export interface SendStep {
  readonly dir: 'send';
  readonly line: number;
  readonly conn: string;
  /** Sent without waiting for what stands before it. */
  readonly pipelined: boolean;
  /** May be no JSON. Placeholders are replaced when it is sent. */
  readonly text: string;
  /** What `text` was written from; absent for a text that is sent as it is. */
  readonly msg?: Json;
}

export interface SendBytesStep {
  readonly dir: 'sendBytes';
  readonly line: number;
  readonly conn: string;
  readonly pipelined: boolean;
  readonly bytes: Uint8Array;
}

export interface RecvStep {
  readonly dir: 'recv';
  readonly line: number;
  readonly conn: string;
  readonly msg?: Json;
  /** What is expected of the plain HTTP request before it, instead of a message. */
  readonly http?: JsonObject;
  /** Paths of members that only have to be there, e.g. `result.sessionId`. */
  readonly loose: readonly string[];
  /** Paths of members and the other values that are right as well. */
  readonly alt: Readonly<Record<string, readonly Json[]>>;
  /** Variables that get their value from what came: path of the member by name. */
  readonly save?: Readonly<Record<string, string>>;
  /** May be missing. */
  readonly optional: boolean;
  /** A note: a defect of the server that was recorded. */
  readonly quirk: boolean;
}

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export type Step =
  | SendStep
  | SendBytesStep
  | RecvStep
  | { readonly dir: 'http'; readonly line: number; readonly request: HttpRequest }
  | { readonly dir: 'open' | 'close' | 'closed'; readonly line: number; readonly conn: string }
  | { readonly dir: 'sleep'; readonly line: number; readonly ms: number }
  | { readonly dir: 'eof'; readonly line: number }
  | { readonly dir: 'exit'; readonly line: number; readonly code: number };

export interface Scenario {
  readonly scenario: string;
  readonly about: string;
  /** `merge`: how output is cut into chunks is not compared. `exact`: it is. */
  readonly compare: 'exact' | 'merge';
  /** `ordered`: answers come in the order of the steps. `byId`: in any order. */
  readonly answers: 'ordered' | 'byId';
  readonly transport: 'websocket' | 'stdio' | 'http';
  /** A note: the whole shows a defect of the server that was recorded. */
  readonly quirk: boolean;
  /** Declared variables. Undefined: there are none, and `{{…}}` is content, as in a recording. */
  readonly variables?: ReadonlyMap<string, VariableDefault>;
  readonly steps: readonly Step[];
}

/** Connection `a` is open from the start. */
export const firstConnection = 'a';
const maxSleepMs = 600_000;

const json: z.ZodType<Json> = z.json();
const conn = z.string().min(1).max(100).default(firstConnection);
/** Present or absent; the value is a note. */
const present = z
  .unknown()
  .optional()
  .transform((value) => value !== undefined);

const variable = z.string().regex(variableName, 'a variable has a name of letters, digits and _');

const metaSchema = z.looseObject({
  dir: z.literal('meta'),
  scenario: z.string().default('scenario'),
  about: z.string().default(''),
  compare: z.enum(['exact', 'merge']).default('merge'),
  answers: z.enum(['ordered', 'byId']).default('ordered'),
  transport: z.enum(['websocket', 'stdio', 'http']).default('websocket'),
  quirk: present,
  vars: z.record(variable, z.union([z.string(), z.number(), z.boolean(), z.null()])).default({}),
});

const httpRequest = z.object({
  method: z.string(),
  path: z.string(),
  headers: z.record(z.string(), z.string()).default({}),
});
const stepSchema = z.discriminatedUnion('dir', [
  z.looseObject({
    dir: z.literal('send'),
    conn,
    pipelined: z.boolean().default(false),
    msg: json.optional(),
    raw: z.string().optional(),
    rawBase64: z.string().optional(),
    http: httpRequest.optional(),
  }),
  z.looseObject({
    dir: z.literal('recv'),
    conn,
    msg: json.optional(),
    raw: z.string().optional(),
    http: z.record(z.string(), json).optional(),
    loose: z.array(z.string()).default([]),
    alt: z.record(z.string(), z.array(json)).default({}),
    save: z.record(variable, z.string().min(1)).default({}),
    optional: present,
    quirk: present,
  }),
  z.looseObject({ dir: z.literal('open'), conn }),
  z.looseObject({ dir: z.literal('close'), conn }),
  z.looseObject({ dir: z.literal('closed'), conn }),
  z.looseObject({ dir: z.literal('sleep'), ms: z.number().min(0).max(maxSleepMs) }),
  z.looseObject({ dir: z.literal('eof') }),
  z.looseObject({ dir: z.literal('exit'), code: z.int() }),
]);

type Line = z.output<typeof stepSchema>;

/** @throws LocalError `invalid-argument` that names the line. Empty lines are passed over. */
export function parseScenario(text: string): Scenario {
  const lines = text.split('\n').map((line, index) => ({ line, number: index + 1 }));
  const [first, ...rest] = lines.filter(({ line }) => line.trim() !== '');
  const meta = first && metaSchema.safeParse(parseLine(first.line, first.number));
  if (!meta?.success) {
    const what = 'not a scenario: its first line must be the meta line {"dir":"meta","scenario":"NAME"}';
    throw new LocalError('invalid-argument', meta ? `${what}; ${firstIssue(meta.error)}` : what);
  }
  const { scenario, about, compare, answers, transport, quirk, vars } = meta.data;
  const variables = new Map(Object.entries(vars));
  const steps = rest.map(({ line, number }) => parseStep(line, number));
  const unknown = firstUnknown(steps, (name) => variables.has(name));
  if (unknown) {
    const { step, name } = unknown;
    const why = `${step.dir} uses the unknown variable {{${name}}}`;
    throw badLine(step.line, `${why}: declare it in "vars" of the first line, or "save" it in a recv before`);
  }
  return { scenario, about, compare, answers, transport, quirk, variables, steps };
}

/** Whether the text looks like a scenario rather than a recording; says nothing of its correctness. */
export function isScenarioText(text: string): boolean {
  return /^\s*\{[^\n]*"dir"\s*:\s*"meta"/.test(text);
}

function parseStep(line: string, number: number): Step {
  const parsed = stepSchema.safeParse(parseLine(line, number));
  if (!parsed.success) throw badLine(number, `unknown line: ${firstIssue(parsed.error)}`);
  const { data } = parsed;
  switch (data.dir) {
    case 'send':
      return sendStep(data, number);
    case 'recv':
      return recvStep(data, number);
    case 'open':
    case 'close':
    case 'closed':
      return { dir: data.dir, line: number, conn: data.conn };
    case 'sleep':
      return { dir: 'sleep', line: number, ms: data.ms };
    case 'eof':
      return { dir: 'eof', line: number };
    case 'exit':
      return { dir: 'exit', line: number, code: data.code };
  }
}

function sendStep({ conn, pipelined, msg, raw, rawBase64, http }: Line & { dir: 'send' }, line: number): Step {
  if (http) return { dir: 'http', line, request: http };
  if (rawBase64 !== undefined) {
    const bytes = tryBase64Decode(rawBase64);
    if (!bytes) throw badLine(line, 'rawBase64 is no base64');
    return { dir: 'sendBytes', line, conn, pipelined, bytes };
  }
  if (raw === undefined && msg === undefined) throw badLine(line, 'send needs "msg", "raw", "rawBase64" or "http"');
  if (raw !== undefined) return { dir: 'send', line, conn, pipelined, text: raw };
  return { dir: 'send', line, conn, pipelined, text: JSON.stringify(msg), msg: msg ?? null };
}

function recvStep(data: Line & { dir: 'recv' }, line: number): RecvStep {
  const { conn, msg, raw, http, loose, alt, save, optional, quirk } = data;
  if (msg === undefined && raw === undefined && !http) throw badLine(line, 'recv needs "msg", "raw" or "http"');
  return {
    dir: 'recv',
    line,
    conn,
    ...(http ? { http } : { msg: raw === undefined ? (msg ?? null) : z.json().parse(parseLine(raw, line)) }),
    // Paths are written from the message, or from the whole line.
    loose: loose.map(fromMessage),
    alt: Object.fromEntries(Object.entries(alt).map(([path, values]) => [fromMessage(path), values])),
    ...(Object.keys(save).length === 0
      ? {}
      : { save: Object.fromEntries(Object.entries(save).map(([name, path]) => [name, fromMessage(path)])) }),
    optional,
    quirk,
  };
}

function fromMessage(path: string): string {
  return path.replace(/^(msg|http)\./, '');
}

function parseLine(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw badLine(number, 'no JSON');
  }
}

function badLine(number: number, why: string): LocalError {
  return new LocalError('invalid-argument', `line ${number} of the scenario: ${why}`);
}

function firstIssue(error: z.ZodError): string {
  const [issue] = error.issues;
  if (!issue) return 'invalid';
  const message = (issue.code === 'invalid_key' && issue.issues[0]?.message) || issue.message;
  return `${issue.path.join('.') || 'the line'}: ${message}`;
}
