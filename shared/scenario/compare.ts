// Compares a message with what a scenario expects (docs/recordings.md "How messages are compared"). Pure.

import { isObject, type Json } from './json.ts';
import type { RecvStep } from './scenario.ts';

/** What the placeholders stand for in this run: some from the start, `$SESSION…` once it was seen. */
export type Bindings = Map<string, string>;

export interface ValueDifference {
  /** Of the member, e.g. `result.entries[1].fileName`; '' for the whole message. */
  readonly path: string;
  /** "result.exitCode should be 0, is 1". */
  readonly text: string;
}

type Leeway = Pick<RecvStep, 'loose' | 'alt'>;
const noLeeway: Leeway = { loose: [], alt: {} };

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Replaces bound placeholders in a text, longest name first: `$SESSION2` before `$SESSION`. */
export function substitute(text: string, bindings: ReadonlyMap<string, string>): string {
  let out = text;
  for (const name of [...bindings.keys()].sort((a, b) => b.length - a.length)) {
    out = out.replaceAll(name, () => bindings.get(name) ?? '');
  }
  return out;
}

/** Differences between an expected value and a real one; none when it fits. May bind `$SESSION…`. */
export function compareValue(
  expected: Json,
  actual: Json | undefined,
  leeway: Leeway,
  bindings: Bindings,
  path = '',
): ValueDifference[] {
  const differs = (text: string) => [{ path, text: `${path === '' ? 'the message' : path} ${text}` }];
  if (actual === undefined) return differs('is missing');
  const others = leeway.alt[path];
  if (others?.some((other) => compareValue(other, actual, noLeeway, bindings, path).length === 0)) return [];
  if (leeway.loose.includes(path)) {
    return typeof actual === typeof expected ? [] : differs(`should be a ${typeof expected}, is ${show(actual)}`);
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return differs(`should be an array, is ${show(actual)}`);
    if (actual.length !== expected.length) {
      return differs(`should have ${expected.length} elements, has ${show(actual)}`);
    }
    return compareArray(expected, actual, leeway, bindings, path);
  }
  if (isObject(expected)) {
    if (!isObject(actual)) return differs(`should be an object, is ${show(actual)}`);
    return Object.entries(expected).flatMap(([name, value]) =>
      compareValue(value, actual[name], leeway, bindings, path === '' ? name : `${path}.${name}`),
    );
  }
  if (typeof expected === 'string') {
    const text = compareText(expected, actual, bindings);
    return text === undefined ? [] : differs(text);
  }
  return expected === actual ? [] : differs(`should be ${show(expected)}, is ${show(actual)}`);
}

function compareArray(
  expected: readonly Json[],
  actual: readonly Json[],
  leeway: Leeway,
  bindings: Bindings,
  path: string,
): ValueDifference[] {
  const isListing = path.endsWith('entries');
  const [left, right] = isListing ? [sortByName(expected), sortByName(actual)] : [expected, actual];
  return left.flatMap((value, index) => compareValue(value, right[index], leeway, bindings, `${path}[${index}]`));
}

/** A listing comes in directory order: by name it can be compared. */
export function sortByName(entries: readonly Json[]): Json[] {
  const name = (entry: Json) => (isObject(entry) && typeof entry['fileName'] === 'string' ? entry['fileName'] : '');
  return [...entries].sort((a, b) => (name(a) < name(b) ? -1 : 1));
}

/** @returns what is wrong, or undefined. */
function compareText(expected: string, actual: Json, bindings: Bindings): string | undefined {
  if (expected === '$MS') {
    const isTime = typeof actual === 'number' && Number.isInteger(actual) && actual >= 0;
    return isTime ? undefined : `should be a time in ms, is ${show(actual)}`;
  }
  if (/^\$SESSION\d*$/.test(expected) && !bindings.has(expected)) {
    if (typeof actual !== 'string' || !uuid.test(actual)) return `should be a UUID, is ${show(actual)}`;
    if ([...bindings.values()].includes(actual)) return `should be a new id, is ${actual} again`;
    bindings.set(expected, actual);
    return undefined;
  }
  const wanted = substitute(expected, bindings);
  return wanted === actual ? undefined : `should be ${show(wanted)}, is ${show(actual)}`;
}

/** As JSON, cut to what fits a line. */
export function show(value: Json): string {
  return JSON.stringify(value).slice(0, 200);
}
