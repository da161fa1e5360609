// The one place where what a handler throws becomes an error on the wire (docs/protocol.md, "Error mapping").
// process/start maps its own errors: there every refusal of the system is -32603.

import { errorText, RpcCode, RpcError } from '../../shared/errors.ts';
import { isOsError, osErrorText } from '../process/os-error.ts';

/**
 * ENOENT is "not found", a missing permission or an invalid argument is the harness's to mend, every other refusal of the
 * system is internal, in the system's words. What is neither is a defect of ours: -32603 too, and the caller logs it.
 */
export function rpcErrorOf(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  if (!isOsError(error)) return new RpcError(RpcCode.internal, `internal error: ${errorText(error)}`);
  const text = osErrorText(error.code);
  switch (error.code) {
    case 'ENOENT':
      return new RpcError(RpcCode.notFound, text);
    case 'EACCES':
    case 'EPERM':
    case 'EINVAL':
      return new RpcError(RpcCode.invalidRequest, text);
    default:
      return new RpcError(RpcCode.internal, text);
  }
}
