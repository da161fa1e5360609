// Opens the page's connections: by WebSocketStream where the browser has it, since only there reading can stop.

import { isRelayUrl } from '../../../shared/client/relay-url.ts';
import type { Connection } from '../../../shared/connection/connection.ts';
import { dialWebSocket } from '../../../shared/connection/websocket.ts';
import { dialWebSocketStream, type WebSocketStreamLike } from '../../../shared/connection/websocket-stream.ts';

const { WebSocketStream } = globalThis as { WebSocketStream?: new (url: string) => WebSocketStreamLike };

/** Whether `pause` of a connection makes the server wait. If not, what comes too fast has to be left out. */
export const canHoldBack = WebSocketStream !== undefined;

export async function dial(url: string, signal: AbortSignal): Promise<Connection> {
  // Through a relay each stream has a window of its own: it can be held back whatever the socket can do.
  if (isRelayUrl(url)) {
    const { dialRelay } = await import('../../../shared/client/relay-link.ts');
    return dialRelay({ url, factory: (address) => new WebSocket(address), signal });
  }
  return WebSocketStream
    ? dialWebSocketStream(url, { factory: (address) => new WebSocketStream(address), signal })
    : dialWebSocket(url, { factory: (address) => new WebSocket(address), signal });
}
