// The JSON-RPC envelope of the exec-server protocol: parse, guard, serialise (docs/protocol.md, "Envelope").
// No `jsonrpc` member on the wire; one that arrives is ignored.

import { utf8Decode } from '../bytes.ts';

/** Echoed exactly. A bigint stands for an integer that a double cannot hold. */
export type RequestId = string | number | bigint;

/** W3C trace context of a request; passed through, never judged. */
export interface TraceContext {
  readonly traceparent?: string;
  readonly tracestate?: string;
}

export interface RpcErrorBody {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

export type Envelope =
  | {
      readonly kind: 'request';
      readonly id: RequestId;
      readonly method: string;
      readonly params: unknown;
      readonly trace?: TraceContext;
      /** A member of `params` that was left as the bytes of its base64 text; what stands in its place is no base64. */
      readonly bulk?: BulkBytes;
    }
  | { readonly kind: 'notification'; readonly method: string; readonly params: unknown }
  | { readonly kind: 'response'; readonly id: RequestId; readonly result: unknown }
  | { readonly kind: 'error'; readonly id: RequestId; readonly error: RpcErrorBody }
  | { readonly kind: 'malformed'; readonly reason: string };

/** The id of the answer to a message that has no usable id. */
export const malformedId = -1;

const minInt64 = -(2n ** 63n);
const maxInt64 = 2n ** 63n - 1n;

/**
 * Sorts one message into its kind. Never throws: what fits nothing is `malformed`, with the reason.
 * @param message its text, or the bytes of it, which must be UTF-8. Only then a request may have `bulk`, a part of these bytes.
 */
export function parseEnvelope(message: string | Uint8Array): Envelope {
  const bulk = typeof message === 'string' ? findBulk(message) : findBulkBytes(message);
  const sorted = bulk && sortMessage(bulk.rest, bulk);
  if (sorted) return sorted;
  const text = typeof message === 'string' ? message : utf8Decode(message);
  return sortMessage(text) ?? malformed('a message is one JSON object');
}

/** @returns undefined when `bulk` turns out to be no member of params. */
function sortMessage(text: string, bulk?: Bulk): Envelope | undefined {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch (error) {
    return malformed(error instanceof Error ? error.message : 'invalid JSON');
  }
  if (!isObject(message)) return malformed('a message is one JSON object');
  if (bulk && !restoreBulk(message, bulk)) return undefined;
  if (mayRepeatMember(text)) {
    const repeated = repeatedTopLevelMember(text);
    if (repeated !== undefined) return malformed(`duplicate member ${JSON.stringify(repeated)}`);
  }

  const { id, method, params } = message;
  const hasId = id !== undefined;
  const requestId = hasId ? tryRequestId(id, text) : undefined;
  if (hasId && requestId === undefined) return malformed('id must be a string or a 64-bit integer');

  if (method !== undefined) {
    if (typeof method !== 'string') return malformed('method must be a string');
    if (requestId === undefined) return { kind: 'notification', method, params };
    const trace = message['trace'];
    const hasTrace = trace !== undefined && trace !== null;
    if (hasTrace && !isTrace(trace)) {
      return malformed('trace must be an object with string members traceparent and tracestate');
    }
    return {
      ...{ kind: 'request', id: requestId, method, params },
      ...(hasTrace ? { trace } : {}),
      ...(bulk && typeof bulk.value !== 'string' ? { bulk: { member: bulk.member, base64: bulk.value } } : {}),
    };
  }
  if (requestId === undefined) return malformed('a message needs a method, or an id with a result or an error');
  if ('result' in message) return { kind: 'response', id: requestId, result: message['result'] };
  const error = message['error'];
  if (isObject(error)) {
    const { code, message: text, data } = error;
    if (typeof code === 'number' && Number.isInteger(code) && typeof text === 'string') {
      return { kind: 'error', id: requestId, error: { code, message: text, data } };
    }
  }
  return malformed('a message needs a method, or an id with a result or an error');
}

/** From this length on, in characters, a message is looked through for bulk. */
const bulkLength = 64 * 1024;
/** Members of params that carry bytes. */
const bulkMembers = ['dataBase64', 'chunk', 'bodyBase64'] as const;
/** Stands for the bulk while the rest is parsed. JSON could hold it only escaped, so it occurs in no message. */
const placeholder = '\u0000bulk';

type BulkMember = (typeof bulkMembers)[number];

export interface BulkBytes {
  readonly member: BulkMember;
  /** ASCII, if it is base64 at all. */
  readonly base64: Uint8Array;
}

interface Bulk {
  readonly member: BulkMember;
  readonly value: string | Uint8Array;
  /** The message with the placeholder in the place of the value. */
  readonly rest: string;
}

/**
 * Finds megabytes of base64, which JSON.parse would scan and copy (2 ms per MiB). A slice of the text copies nothing.
 * Undefined when there is no escape-free value that is worth it.
 */
function findBulk(text: string): Bulk | undefined {
  if (text.length < bulkLength) return undefined;
  for (const member of bulkMembers) {
    const opening = `"${member}":"`;
    const start = text.indexOf(opening) + opening.length;
    if (start < opening.length) continue;
    const end = text.indexOf('"', start);
    const escape = text.indexOf('\\', start);
    if (end - start < bulkLength / 2 || (escape !== -1 && escape < end)) continue;
    return { member, value: text.slice(start, end), rest: `${text.slice(0, start)}\\u0000bulk${text.slice(end)}` };
  }
  return undefined;
}

/** Bulk that begins later in a message, in bytes, is not looked for. */
const maxBulkStart = 16 * 1024;
/** One character per byte, so that places in the text are places in the bytes. */
const byteDecoder = new TextDecoder('latin1');

/** The same in bytes, where the bulk is not even made a string. */
function findBulkBytes(bytes: Uint8Array): Bulk | undefined {
  if (bytes.length < bulkLength) return undefined;
  const head = byteDecoder.decode(bytes.subarray(0, maxBulkStart));
  for (const member of bulkMembers) {
    const opening = `"${member}":"`;
    const start = head.indexOf(opening) + opening.length;
    if (start < opening.length) continue;
    const end = bytes.indexOf(0x22, start);
    if (end - start < bulkLength / 2) continue;
    const value = bytes.subarray(start, end);
    if (value.includes(0x5c)) continue;
    const rest = `${utf8Decode(bytes.subarray(0, start))}\\u0000bulk${utf8Decode(bytes.subarray(end))}`;
    return { member, value, rest };
  }
  return undefined;
}

/** @returns whether the placeholder stood where the bulk belongs: in params, of a request where the bulk is bytes. */
function restoreBulk(message: Record<string, unknown>, { member, value }: Bulk): boolean {
  const { id, method, params } = message;
  if (!isObject(params) || params[member] !== placeholder) return false;
  if (typeof value !== 'string' && (id === undefined || method === undefined)) return false;
  if (typeof value === 'string') params[member] = value;
  return true;
}

export function requestText(id: RequestId, method: string, params: unknown, trace?: TraceContext): string {
  const tail = trace ? `,"trace":${JSON.stringify(trace)}}` : '}';
  return `{"id":${idText(id)},"method":${JSON.stringify(method)}${paramsText(params)}${tail}`;
}

export function notificationText(method: string, params: unknown): string {
  return `{"method":${JSON.stringify(method)}${paramsText(params)}}`;
}

/** `result` must be JSON; undefined stands for `{}`. */
export function responseText(id: RequestId, result: unknown): string {
  return `{"id":${idText(id)},"result":${JSON.stringify(result ?? {})}}`;
}

export function errorText(id: RequestId, error: RpcErrorBody): string {
  const { code, message, data } = error;
  const body = data === undefined ? { code, message } : { code, message, data };
  return `{"error":${JSON.stringify(body)},"id":${idText(id)}}`;
}

function paramsText(params: unknown): string {
  return params === undefined ? '' : `,"params":${JSON.stringify(params)}`;
}

/** As it stands in a message. */
export function idText(id: RequestId): string {
  return typeof id === 'string' ? JSON.stringify(id) : String(id);
}

function malformed(reason: string): Envelope {
  return { kind: 'malformed', reason };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTrace(value: unknown): value is TraceContext {
  if (!isObject(value)) return false;
  const isText = (member: unknown) => member === undefined || member === null || typeof member === 'string';
  return isText(value['traceparent']) && isText(value['tracestate']);
}

function tryRequestId(id: unknown, text: string): RequestId | undefined {
  if (typeof id === 'string' || Number.isSafeInteger(id)) return id as string | number;
  if (typeof id !== 'number') return undefined;
  // Beyond 2^53 JSON.parse has rounded: the digits are read again from the text.
  const digits = topLevelMembers(text).find(([name]) => name === 'id')?.[1];
  if (digits === undefined || !/^-?\d+$/.test(digits)) return undefined;
  const exact = BigInt(digits);
  return exact >= minInt64 && exact <= maxInt64 ? exact : undefined;
}

/**
 * Cheap test before the exact one: JSON.parse keeps the last of two equal members, so a second `"id"` would go
 * unseen. Costs three searches of the text and finds nearly always nothing.
 */
function mayRepeatMember(text: string): boolean {
  return occursTwice(text, '"id"') || occursTwice(text, '"method"') || occursTwice(text, '"params"');
}

function occursTwice(text: string, part: string): boolean {
  const first = text.indexOf(part);
  return first !== -1 && text.indexOf(part, first + part.length) !== -1;
}

function repeatedTopLevelMember(text: string): string | undefined {
  const seen = new Set<string>();
  for (const [name] of topLevelMembers(text)) {
    if (seen.has(name)) return name;
    seen.add(name);
  }
  return undefined;
}

/** Names and raw values of the outermost object. `text` must be valid JSON. */
function topLevelMembers(text: string): [name: string, raw: string][] {
  const members: [string, string][] = [];
  let depth = 0;
  let name: string | undefined;
  let valueStart = 0;
  for (let index = 0; index < text.length; index++) {
    const char = text[index];
    if (char === '"') {
      const start = index;
      for (index++; text[index] !== '"'; index++) if (text[index] === '\\') index++;
      if (depth === 1 && name === undefined) name = JSON.parse(text.slice(start, index + 1)) as string;
    } else if (char === ':' && depth === 1) {
      valueStart = index + 1;
    } else if (char === '{' || char === '[') {
      depth++;
    } else if (char === '}' || char === ']' || char === ',') {
      if (depth === 1 && name !== undefined) {
        members.push([name, text.slice(valueStart, index).trim()]);
        name = undefined;
      }
      if (char !== ',') depth--;
    }
  }
  return members;
}
