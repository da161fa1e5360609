// Who is told of what happens on an exec server: the audit log, telemetry. Servers without any pay one comparison per request.

import type { TraceContext } from '../../shared/rpc/envelope.ts';

/** One connection, while it lasts. */
export interface ConnectionFacts {
  /** Unique in this process, e.g. `c12`. */
  readonly id: string;
  /** Where from, e.g. `exec-server websocket 10.0.0.7:51234`. */
  readonly label: string;
  /** The token that let it in; `none` where none is asked for. */
  readonly tokenId: string;
}

export interface AnsweredRequest {
  readonly connection: ConnectionFacts;
  /** Undefined before `initialize`. */
  readonly sessionId: string | undefined;
  readonly method: string;
  /** As they came: not judged where the request was refused. */
  readonly params: unknown;
  readonly trace: TraceContext | undefined;
  readonly durationMs: number;
  /** Undefined when it was served. */
  readonly error: { readonly code: number; readonly message: string } | undefined;
}

export interface EndedProcess {
  readonly sessionId: string;
  readonly processId: string;
  readonly exitCode: number;
}

/** Methods must not throw. */
export interface ExecObserver {
  connected?(connection: ConnectionFacts): void;
  disconnected?(connection: ConnectionFacts, reason: string): void;
  answered?(request: AnsweredRequest): void;
  processExited?(process: EndedProcess): void;
  /** It has expired, or the server ends: its processes are gone. */
  sessionEnded?(sessionId: string): void;
  /** Writes out what waits. */
  close?(): Promise<void>;
}

/** @returns one observer that tells all; undefined when there is none. */
export function observers(all: readonly (ExecObserver | undefined)[]): ExecObserver | undefined {
  const present = all.filter((observer) => observer !== undefined);
  if (present.length < 2) return present[0];
  return {
    connected: (connection) => present.forEach((observer) => observer.connected?.(connection)),
    disconnected: (connection, reason) => present.forEach((observer) => observer.disconnected?.(connection, reason)),
    answered: (request) => present.forEach((observer) => observer.answered?.(request)),
    processExited: (process) => present.forEach((observer) => observer.processExited?.(process)),
    sessionEnded: (sessionId) => present.forEach((observer) => observer.sessionEnded?.(sessionId)),
    close: async () => {
      await Promise.all(present.map(async (observer) => observer.close?.()));
    },
  };
}
