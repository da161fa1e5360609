// Why a request got no answer, or not all of it, with what can be done about it.

import { RpcCode, RpcError } from '../../../../shared/errors.ts';
import { explainAction, type Explanation } from '../explain-error.ts';

/** By the words of our server and of the genuine ones. */
const hints: readonly (readonly [RegExp, string])[] = [
  [
    /--http-deny/,
    'The server was started so that it requests nothing from such addresses; --http-allow ADDRESS makes an exception.',
  ],
  [/ENOTFOUND|EAI_AGAIN|dns error/i, 'Names are looked up on the executor’s machine: it does not know this one.'],
  [/ECONNREFUSED|connection refused/i, 'Nothing listens there. 127.0.0.1 is the executor’s own machine.'],
  [/EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|unreachable/i, 'There is no way to it from the executor’s network.'],
  [/certificate|self[- ]signed|altname/i, 'The executor’s machine does not trust the certificate of that address.'],
  [/EPROTO|wrong version number|\bssl\b|\btls\b/i, 'It may speak http:// and not https:// at this port.'],
];

export function explainRequest(error: unknown): Explanation {
  const explanation = explainAction('make the request', error);
  if (!(error instanceof RpcError)) return explanation;
  if (error.code === RpcCode.methodNotFound) return { ...explanation, hint: 'This server does not know http/request.' };
  if (error.code !== RpcCode.internal) return explanation;
  const hint =
    hints.find(([pattern]) => pattern.test(error.message))?.[1] ??
    'The executor makes the request, in its own network: 127.0.0.1 is the executor’s machine.';
  return { ...explanation, hint };
}

/** For a line in the history: without what the line says already. */
export function shortReason(detail: string): string {
  return (
    detail.replace(/^http\/request failed: /, '').replace(/^error sending request for url \([^)]*\):? ?/, '') || detail
  );
}
