// JSON ⇄ bytes: the members of a JSON text as fields with their places, for texts that JSON.parse takes. Children are read
// when they are asked for: a message may have 48 MiB.

import { tryBase64Decode, tryUtf8Decode, utf8Decode } from '../../../../shared/bytes.ts';
import { bytesPreview, once, textPreview, type Field } from './field.ts';

const Char = { quote: 0x22, backslash: 0x5c, comma: 0x2c, colon: 0x3a } as const;
const openBrace = 0x7b;
const openBracket = 0x5b;
const closers: ReadonlySet<number> = new Set([0x7d, 0x5d]);
const blanks: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);

/** Members that hold base64 in this protocol. */
const base64Members: ReadonlySet<string> = new Set([
  'chunk',
  'dataBase64',
  'bodyBase64',
  'deltaBase64',
  'stdout',
  'stderr',
  'terminal',
]);

/**
 * The JSON text in `bytes[start, end)` as a tree.
 * @returns a single field that says why, when it is no JSON.
 */
export function jsonField(bytes: Uint8Array, start: number, end: number, key: string, name: string): Field {
  const part = bytes.subarray(start, end);
  const text = tryUtf8Decode(part);
  const problem = text === undefined ? 'no UTF-8' : jsonProblem(text);
  if (problem !== undefined) {
    const value = text === undefined ? bytesPreview(part) : textPreview(text);
    return { key, name, value, start, end, note: `no JSON: ${problem}`, isProblem: true };
  }
  return valueField(bytes, skipBlanks(bytes, start), key, name);
}

function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : 'unreadable';
  }
}

/** @param at Where the value begins. @param from Where its field begins: with its name, in an object. */
function valueField(bytes: Uint8Array, at: number, key: string, name: string, from = at): Field {
  const end = valueEnd(bytes, at);
  const common = { key, name, start: from, end };
  const first = bytes[at];
  if (first === openBrace || first === openBracket) {
    const isArray = first === openBracket;
    const children = once(() => (isArray ? elements(bytes, at, key) : members(bytes, at, key)));
    const isEmpty = skipBlanks(bytes, at + 1) === end - 1;
    return {
      ...common,
      value: isArray ? (isEmpty ? '[]' : '[…]') : isEmpty ? '{}' : '{…}',
      ...(isEmpty ? {} : { children }),
    };
  }
  const raw = utf8Decode(bytes.subarray(at, end));
  if (first !== Char.quote) return { ...common, value: raw };
  const text = String(JSON.parse(raw));
  const decoded = base64Members.has(name) && text !== '' ? tryBase64Decode(text) : undefined;
  if (!decoded) return { ...common, value: textPreview(text) };
  const shown = tryUtf8Decode(decoded);
  return {
    ...common,
    value: shown === undefined ? bytesPreview(decoded) : textPreview(shown),
    note: `base64 of ${decoded.length} bytes`,
    decoded: () => decoded,
  };
}

function members(bytes: Uint8Array, at: number, key: string): readonly Field[] {
  const found: Field[] = [];
  let position = skipBlanks(bytes, at + 1);
  while (bytes[position] === Char.quote) {
    const nameEnd = valueEnd(bytes, position);
    const name = String(JSON.parse(utf8Decode(bytes.subarray(position, nameEnd))));
    const valueStart = skipBlanks(bytes, skipBlanks(bytes, nameEnd) + 1);
    // A repeated name is no JSON-RPC, but is shown.
    const field = valueField(bytes, valueStart, `${key}/${found.length}:${name}`, name, position);
    found.push(field);
    position = afterComma(bytes, field.end);
  }
  return found;
}

function elements(bytes: Uint8Array, at: number, key: string): readonly Field[] {
  const found: Field[] = [];
  let position = skipBlanks(bytes, at + 1);
  while (position < bytes.length && !closers.has(bytes[position] ?? 0)) {
    const field = valueField(bytes, position, `${key}/${found.length}`, `[${found.length}]`);
    found.push(field);
    position = afterComma(bytes, field.end);
  }
  return found;
}

function afterComma(bytes: Uint8Array, at: number): number {
  const next = skipBlanks(bytes, at);
  return bytes[next] === Char.comma ? skipBlanks(bytes, next + 1) : next;
}

function skipBlanks(bytes: Uint8Array, at: number): number {
  while (blanks.has(bytes[at] ?? 0)) at++;
  return at;
}

/** The end of the value that begins at `at`. The text is valid JSON, so only strings and depth matter. */
function valueEnd(bytes: Uint8Array, at: number): number {
  let depth = 0;
  for (let position = at; position < bytes.length; position++) {
    const char = bytes[position] ?? 0;
    if (char === Char.quote) {
      position = stringEnd(bytes, position);
      if (depth === 0) return position + 1;
    } else if (char === openBrace || char === openBracket) depth++;
    else if (closers.has(char)) {
      // A plain value that is the last of its parent.
      if (depth === 0) return position;
      if (--depth === 0) return position + 1;
    } else if (depth === 0 && (char === Char.comma || blanks.has(char))) return position;
  }
  return bytes.length;
}

/** Where the closing quote stands. */
function stringEnd(bytes: Uint8Array, opening: number): number {
  for (let from = opening + 1; ;) {
    const quote = bytes.indexOf(Char.quote, from);
    if (quote === -1) return bytes.length - 1;
    let backslashes = 0;
    while (bytes[quote - 1 - backslashes] === Char.backslash) backslashes++;
    if (backslashes % 2 === 0) return quote;
    from = quote + 1;
  }
}
