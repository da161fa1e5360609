// How WebSockets are made on this platform, and how a URL is dialled with them: plainly, or over a relay.

import type { Connection } from '../connection/connection.ts';
import type { DialOptions } from '../connection/dialing.ts';
import { dialWebSocket, type WebSocketFactory, type WebSocketLike } from '../connection/websocket.ts';
import { dialWebSocketStream, type WebSocketStreamLike } from '../connection/websocket-stream.ts';
import { LocalError } from '../errors.ts';
import { isRelayUrl } from './relay-url.ts';

/** What differs between Node and browsers. */
export interface Sockets {
  /** For the frames of a relay; its URLs are secrets themselves and need no token. */
  readonly factory: WebSocketFactory;
  /** A plain connection. */
  dial(url: string, options: DialOptions & { readonly token?: string | undefined }): Promise<Connection>;
}

const { WebSocket, WebSocketStream } = globalThis as {
  WebSocket?: new (url: string) => WebSocketLike;
  WebSocketStream?: new (url: string) => WebSocketStreamLike;
};

/** Whether `pause` of a plain connection makes the server wait. If not, what comes too fast has to be left out. */
export const canHoldBack = WebSocketStream !== undefined;

function openBrowserSocket(url: string): WebSocketLike {
  if (!WebSocket) throw new LocalError('invalid-argument', 'this platform has no WebSocket: pass `sockets`');
  return new WebSocket(url);
}

/** Those of browsers. They set no headers, so a token goes into the query. */
export const browserSockets: Sockets = {
  factory: openBrowserSocket,
  dial(url, { token, ...options }) {
    const address = token === undefined ? url : withToken(url, token);
    return WebSocketStream
      ? dialWebSocketStream(address, { factory: (target) => new WebSocketStream(target), ...options })
      : dialWebSocket(address, { factory: openBrowserSocket, ...options });
  },
};

/** Plainly, or over the relay when `url` has `role=harness` (docs/protocol.md §11.6). @throws LocalError as `dialWebSocket`. */
export async function dialUrl(
  sockets: Sockets,
  url: string,
  options: DialOptions & { readonly token?: string | undefined } = {},
): Promise<Connection> {
  if (!isRelayUrl(url)) return sockets.dial(url, options);
  const { token: _, ...relayOptions } = options;
  return dialRelayLink(sockets, url, relayOptions);
}

/** @param url or how to get one: they expire. The relay's code is loaded when it is needed. */
export async function dialRelayLink(
  { factory }: Sockets,
  url: string | (() => Promise<string>),
  options: DialOptions,
): Promise<Connection> {
  const { dialRelay } = await import('./relay-link.ts');
  return dialRelay({ url, factory, ...options });
}

function withToken(url: string, token: string): string {
  const [address = '', query] = url.split('#', 1)[0]?.split('?') ?? [];
  return `${address}?${query === undefined ? '' : `${query}&`}token=${encodeURIComponent(token)}`;
}
