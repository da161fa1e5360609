// `--read-only`: what only looks is served, everything else is refused. A list of what is served, so that a method that is
// added one day is refused until someone has thought about it.

import { RpcCode, RpcError } from '../../../shared/errors.ts';
import * as environment from '../../../shared/protocol/environment.ts';
import * as fs from '../../../shared/protocol/fs.ts';
import * as process from '../../../shared/protocol/process.ts';
import type { Route } from '../handler.ts';

const looking: ReadonlySet<string> = new Set(
  [
    environment.environmentInfo,
    environment.environmentStatus,
    environment.environmentConfigRead,
    fs.fsReadFile,
    fs.fsGetMetadata,
    fs.fsReadDirectory,
    fs.fsCanonicalize,
    fs.fsWalk,
    fs.fsOpen,
    fs.fsReadBlock,
    fs.fsClose,
    fs.fsWatchMissing,
    process.processRead,
    process.processWait,
    process.processSnapshot,
  ].map(({ method }) => method),
);

/** Refused are programs, whatever changes a file, and `http/request`: -32003, with the method and the flag in the message. */
export function readOnly(routes: readonly Route[]): Route[] {
  return routes.map((plain) => {
    const { method } = plain.declaration;
    const refuse = () => {
      throw new RpcError(RpcCode.forbidden, `${method} is refused: this server only shows (--read-only)`);
    };
    if (!looking.has(method)) return { ...plain, handle: refuse };
    if (method !== fs.fsOpen.method) return plain;
    const handle: Route['handle'] = (params: { readonly mode?: string | null }, context, bulk) =>
      params.mode === 'replace' ? refuse() : plain.handle(params as never, context, bulk);
    return { ...plain, handle };
  });
}
