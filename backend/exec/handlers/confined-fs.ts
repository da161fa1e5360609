// fs/* with a sandbox that confines: the same methods, done by a confined server (sandbox/confined-files.ts).

import { RpcCode, RpcError } from '../../../shared/errors.ts';
import { fsOpen } from '../../../shared/protocol/fs.ts';
import { isConfining, type SandboxContext } from '../../../shared/protocol/sandbox.ts';
import type { BulkBytes } from '../../../shared/rpc/envelope.ts';
import { ConfinedFiles, ConfinedServers } from '../../sandbox/confined-files.ts';
import { withBulkText } from '../bulk.ts';
import type { RequestContext, Route } from '../handler.ts';
import type { ExecSettings } from '../settings.ts';

/** What params of fs/* may hold for us. */
interface FileParams extends Record<string, unknown> {
  readonly sandbox?: SandboxContext | null;
  readonly handleId?: string;
}

export function withSandbox(
  routes: readonly Route[],
  { program, maxTotalSandboxes }: Pick<ExecSettings, 'program' | 'maxTotalSandboxes'>,
): Route[] {
  const servers = new ConfinedServers(maxTotalSandboxes);
  const byConnection = new WeakMap<AbortSignal, ConfinedFiles>();
  const confinedFilesOf = ({ signal, notify }: RequestContext): ConfinedFiles => {
    let files = byConnection.get(signal);
    if (!files) {
      const created = new ConfinedFiles(program, servers, (method, params) => void notify(method, params));
      if (signal.aborted) created.closeAll();
      signal.addEventListener('abort', () => created.closeAll(), { once: true });
      byConnection.set(signal, created);
      files = created;
    }
    return files;
  };
  return routes.map((plain) => {
    const { method } = plain.declaration;
    const handle = (given: never, context: RequestContext, bulk?: BulkBytes): unknown => {
      const { sandbox, handleId }: FileParams = given;
      const isHeld = handleId !== undefined && byConnection.get(context.signal)?.holds(handleId);
      if (isHeld && method !== fsOpen.method) {
        return confinedFilesOf(context).requestByHandle(method, withBulkText(given, bulk), handleId);
      }
      if (isHeld || (isConfining(sandbox) && handleId !== undefined && context.files.has(handleId))) {
        throw new RpcError(RpcCode.invalidRequest, `file handle \`${handleId}\` already exists`);
      }
      return isConfining(sandbox)
        ? confinedFilesOf(context).request(method, withBulkText(given, bulk), sandbox)
        : plain.handle(given, context, bulk);
    };
    return { ...plain, handle };
  });
}
