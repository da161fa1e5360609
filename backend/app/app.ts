// The Hono routes of `serve` and of `exec-server --listen`.

import type { IncomingMessage } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import { Hono, type Context } from 'hono';
import { cors } from 'hono/cors';
import type { WebSocket } from 'ws';
import type { Registry } from 'prom-client';
import { openRpc } from '../../shared/protocol/openrpc.ts';
import { execServerSchema } from '../../shared/protocol/schema.ts';
import { type Access, type Refusal } from '../auth/access.ts';
import { everyScope, type Scope } from '../auth/grant.ts';
import type { Bridge } from '../bridge/bridge.ts';
import type { ExecServer } from '../exec/exec-server.ts';
import { registryRoutes, type RegistrySettings } from '../relay/registry.ts';
import { relayApi } from '../relay/relay-api.ts';
import { bump } from '../relay/relay-metrics.ts';
import type { Rendezvous } from '../relay/rendezvous.ts';
import { verifyTarget, type RelayGrant } from '../relay/signed-url.ts';
import { sandboxReport } from '../sandbox/bubblewrap.ts';
import { ServerWebSocket, webSockets, type UpgradeGuard, type WebSocketOptions } from '../transports/websocket.ts';
import { openApi } from './openapi.ts';
import { pageFile } from './page.ts';
import { protoText, relayProto } from './proto-file.ts';

type AppEnv = { Bindings: HttpBindings };

export interface App {
  readonly hono: Hono<AppEnv>;
  readonly sockets: ReturnType<typeof webSockets<AppEnv>>;
  readonly guard: UpgradeGuard;
}

/** What `serve` has beside the exec server. */
export interface Relay {
  readonly rendezvous: Rendezvous;
  /** Signs its URLs. */
  readonly secret: Uint8Array;
  readonly settings: RegistrySettings;
}

/** Everything on one port: the page, the exec server at `/` and `/exec`, the relay, and what machines ask for. */
export function serveApp(
  server: ExecServer,
  relay: Relay,
  bridge: Bridge,
  access: Access,
  options: WebSocketOptions,
  version: string,
): App {
  const hono = new Hono<AppEnv>();
  const sockets = webSockets(hono, options);
  const upgrade = execUpgrade(server, access, sockets, options);

  hono.use(async (c, next) => {
    const refusal = access.judgeOrigin(c.env.incoming);
    return refusal ? refused(c, refusal) : next();
  });
  healthRoutes(hono, server, version);

  // The exec server, for upgrades; the guard has judged them before they come here.
  hono.get('/exec', upgrade, (c) => c.json(httpError('upgrade_required', 'this is a WebSocket endpoint'), 426));
  hono.get('/', upgrade, async (c) => {
    // The token arrives once in the URL; from then on the cookie carries it, and the page takes it out of the URL.
    const refusal = await access.judgeToken(c.env.incoming);
    const wayOut = 'Open the address that the server printed when it started: it holds the token.';
    if (refusal) return c.text(`${refusal.reason}\n\n${wayOut}\n`, refusal.status, retryAfter(refusal));
    const response = (await pageFile(c, '/')) ?? (await c.notFound());
    const cookie = access.cookieFor(c.env.incoming);
    if (cookie !== undefined) response.headers.append('set-cookie', cookie);
    return response;
  });

  // Built assets hold no secret.
  hono.get('/assets/*', async (c) => (await pageFile(c, c.req.path)) ?? c.notFound());
  hono.get('/favicon.svg', async (c) => (await pageFile(c, c.req.path)) ?? c.notFound());

  const requireScope = (scope: Scope) => async (c: Context<AppEnv>, next: () => Promise<void>) => {
    const refusal = await access.judgeToken(c.env.incoming, scope);
    if (refusal) return refused(c, refusal);
    return next();
  };
  hono.get('/metrics', requireScope('admin'), (c) => metricsAnswer(c, server, relay.rendezvous));
  hono.get('/schema/exec-server.json', (c) => c.json(execServerSchema()));
  hono.get('/openrpc.json', (c) => c.json(openRpc(version)));
  hono.get(`/proto/${relayProto}`, async (c) => c.text(await protoText()));
  // A page of another origin that got this far is let in; it shows its token, since cookies are not sent along.
  hono.use('/cloud/*', cors({ origin: (origin) => origin, allowHeaders: ['authorization', 'content-type'] }));
  for (const spelling of ['executor', 'environment']) {
    hono.use(`/cloud/${spelling}`, requireScope('relay-connect'));
    hono.use(`/cloud/${spelling}/:id/connect`, requireScope('relay-connect'));
    // What an executor asks: to register, and whether a harness that reached it may.
    hono.use(
      `/cloud/${spelling}/:id/:question{register|validate|validate-harness-key}`,
      requireScope('relay-register'),
    );
  }
  hono.route('/cloud', registryRoutes(relay.rendezvous, relay.secret, relay.settings));
  hono.use('/api/*', requireScope('admin'));
  hono.route('/api/relay', relayApi(relay.rendezvous));
  // It starts programs and reaches whatever this machine reaches: a part of the scopes is not enough, and a server that only
  // shows has none.
  if (server.settings.readOnly) {
    const reason = 'this server only shows (--read-only): it has no bridge';
    hono.use('/api/bridge', (c: Context<AppEnv>) =>
      Promise.resolve(refused(c, { status: 403, code: 'read_only', reason })),
    );
  }
  for (const scope of everyScope) hono.use('/api/bridge', requireScope(scope));
  hono.get('/api/bridge', bridgeUpgrade(bridge, access, sockets), (c) =>
    c.json(httpError('upgrade_required', 'this is a WebSocket endpoint'), 426),
  );
  const relayDoor = new RelayDoor(relay);
  hono.get('/relay/:id', relayUpgrade(relayDoor, sockets), (c) =>
    c.json(httpError('upgrade_required', 'this is a WebSocket endpoint'), 426),
  );
  hono.get('/openapi.json', (c) => c.json(openApi(version)));

  hono.notFound((c) => c.json(httpError('not_found', `nothing is served at ${c.req.path}`), 404));
  hono.onError((_, c) => c.json(httpError('internal', 'the request could not be served'), 500));

  return {
    hono,
    sockets,
    guard: (request) => {
      const isRelay = request.url?.startsWith('/relay/') === true;
      // A relay URL is its own token.
      return access.judgeOrigin(request) ?? (isRelay ? relayDoor.judge(request) : access.judgeToken(request));
    },
  };
}

/** Spelled as the genuine server spells it. A new object each time: node-server writes the length into what it is given. */
const plainText = () => ({ 'content-type': 'text/plain; charset=utf-8' });

/** The listener of `exec-server --listen`: the protocol at `/`, and health. */
export function listenerApp(server: ExecServer, access: Access, options: WebSocketOptions): App {
  const hono = new Hono<AppEnv>();
  const sockets = webSockets(hono, options);
  hono.use(async (c, next) => {
    const refusal = access.judgeOrigin(c.env.incoming);
    return refusal ? c.body(null, refusal.status) : next();
  });
  hono.get('/', execUpgrade(server, access, sockets, options), (c) =>
    c.body("Connection header did not include 'upgrade'", 400, plainText()),
  );
  hono.all('/', (c) => c.body('Request method must be `GET`', 405, plainText()));
  for (const path of ['/readyz', '/healthz']) {
    hono.get(path, (c) => c.body(null, 200));
    hono.all(path, (c) => c.body(null, 405, { allow: 'GET,HEAD' }));
  }
  hono.get('/metrics', async (c) => {
    const refusal = await access.judgeToken(c.env.incoming, 'admin');
    return refusal ? refused(c, refusal) : metricsAnswer(c, server);
  });
  hono.notFound((c) => c.body(null, 404));
  return {
    hono,
    sockets,
    guard: (request) => access.judgeOrigin(request) ?? access.judgeToken(request),
  };
}

function execUpgrade(
  server: ExecServer,
  access: Access,
  sockets: ReturnType<typeof webSockets<AppEnv>>,
  options: WebSocketOptions,
) {
  return sockets.upgradeWebSocket((c) => {
    const { incoming } = c.env as HttpBindings;
    const { socket } = incoming;
    const label = `exec-server websocket ${socket.remoteAddress}:${socket.remotePort}`;
    return {
      onOpen: (_, { raw }) => {
        if (raw)
          server.accept(new ServerWebSocket(raw, socket, label, options.pingIntervalMs), access.grantOf(incoming));
      },
    };
  });
}

function bridgeUpgrade(bridge: Bridge, access: Access, sockets: ReturnType<typeof webSockets<AppEnv>>) {
  return sockets.upgradeWebSocket((c) => {
    const { incoming } = c.env as HttpBindings;
    const { socket } = incoming;
    const label = `bridge websocket ${socket.remoteAddress}:${socket.remotePort}`;
    return {
      onOpen: (_, { raw }) => {
        if (!raw) return;
        // The upgrade is done; from here on its own pings look after it.
        socket.setTimeout(0);
        bridge.accept(raw, label, access.grantOf(incoming));
      },
    };
  });
}

/** Lets those in who hold a signed URL. */
class RelayDoor {
  readonly #grants = new WeakMap<IncomingMessage, RelayGrant>();

  constructor(private readonly relay: Relay) {}

  judge(request: IncomingMessage): Refusal | undefined {
    const grant = verifyTarget(request.url ?? '', this.relay.secret, Date.now());
    if (typeof grant !== 'string') {
      this.#grants.set(request, grant);
      return undefined;
    }
    bump(this.relay.rendezvous.metrics.refused, grant);
    const why = grant === 'expired' ? 'has expired' : 'is not signed by this server';
    return { status: 401, code: grant, reason: `this relay URL ${why}; ask /cloud/executor/ID/connect for another` };
  }

  open(request: IncomingMessage, socket: WebSocket): void {
    const grant = this.#grants.get(request);
    if (grant) this.relay.rendezvous.accept(socket, request.socket, grant);
    else socket.terminate();
  }
}

function relayUpgrade(door: RelayDoor, sockets: ReturnType<typeof webSockets<AppEnv>>) {
  return sockets.upgradeWebSocket((c) => ({
    onOpen: (_, { raw }) => {
      if (raw) door.open((c.env as HttpBindings).incoming, raw);
    },
  }));
}

function healthRoutes(hono: Hono<AppEnv>, server: ExecServer, version: string): void {
  const health = async () => ({
    status: 'ok',
    version,
    uptimeMs: Math.round(process.uptime() * 1000),
    connections: server.metrics.connectionsOpen,
    sessions: server.sessions.size,
    sandbox: await sandboxReport(),
    containment: server.containment(),
  });
  hono.get('/healthz', async (c) => c.json(await health()));
  hono.get('/readyz', async (c) => c.json(await health()));
}

async function metricsAnswer(c: Context, server: ExecServer, rendezvous?: Rendezvous): Promise<Response> {
  // Loaded on first use: most servers are never scraped.
  const { metricsRegistry } = await import('./metrics.ts');
  let registry = registries.get(server);
  if (!registry) {
    registry = metricsRegistry(server);
    if (rendezvous) (await import('../relay/prometheus.ts')).addRelayMetrics(registry, rendezvous);
    registries.set(server, registry);
  }
  return c.text(await registry.metrics(), 200, { 'content-type': registry.contentType });
}

const registries = new WeakMap<ExecServer, Registry>();

function refused(c: Context, refusal: Refusal): Response {
  return c.json(httpError(refusal.code, refusal.reason), refusal.status, retryAfter(refusal));
}

function retryAfter({ retryAfterSec }: Refusal): Record<string, string> {
  return retryAfterSec === undefined ? {} : { 'retry-after': String(retryAfterSec) };
}

/** The one shape of HTTP errors. */
export function httpError(code: string, message: string) {
  return { error: { code, message } };
}
