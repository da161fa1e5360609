// What went wrong with a file, with what can be done about it.

import { LocalError, RpcCode, RpcError } from '../../../../shared/errors.ts';
import { explainAction, type Explanation } from '../explain-error.ts';

/** By the words of the system, as servers pass them on. */
const systemHints: readonly (readonly [RegExp, string])[] = [
  [/os error (1|13)\b/, 'The user that the executor runs as may not do that.'],
  [/os error 2\b/, 'It may have been removed or renamed since the folder was read.'],
  [/os error 20\b/, 'A part of the path is a file and no folder.'],
  [/os error 26\b/, 'It is a program that runs now.'],
  [/os error (28|122)\b/, 'Make room on the executor’s disk, then try again.'],
  [/os error 30\b/, 'That part of the executor’s disk can only be read.'],
  [/--read-only/, 'Its files can be looked at; for more, start the server without --read-only.'],
];

/** @param isWhole the server has no file handles (0.131): it takes and gives a file only as one message */
export function explainFile(what: string, error: unknown, isWhole = false): Explanation {
  const explanation = explainAction(what, error);
  const hint = hintOf(error, isWhole);
  return hint === undefined ? explanation : { ...explanation, hint };
}

function hintOf(error: unknown, isWhole: boolean): string | undefined {
  if (error instanceof LocalError && error.code === 'closed') {
    return isWhole
      ? 'This server sends a file only as a whole, in one message: this one may be too large for that. In a terminal: split -b 20M FILE.'
      : 'The connection was lost meanwhile. Try again when it is back.';
  }
  if (!(error instanceof RpcError)) return undefined;
  if (error.code === RpcCode.methodNotFound) return 'This server speaks an older version of the protocol.';
  return systemHints.find(([pattern]) => pattern.test(error.message))?.[1];
}
