// Errors of the project: RpcError is what a peer may see, LocalError what only we see. All codes are listed here.

/** JSON-RPC error codes on the wire (docs/protocol.md, "Error codes"). */
export const RpcCode = {
  /** Handshake order, unknown process, id in use, unknown session, permission denied, fs rules, malformed message (id -1). */
  invalidRequest: -32600,
  methodNotFound: -32601,
  /** A member of `params` is missing or wrong; the message names it. */
  invalidParams: -32602,
  /** The operating system refused, or a defect of ours. */
  internal: -32603,
  /** A file, directory or file handle does not exist. */
  notFound: -32004,
  /** `resumeSessionId` names a session that a live connection holds. */
  sessionAttached: -32010,
  /** The token of the connection does not allow the method; the message names the scope that it lacks. */
  forbidden: -32003,
  /** A limit that protects the server was reached; the message names the limit and the way out. */
  overloaded: -32001,
} as const;

export type RpcCode = (typeof RpcCode)[keyof typeof RpcCode];

/** An error that is answered to the peer as it is. `code` may be any integer when it came from a peer. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  constructor(
    readonly code: number,
    message: string,
    readonly data?: unknown,
  ) {
    super(message);
  }
}

export type LocalErrorCode =
  | 'aborted'
  | 'closed'
  | 'connect'
  | 'connect-timeout'
  | 'initialize-timeout'
  | 'invalid-argument'
  | 'output-lost'
  | 'protocol'
  | 'spawn'
  | 'timeout';

/** An error that never crosses the wire: the caller on this side gets it, with the cause. */
export class LocalError extends Error {
  override readonly name = 'LocalError';
  constructor(
    readonly code: LocalErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** The text of anything that was thrown. */
export function errorText(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
