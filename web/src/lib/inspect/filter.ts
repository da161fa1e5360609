// The filter language of the inspector: words that must all hold.
//
//   method:process/*   one of the keys below, with * in its value; a|b is either
//   -kind:heartbeat    not so
//   size>1k  ms>=50    numbers with k and M (1024) or, for ms, s (1000)
//   is:error           see `claims`
//   /expr/i  text      in what was sent; small letters mean both cases; "text with blanks"

import { utf8Decode } from '../../../../shared/bytes.ts';
import { directionOf, isErrorRow, isPending, rowKinds, type Row } from './row.ts';

export type Predicate = (row: Row) => boolean;

export type ParsedFilter =
  | { readonly matches: Predicate; readonly isEmpty: boolean }
  | { readonly problem: string; readonly from: number; readonly to: number };

interface Key {
  readonly doc: string;
  readonly of: (row: Row) => string;
  /** Fixed values, for completion and to find mistakes. */
  readonly values?: readonly string[];
}

/** A request of the same name as its answer's method is found by `method:` too. */
export const keys: Readonly<Record<string, Key>> = {
  method: { doc: 'method or notification; an answer has the method it answers', of: (row) => row.method },
  dir: { doc: 'out to the executor, in to the harness', of: (row) => directionOf(row) ?? '', values: ['out', 'in'] },
  process: { doc: 'processId', of: ({ processId, pair }) => processId || (pair?.processId ?? '') },
  stream: { doc: 'relay stream', of: ({ stream }) => stream },
  conn: { doc: 'connection, e.g. c1', of: ({ entry }) => entry.connection },
  kind: { doc: 'what it is', of: ({ kind }) => kind, values: rowKinds },
  layer: { doc: 'message, frame or event', of: ({ layer }) => layer, values: ['message', 'frame', 'event'] },
  id: { doc: 'id of a request and its answer', of: ({ id }) => id.replace(/^"(.*)"$/, '$1') },
};

/** Of `is:`. */
export const claims: Readonly<Record<string, { readonly doc: string; readonly holds: Predicate }>> = {
  error: { doc: 'an error answer, a reset, what is no message or no frame, a lost connection', holds: isErrorRow },
  pending: { doc: 'a request without an answer', holds: isPending },
  anomaly: { doc: 'breaks a rule', holds: ({ anomalies }) => anomalies.length > 0 },
  marked: { doc: 'marked by you', holds: ({ isMarked }) => isMarked },
};

interface Measure {
  readonly doc: string;
  readonly of: (row: Row) => number | undefined;
}

export const measures: Readonly<Record<string, Measure>> = {
  size: { doc: 'bytes: size>1k', of: ({ bytes }) => bytes },
  ms: { doc: 'time to the answer: ms>50', of: ({ latencyMs }) => latencyMs },
};

class FilterProblem extends Error {
  constructor(
    message: string,
    readonly from: number,
    readonly to: number,
  ) {
    super(message);
  }
}

/** One word of a filter and where it stands. */
export interface Word {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/** Never throws: a filter that is none says why, and where. */
export function parseFilter(text: string): ParsedFilter {
  try {
    const predicates = splitWords(text).map(compileWord);
    return { matches: (row) => predicates.every((holds) => holds(row)), isEmpty: predicates.length === 0 };
  } catch (error) {
    if (!(error instanceof FilterProblem)) throw error;
    return { problem: error.message, from: error.from, to: error.to };
  }
}

/** Blanks part words, but not within quotes and regular expressions. @throws FilterProblem */
export function splitWords(text: string): Word[] {
  const words: Word[] = [];
  let at = 0;
  for (;;) {
    while (text[at] === ' ') at++;
    if (at >= text.length) return words;
    const from = at;
    let isPlain = true;
    for (; at < text.length && text[at] !== ' '; at++) {
      const char = text[at];
      const opensExpression = char === '/' && isPlain && /^-?$/.test(text.slice(from, at));
      if (char === '"') at = endOf(text, '"', at + 1, from, 'the quote is not closed');
      else if (opensExpression) at = endOf(text, '/', at + 1, from, 'the regular expression is not closed by /');
      if (char === '"' || opensExpression) isPlain = false;
    }
    words.push({ text: text.slice(from, at), from, to: at });
  }
}

function endOf(text: string, closing: string, start: number, from: number, problem: string): number {
  for (let at = start; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === closing) return at;
  }
  throw new FilterProblem(problem, from, text.length);
}

function compileWord({ text, from, to }: Word): Predicate {
  const fail = (problem: string): never => {
    throw new FilterProblem(problem, from, to);
  };
  if (text.startsWith('-')) {
    if (text.length === 1) return fail('- needs a word that must not hold');
    const holds = compileWord({ text: text.slice(1), from: from + 1, to });
    return (row) => !holds(row);
  }
  const expression = /^\/(.*)\/([a-z]*)$/s.exec(text);
  if (expression) {
    try {
      const regExp = new RegExp(expression[1] ?? '', (expression[2] ?? '').replaceAll(/[gy]/g, ''));
      return (row) => regExp.test(contentOf(row));
    } catch (error) {
      return fail(error instanceof Error ? error.message : 'no regular expression');
    }
  }
  const measured = /^([a-z]+)(<=|>=|<|>|=)(.*)$/s.exec(text);
  if (measured) {
    const [, name = '', operator = '', amount = ''] = measured;
    const measure = measures[name];
    if (!measure) return fail(`unknown measure ${name}: there are ${Object.keys(measures).join(', ')}`);
    const bound = parseAmount(amount, name);
    if (bound === undefined)
      return fail(`${name}${operator} needs a number, as in ${name === 'ms' ? 'ms>50' : 'size>1k'}`);
    const holds = comparison(operator, bound);
    return (row) => {
      const value = measure.of(row);
      return value !== undefined && holds(value);
    };
  }
  const keyed = /^([a-z]+):(.*)$/s.exec(text);
  if (keyed) return compileKeyed(keyed[1] ?? '', keyed[2] ?? '', fail);
  return compileText(unquoted(text));
}

function compileKeyed(name: string, value: string, fail: (problem: string) => never): Predicate {
  if (value === '') return fail(`${name}: needs a value`);
  const alternatives = unquoted(value).split('|');
  if (name === 'is') {
    const known = alternatives.map(
      (claim) => claims[claim] ?? fail(`unknown is:${claim}: there are ${Object.keys(claims).join(', ')}`),
    );
    return (row) => known.some(({ holds }) => holds(row));
  }
  const key = keys[name];
  if (!key)
    return fail(`unknown key ${name}: (known: ${Object.keys(keys).join(', ')}, is); quote text that holds a colon`);
  const patterns = alternatives.map(globPattern);
  const { values } = key;
  const isPossible = !values || patterns.every((pattern) => values.some((fixed) => pattern.test(fixed)));
  if (!isPossible) return fail(`${name}: takes ${values.join(', ')}`);
  return (row) => {
    const actual = key.of(row);
    return patterns.some((pattern) => pattern.test(actual));
  };
}

function compileText(text: string): Predicate {
  const pattern = new RegExp(escaped(text), text === text.toLowerCase() ? 'i' : '');
  return (row) => pattern.test(contentOf(row));
}

/** What a text is looked for in. */
function contentOf({ entry }: Row): string {
  if (entry.kind === 'message') return entry.text;
  return entry.kind === 'frame' ? utf8Decode(entry.bytes) : entry.detail;
}

function globPattern(glob: string): RegExp {
  return new RegExp(`^${glob.split('*').map(escaped).join('.*')}$`, 's');
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function unquoted(text: string): string {
  return /^".*"$/s.test(text) ? text.slice(1, -1).replace(/\\(.)/gs, '$1') : text;
}

function parseAmount(text: string, name: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(k|M|ms|s|)(?:i?B)?$/.exec(text);
  if (!match) return undefined;
  const isTime = name === 'ms';
  const factors: Readonly<Record<string, number | undefined>> = isTime
    ? { '': 1, ms: 1, s: 1000 }
    : { '': 1, k: 1024, M: 1024 * 1024 };
  const factor = factors[match[2] ?? ''];
  return factor === undefined ? undefined : Number(match[1]) * factor;
}

function comparison(operator: string, bound: number): (value: number) => boolean {
  switch (operator) {
    case '<':
      return (value) => value < bound;
    case '<=':
      return (value) => value <= bound;
    case '>':
      return (value) => value > bound;
    case '>=':
      return (value) => value >= bound;
    default:
      return (value) => value === bound;
  }
}

/** A value as it must be written in a filter. */
export function quoted(value: string): string {
  return /[\s"|*\\]/.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : value;
}

/** The filter with one more word, which replaces words of the same key. */
export function withWord(filter: string, key: string, value: string): string {
  const others = tryWords(filter).filter((word) => !word.startsWith(`${key}:`));
  return [...others, `${key}:${quoted(value)}`].join(' ');
}

function tryWords(filter: string): string[] {
  try {
    return splitWords(filter).map(({ text }) => text);
  } catch {
    return [];
  }
}
