// What went wrong, for people: what happened, what to try, and the code for whoever wants to look it up.

import { errorText, LocalError, RpcCode, RpcError } from '../../../shared/errors.ts';

export interface Explanation {
  readonly title: string;
  /** The words of whoever refused. */
  readonly detail: string;
  readonly hint?: string;
  /** "-32603", "connect-timeout" */
  readonly code?: string;
}

export function explainStart(error: unknown): Explanation {
  const base = { title: 'The process was not started', ...plain(error) };
  if (!(error instanceof RpcError)) return base;
  const hint = startHint(error);
  return hint === undefined ? base : { ...base, hint };
}

function startHint({ code, message }: RpcError): string | undefined {
  if (/os error 2\b/.test(message)) {
    return 'No such program, or no such working directory, on the executor. Check the spelling, or give the full path.';
  }
  if (/os error 13\b/.test(message)) return 'The file is not executable, or the executor’s user may not use it.';
  if (/os error 20\b/.test(message)) return 'A part of the path is a file and no directory.';
  if (/os error 8\b/.test(message)) return 'The file is no program. A script needs a first line such as #!/bin/sh.';
  if (/too many processes/.test(message)) return 'End some of the running processes first.';
  if (/--read-only/.test(message)) return 'Its files can be looked at; for more, start the server without --read-only.';
  if (code === RpcCode.invalidParams) return 'The message names the field that the server does not take.';
  return undefined;
}

/** Of an action on a process: write, resize, end. */
export function explainAction(what: string, error: unknown): Explanation {
  return { title: `Could not ${what}`, ...plain(error) };
}

/** What a look at the page's own server told after a failed attempt. */
export type ServerLook = 'answers' | 'refuses-token' | 'silent' | 'elsewhere' | 'between';

export function explainConnect(error: unknown, look: ServerLook): Explanation {
  const base = { title: 'Not connected', ...plain(error) };
  if (error instanceof LocalError && error.code === 'invalid-argument') {
    return { ...base, title: 'That is no server address', hint: 'It looks like ws://127.0.0.1:8765/exec.' };
  }
  if (error instanceof LocalError && error.code === 'aborted') return { ...base, title: 'Connecting was cancelled' };
  if (error instanceof RpcError) return { ...base, title: 'The server refused the session' };
  switch (look) {
    case 'refuses-token':
      return {
        ...base,
        title: 'The server does not accept this page’s token',
        hint: 'It was probably restarted. Open the address that it printed when it started.',
      };
    case 'silent':
      return { ...base, title: 'The server does not answer', hint: 'Is it running? Start it with: npx exec-workbench' };
    case 'answers':
      return { ...base, hint: 'The server is up but did not take the connection. Its log says why.' };
    case 'elsewhere':
      return {
        ...base,
        hint: 'Check the address and the token. A server of ours on another origin must allow this page (--allow-origin); one that refuses all pages, as exec-server --listen does, is reached by the bridge.',
      };
    case 'between':
      return { ...base, hint: 'This page’s server answers; what lies behind it does not.' };
  }
}

function plain(error: unknown): { detail: string; code?: string } {
  if (error instanceof RpcError) return { detail: error.message, code: String(error.code) };
  if (error instanceof LocalError) return { detail: error.message, code: error.code };
  return { detail: errorText(error) };
}
