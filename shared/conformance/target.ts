// What the suite is pointed at. Each platform fills in what it has: the command line all of it, a page some of it.

import type { DialOptions } from '../connection/dialing.ts';
import type { Connection } from '../connection/connection.ts';
import type { WebSocketFactory } from '../connection/websocket.ts';

export interface Target {
  /** For reports; no secret. */
  readonly name: string;
  /** A new connection. @throws LocalError. */
  dial(options: DialOptions): Promise<Connection>;
  /** Whether all connections reach one server, so that a session outlives its connection. Not on stdio. */
  readonly sharesSessions: boolean;
  /** Lines instead of WebSocket messages. */
  readonly isStdio?: boolean;
  readonly websocket?: { readonly url: string; readonly factory: WebSocketFactory };
  /** One HTTP request to the port that listens; `path` begins with a slash. Redirects are not followed. */
  readonly listener?: (request: ListenerRequest) => Promise<ListenerAnswer>;
  /**
   * The bytes below a new connection: of the TCP connection after its upgrade, or of a program's stdin and stdout.
   * @param url of the WebSocket, where it is one
   */
  readonly bytes?: (events: ByteEvents, url?: string) => Promise<ByteLink>;
  /** Any URL that the executor can fetch with 200. */
  readonly httpUrl?: string;
  /** The suite's HTTP server (docs/conformance.md, "HTTP fixture"), without a trailing slash. */
  readonly httpFixture?: string;
  readonly relay?: RelayTarget;
}

export interface ByteEvents {
  onBytes(bytes: Uint8Array): void;
  /** Once, by whomever. */
  onEnd(end: ByteEnd): void;
}

export interface ByteEnd {
  /** Of a program. */
  readonly exitCode?: number;
}

export interface ByteLink {
  send(bytes: Uint8Array): void;
  /** Of what was sent, the bytes that the system has not taken yet. */
  readonly waitingBytes: number;
  /** Ends our half: the program's stdin. */
  finish(): void;
  /** Ends it at once, the program with it. */
  close(): void;
}

export interface ListenerRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ListenerAnswer {
  /** 101 when the request was upgraded; the socket is closed then. */
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface RelayTarget {
  /** An executor that is online. */
  readonly executorId: string;
  readonly factory: WebSocketFactory;
  /** A request to the registry; `path` begins with `/cloud/`. `token: null` sends none. */
  registry(method: 'GET' | 'POST', path: string, options?: { readonly token?: string | null }): Promise<RegistryAnswer>;
}

export interface RegistryAnswer {
  readonly status: number;
  /** Parsed JSON; undefined when it is none. */
  readonly body: unknown;
}
