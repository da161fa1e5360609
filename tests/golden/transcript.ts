// Reads a recorded session (sessions/*.jsonl, format in README.md) into typed steps.
import { readdirSync, readFileSync } from 'node:fs';
import { asArray, asNumber, asObject, asString, parseJson, type Json, type JsonObject } from '../helpers/json.ts';

export interface HttpRequestLine {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
}

export interface RecvStep {
  readonly dir: 'recv';
  readonly conn: string;
  /** The message; for stdio recordings parsed from its line. */
  readonly msg?: Json;
  readonly http?: JsonObject;
  /** Paths of members that only have to be there. */
  readonly loose: readonly string[];
  /** Paths of members and the other values that are right as well. */
  readonly alt: Readonly<Record<string, readonly Json[]>>;
  readonly optional: boolean;
  readonly quirk: boolean;
}

export type Step =
  | { readonly dir: 'send'; readonly conn: string; readonly pipelined: boolean; readonly text: string }
  | { readonly dir: 'sendBytes'; readonly conn: string; readonly pipelined: boolean; readonly bytes: Buffer }
  | { readonly dir: 'http'; readonly request: HttpRequestLine }
  | RecvStep
  | { readonly dir: 'open' | 'close' | 'closed'; readonly conn: string }
  | { readonly dir: 'sleep'; readonly ms: number }
  | { readonly dir: 'eof' }
  | { readonly dir: 'exit'; readonly code: number };

export interface Transcript {
  readonly scenario: string;
  readonly about: string;
  /** `merge`: how output is cut into chunks is not compared. */
  readonly compare: 'exact' | 'merge';
  readonly transport: 'websocket' | 'stdio' | 'http';
  /** The recorded server's behaviour is a defect as a whole. */
  readonly quirk: boolean;
  readonly steps: readonly Step[];
}

const folder = new URL('./sessions/', import.meta.url);

export function loadTranscripts(): Transcript[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .map((name) => parseTranscript(readFileSync(new URL(name, folder), 'utf8')));
}

/** @throws Error for a line that the format does not have: a recording is not to be half understood. */
export function parseTranscript(text: string): Transcript {
  const [first, ...rest] = text
    .trim()
    .split('\n')
    .map((line) => asObject(parseJson(line)));
  if (first?.['dir'] !== 'meta') throw new Error('a transcript begins with a meta line');
  const transport = first['transport'] ?? 'websocket';
  if (transport !== 'websocket' && transport !== 'stdio' && transport !== 'http') {
    throw new Error(`unknown transport ${JSON.stringify(transport)}`);
  }
  return {
    scenario: asString(first['scenario']),
    about: asString(first['about']),
    compare: first['compare'] === 'merge' ? 'merge' : 'exact',
    transport,
    quirk: 'quirk' in first,
    steps: rest.map(parseStep),
  };
}

function parseStep(line: JsonObject): Step {
  const conn = asString(line['conn'] ?? 'a');
  switch (line['dir']) {
    case 'send':
      return parseSend(line, conn);
    case 'recv':
      return parseRecv(line, conn);
    case 'open':
    case 'close':
    case 'closed':
      return { dir: line['dir'], conn };
    case 'sleep':
      return { dir: 'sleep', ms: asNumber(line['ms']) };
    case 'eof':
      return { dir: 'eof' };
    case 'exit':
      return { dir: 'exit', code: asNumber(line['code']) };
    default:
      throw new Error(`unknown line ${JSON.stringify(line)}`);
  }
}

function parseSend(line: JsonObject, conn: string): Step {
  const pipelined = line['pipelined'] === true;
  if ('http' in line) {
    const http = asObject(line['http']);
    const headers = Object.fromEntries(
      Object.entries(asObject(http['headers'])).map(([name, value]) => [name, asString(value)]),
    );
    return { dir: 'http', request: { method: asString(http['method']), path: asString(http['path']), headers } };
  }
  if ('rawBase64' in line) {
    return { dir: 'sendBytes', conn, pipelined, bytes: Buffer.from(asString(line['rawBase64']), 'base64') };
  }
  const text = 'raw' in line ? asString(line['raw']) : JSON.stringify(line['msg']);
  return { dir: 'send', conn, pipelined, text };
}

function parseRecv(line: JsonObject, conn: string): RecvStep {
  const alt = line['alt'] === undefined ? {} : asObject(line['alt']);
  return {
    dir: 'recv',
    conn,
    ...('http' in line
      ? { http: asObject(line['http']) }
      : { msg: 'raw' in line ? parseJson(asString(line['raw'])) : (line['msg'] ?? null) }),
    // The recordings write these paths from the message in some lines and from the whole line in others.
    loose: (line['loose'] === undefined ? [] : asArray(line['loose'])).map((path) => bare(asString(path))),
    alt: Object.fromEntries(Object.entries(alt).map(([path, values]) => [bare(path), asArray(values)])),
    optional: 'optional' in line,
    quirk: 'quirk' in line,
  };
}

function bare(path: string): string {
  return path.replace(/^(msg|http)\./, '');
}
