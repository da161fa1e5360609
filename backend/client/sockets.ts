// WebSockets of Node for the client: by `ws`, with the token in a header and the server's own words when it refuses.

import { WebSocket, type ClientOptions } from 'ws';
import { notAWebSocketUrl, urlWithoutSecrets } from '../../shared/connection/dialing.ts';
import { dialWebSocket } from '../../shared/connection/websocket.ts';
import { limits } from '../../shared/limits.ts';
import type { Sockets } from '../../shared/client/sockets.ts';

const options: ClientOptions = {
  perMessageDeflate: false,
  maxPayload: limits.maxMessageBytes + 64 * 1024,
  followRedirects: false,
};
/** Servers drop who was silent for a minute. */
const heartbeatMs = 15_000;
/** As much of a refusal's body is read, in bytes. */
const maxRefusalBytes = 4096;

export const nodeSockets: Sockets = {
  factory: (url) => openSocket(url),
  dial: (url, { token, ...dialling }) =>
    dialWebSocket(url, {
      factory: () => openSocket(url, token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...dialling,
    }),
};

/** Dials; a refusal is told by the `error` event, in the server's own words. @throws LocalError `invalid-argument`. */
export function openSocket(url: string, headers: Readonly<Record<string, string>> = {}): WebSocket {
  if (!/^wss?:\/\//i.test(url)) throw notAWebSocketUrl(urlWithoutSecrets(url), undefined);
  const socket = new WebSocket(url, { ...options, headers });
  // Who is paused reads no pings and so answers none: a sign of life keeps the server from dropping it.
  const heartbeat = setInterval(() => {
    if (socket.isPaused) socket.ping();
  }, heartbeatMs).unref();
  socket.on('close', () => clearInterval(heartbeat));
  socket.on('unexpected-response', (request, response) => {
    let body = '';
    const refuse = () => {
      // As an error of the request `ws` tells it on, also when the request itself is over.
      request.emit('error', new Error(refusalText(response.statusCode ?? 0, body)));
      request.destroy();
    };
    response.setEncoding('utf8');
    response.on('data', (part: string) => {
      body += part;
      if (body.length > maxRefusalBytes) refuse();
    });
    response.once('end', refuse);
    response.once('error', refuse);
  });
  return socket;
}

function refusalText(status: number, body: string): string {
  if (status === 401 || status === 403) return `the token is missing or wrong, or not allowed here (${status})`;
  if (status >= 200 && status < 400) return `no exec server there: it answered ${status}, not an upgrade`;
  const said = /"message"\s*:\s*"([^"\\]{1,300})"/.exec(body)?.[1];
  return `it answered ${status}${said === undefined ? '' : `: ${said}`}`;
}
