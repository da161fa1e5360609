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
  /** Any URL that the executor can fetch with 200. */
  readonly httpUrl?: string;
  /** The suite's HTTP server (docs/conformance.md, "HTTP fixture"), without a trailing slash. */
  readonly httpFixture?: string;
  readonly relay?: RelayTarget;
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
