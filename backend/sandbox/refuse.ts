// What a request that asks to be confined gets from a server that cannot confine: an error, never an unconfined run.

import { RpcCode, RpcError } from '../../shared/errors.ts';
import { isConfining, type SandboxContext } from '../../shared/protocol/sandbox.ts';

/** @throws RpcError -32600 when the context asks for less than the rights of the server. */
export function refuseConfinement(sandbox: SandboxContext | null | undefined): void {
  if (!isConfining(sandbox)) return;
  throw new RpcError(
    RpcCode.invalidRequest,
    `sandboxed requests are not supported on this server yet: got permissions.type \`${sandbox.permissions.type}\`; ` +
      'send no sandbox, or permissions.type `disabled`, to run with the rights of the server',
  );
}
