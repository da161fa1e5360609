// What may come next while a filter is typed.

import { claims, keys, measures, quoted } from './filter.ts';

export interface Suggestion {
  /** The whole filter with it taken. */
  readonly filter: string;
  /** Where the caret is then. */
  readonly caret: number;
  /** As shown. */
  readonly text: string;
  readonly doc: string;
}

const maxSuggestions = 12;

/** @param seen Values that occur now, by key: methods, processes, streams, connections. */
export function suggest(
  filter: string,
  caret: number,
  seen: Readonly<Record<string, readonly string[]>>,
): readonly Suggestion[] {
  const from = filter.lastIndexOf(' ', caret - 1) + 1;
  const word = filter.slice(from, caret);
  const rest = filter.slice(caret).replace(/^\S*/, '');
  const [, negation = '', typed = ''] = /^(-?)(.*)$/s.exec(word) ?? [];
  const complete = (text: string, doc: string, isWhole: boolean): Suggestion => {
    const before = `${filter.slice(0, from)}${negation}${text}`;
    const needsBlank = isWhole && !rest.startsWith(' ');
    const blank = needsBlank ? ' ' : '';
    return { filter: before + blank + rest, caret: before.length + blank.length, text: negation + text, doc };
  };
  const colon = typed.indexOf(':');
  if (colon === -1) return keySuggestions(typed).map(({ text, doc }) => complete(text, doc, false));
  const key = typed.slice(0, colon);
  // After a | the next alternative begins.
  const bar = typed.lastIndexOf('|');
  const start = Math.max(colon, bar) + 1;
  const begun = typed.slice(start).toLowerCase();
  return valuesOf(key, seen)
    .filter(({ text }) => text.toLowerCase().includes(begun) && text !== typed.slice(start))
    .slice(0, maxSuggestions)
    .map(({ text, doc }) => complete(typed.slice(0, start) + quoted(text), doc, true));
}

function keySuggestions(typed: string): { text: string; doc: string }[] {
  const all = [
    ...Object.entries(keys).map(([name, { doc }]) => ({ text: `${name}:`, doc })),
    { text: 'is:', doc: Object.keys(claims).join(', ') },
    ...Object.entries(measures).map(([name, { doc }]) => ({ text: `${name}>`, doc })),
  ];
  return all.filter(({ text }) => text.startsWith(typed) && text !== typed);
}

function valuesOf(
  key: string,
  seen: Readonly<Record<string, readonly string[]>>,
): readonly { text: string; doc: string }[] {
  if (key === 'is') return Object.entries(claims).map(([text, { doc }]) => ({ text, doc }));
  const fixed = keys[key]?.values ?? [];
  return [...new Set([...fixed, ...(seen[key] ?? [])])].map((text) => ({ text, doc: '' }));
}
