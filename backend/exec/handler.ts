// What a handler is: a declaration of shared/protocol, and the function that serves it.

import type { MethodDeclaration, ParamsOf, ResultOf } from '../../shared/protocol/declare.ts';
import type { BulkBytes } from '../../shared/rpc/envelope.ts';
import type { FileHandles } from '../fs/handles.ts';
import type { BulkResult } from './bulk.ts';
import type { Session } from './session.ts';

/** What a handler may use of the connection that a request came over. It ends with the connection, the session may not. */
export interface RequestContext {
  readonly session: Session;
  /** Aborted when the connection ends: whoever waits gives up. */
  readonly signal: AbortSignal;
  /** File handles belong to the connection. */
  readonly files: FileHandles;
  /** Ids of the response bodies that are being streamed over this connection. */
  readonly bodyStreams: Set<string>;
  /**
   * Sends a notification to this connection. False: wait for `whenWritable` before sending more bulk.
   * After the end of the connection it does nothing.
   */
  notify(method: string, params: unknown): boolean;
  /** Resolves when bulk may be sent again, or when the connection has ended. */
  whenWritable(): Promise<void>;
}

export interface Route {
  readonly declaration: MethodDeclaration;
  /** Gets parsed params. Throws RpcError, or OsError, which is mapped by its code. */
  readonly handle: (params: never, context: RequestContext, bulk?: BulkBytes) => unknown;
  /**
   * Requests of one connection take effect in order: the next one starts when this one has answered. A route that waits for
   * something outside (output, a peer, a reader) says so, and holds up nothing behind it.
   */
  readonly waits: boolean;
  /**
   * A few requests of such routes, one behind the other, may be at work at the same time (they must not depend on each other,
   * or see to it themselves); whatever comes behind waits for all of them.
   */
  readonly overlaps: boolean;
  /** A member of params that the handler also takes as the bytes of its base64 text, `bulk`, which are then its own. */
  readonly bulkMember: string | undefined;
}

type Answer<D extends MethodDeclaration> = ResultOf<D> | BulkResult;

export function route<D extends MethodDeclaration>(
  declaration: D,
  handle: (params: ParamsOf<D>, context: RequestContext, bulk?: BulkBytes) => Answer<D> | Promise<Answer<D>>,
  options: { waits?: boolean; overlaps?: boolean; bulkMember?: string } = {},
): Route {
  const { waits = false, overlaps = false, bulkMember } = options;
  return { declaration, handle, waits, overlaps, bulkMember };
}
