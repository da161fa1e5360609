// The address of the page: takes the token out of it, and reads what a link asks to run or to connect to. A link never does
// anything by itself: the page asks first.

import { targetOfUrl, type Target } from './target.ts';
import { plainLaunch, type Launch } from './launch.ts';

export type LinkedLaunch = { readonly launch: Launch } | { readonly problem: string };

export type LinkedTarget = { readonly target: Target } | { readonly problem: string };

/** What a link asks for. */
export interface Linked {
  readonly launch: LinkedLaunch | undefined;
  readonly target: LinkedTarget | undefined;
}

export function linkedBy(search: string): Linked {
  return { launch: linkedLaunch(search), target: linkedTarget(search) };
}

/** Longest target that a link may carry, in characters. */
const maxLinkedTarget = 2000;
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

/** What `?target=` asks to connect to: a ws:// or wss:// URL, or `relay:ID` for an executor at this server's relay. */
export function linkedTarget(search: string): LinkedTarget | undefined {
  const text = new URLSearchParams(search).get('target')?.trim();
  if (text === undefined) return undefined;
  if (text.length > maxLinkedTarget || hasHiddenCharacters(text)) {
    return { problem: 'the link’s target is too long, or holds characters that could hide where it leads' };
  }
  const executorId = /^relay:(.+)$/s.exec(text)?.[1];
  if (executorId !== undefined) return { target: { kind: 'relay', executorId, url: '' } };
  if (/^wss?:\/\//.test(text) && URL.canParse(text)) return { target: targetOfUrl(text) };
  return { problem: `the link’s target is neither ws://…, wss://… nor relay:EXECUTOR-ID: ${text.slice(0, 80)}` };
}

/** Control characters, and those that reorder text or take no room: what is shown must be what is run. */
function hasHiddenCharacters(text: string): boolean {
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text);
}

/** The address without what was used up: the token, which a cookie carries from now on, and what a link asked for. */
export function addressToKeep(href: string): string {
  const url = new URL(href);
  for (const name of ['token', 'run', 'kind', 'mode', 'cwd', 'target']) url.searchParams.delete(name);
  return url.href;
}
