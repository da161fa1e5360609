// An HTTP server around an app: limits, guards, start and stop.

import type { Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { App } from './app/app.ts';
import type { TlsFiles } from './auth/tls.ts';

export interface Listening {
  /** The address that was bound, e.g. `127.0.0.1`, and the port (a free one where 0 was asked for). */
  readonly address: string;
  readonly port: number;
  /** Takes no more connections, and drops those that are no WebSockets. */
  close(): Promise<void>;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly maxConnections: number;
  /** A connection whose headers are not whole after this long is dropped, ms, within a quarter of it. */
  readonly headersTimeoutMs: number;
  /** Undefined: http:// and ws://. */
  readonly tls: TlsFiles | undefined;
  /** Told why a changed certificate was not taken. */
  readonly onTlsProblem: (problem: string) => void;
}

/** What a request has for its body, after its headers, ms. */
const bodyTimeoutMs = 10_000;

/** @throws Error when the address cannot be bound. */
export async function listen(app: App, options: ListenOptions): Promise<Listening> {
  const { host, port, maxConnections, headersTimeoutMs, tls } = options;
  const { fetch } = app.hono;
  // Headers that trickle in are cut off; a page or a scrape takes far less. Node looks each half minute unless told otherwise.
  const serverOptions = {
    headersTimeout: headersTimeoutMs,
    requestTimeout: headersTimeoutMs + bodyTimeoutMs,
    connectionsCheckingInterval: Math.ceil(headersTimeoutMs / 4),
  };
  const server = (
    tls
      ? createAdaptorServer({
          fetch,
          createServer: createTlsServer,
          serverOptions: { ...serverOptions, handshakeTimeout: headersTimeoutMs, ...tls.options },
        })
      : createAdaptorServer({ fetch, serverOptions })
  ) as Server | TlsServer;
  const stopWatchingTls = tls?.watch((changed) => {
    if ('setSecureContext' in server) server.setSecureContext(changed);
  }, options.onTlsProblem);
  server.maxConnections = maxConnections;
  server.on('clientError', (_, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    else socket.destroy();
  });
  app.sockets.attach(server, app.guard);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: 511 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { address, port: boundPort } = server.address() as AddressInfo;
  return {
    address,
    port: boundPort,
    close: () =>
      new Promise((resolve) => {
        stopWatchingTls?.();
        server.close(() => resolve());
        server.closeAllConnections();
        for (const socket of app.sockets.sockets) setTimeout(() => socket.terminate(), 500).unref();
      }),
  };
}
