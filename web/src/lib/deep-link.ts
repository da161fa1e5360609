// The address of the page: takes the token out of it, and reads what a link asks to run. A link never runs anything by
// itself: the page asks first.

import { plainLaunch, type Launch } from './launch.ts';

export type LinkedLaunch = { readonly launch: Launch } | { readonly problem: string };

/** Longest command that a link may carry, in characters: it has to be read before it is agreed to. */
const maxLinkedLine = 2000;

/**
 * What `?run=` asks for: `run` is a shell line, or with `kind=argv` a program and its arguments; `cwd`; `mode=pipe`
 * for a process without a terminal.
 */
export function linkedLaunch(search: string): LinkedLaunch | undefined {
  const query = new URLSearchParams(search);
  const line = query.get('run');
  if (line === null) return undefined;
  const kind = query.get('kind') ?? 'shell';
  const mode = query.get('mode') ?? 'terminal';
  if (line.trim() === '') return { problem: 'the link asks to run nothing: its run parameter is empty' };
  if (line.length > maxLinkedLine) {
    return { problem: `the link asks to run ${line.length} characters, more than the ${maxLinkedLine} that are taken` };
  }
  if (kind !== 'shell' && kind !== 'argv') return { problem: `the link has an unknown kind: ${kind.slice(0, 40)}` };
  if (mode !== 'terminal' && mode !== 'pipe') return { problem: `the link has an unknown mode: ${mode.slice(0, 40)}` };
  if (hasHiddenCharacters(line)) return { problem: 'the link holds control characters, which could hide what it runs' };
  return { launch: { ...plainLaunch, kind, line, cwd: query.get('cwd') ?? '', isTerminal: mode === 'terminal' } };
}

/** Control characters, and those that reorder text or take no room: what is shown must be what is run. */
function hasHiddenCharacters(text: string): boolean {
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text);
}

/** The address without what was used up: the token, which a cookie carries from now on, and a launch. */
export function addressToKeep(href: string): string {
  const url = new URL(href);
  for (const name of ['token', 'run', 'kind', 'mode', 'cwd']) url.searchParams.delete(name);
  return url.href;
}
