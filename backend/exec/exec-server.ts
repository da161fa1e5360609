// The exec server: takes connections of any kind and serves the protocol on them. Start reading here.
//
//   connection → HarnessConnection (handshake, order, backpressure) → route (handlers/*) → Session → ManagedProcess

import type { Logger } from 'pino';
import { CloseCode, type Connection } from '../../shared/connection/connection.ts';
import { extensionNames } from '../../shared/protocol/methods.ts';
import { openGrant, watchGrant, type Grant } from '../auth/grant.ts';
import { EventLoopWatch } from '../containment/event-loop-watch.ts';
import { markPrefix } from '../containment/mark.ts';
import { hasCaps } from '../containment/process-caps.ts';
import { sharedLimits, type SharedLimits } from '../containment/quota.ts';
import { AddressGuard } from '../http/address-guard.ts';
import { ExecMetrics } from './exec-metrics.ts';
import { withSandbox } from './handlers/confined-fs.ts';
import { environmentInfo, environmentRoutes } from './handlers/environment.ts';
import { fsRoutes } from './handlers/fs.ts';
import { httpRoutes } from './handlers/http.ts';
import { processRoutes } from './handlers/process.ts';
import { readOnly } from './handlers/read-only.ts';
import type { Route } from './handler.ts';
import { HarnessConnection } from './harness-connection.ts';
import type { ExecObserver } from './observer.ts';
import { Sessions } from './sessions.ts';
import type { ExecSettings } from './settings.ts';

export class ExecServer {
  readonly metrics = new ExecMetrics();
  readonly sessions: Sessions;
  readonly shared: SharedLimits;
  readonly eventLoop: EventLoopWatch;
  readonly #routes: ReadonlyMap<string, Route>;
  readonly #connections = new Set<HarnessConnection>();
  readonly #initializeExtras: Readonly<Record<string, unknown>>;
  #isClosing = false;
  #lastConnection = 0;

  constructor(
    readonly settings: ExecSettings,
    private readonly log: Logger,
    version: string,
    private readonly observer?: ExecObserver,
  ) {
    this.shared = sharedLimits(settings);
    this.eventLoop = new EventLoopWatch(settings.eventLoopWarnMs, (delayMs) =>
      log.warn({ delayMs }, 'the event loop was held up: everybody has waited (docs/operations.md)'),
    );
    this.sessions = new Sessions(settings, this.shared, observer, (session) => {
      log.debug({ session: session.id }, 'session ended');
      observer?.sessionEnded?.(session.id);
    });
    const everything = [
      ...processRoutes(settings),
      ...withSandbox(fsRoutes({ maxAnswerBytes: settings.maxMessageBytes }), settings),
      ...httpRoutes({
        maxBufferedBodyBytes: settings.maxMessageBytes,
        maxStreamedBodyBytes: settings.httpMaxResponseBytes,
        maxMs: settings.httpMaxMs,
        requests: this.shared.httpRequests,
        guard: settings.httpDeny === '' ? undefined : new AddressGuard(settings.httpDeny, settings.httpAllow),
      }),
      ...environmentRoutes({ version }),
    ];
    const routes = settings.readOnly ? readOnly(everything) : everything;
    this.#routes = new Map(routes.map((route) => [route.declaration.method, route]));
    this.#initializeExtras = {
      environmentInfo: environmentInfo({ version }),
      extensions: extensionNames,
      ...(settings.readOnly && { readOnly: true }),
    };
  }

  /**
   * Serves the protocol on `connection` until it ends.
   * @param grant what its bearer may do; the connection ends with it. Default: everything, for ever.
   */
  accept(connection: Connection, grant: Grant = openGrant): void {
    if (this.#isClosing) {
      connection.close(CloseCode.goingAway, 'the server is shutting down');
      return;
    }
    const { metrics, log } = this;
    metrics.connectionsOpen++;
    metrics.connectionsTotal++;
    this.eventLoop.enter();
    log.debug({ connection: connection.label }, 'connected');
    const facts = { id: `c${++this.#lastConnection}`, label: connection.label, tokenId: grant.tokenId };
    this.observer?.connected?.(facts);
    const harness = new HarnessConnection(connection, {
      settings: this.settings,
      sessions: this.sessions,
      routes: this.#routes,
      metrics,
      log,
      initializeExtras: this.#initializeExtras,
      scopes: grant.scopes,
      shared: this.shared,
      observer: this.observer,
      facts,
      onClosed: ({ reason, code }) => {
        stopWatching();
        metrics.connectionsOpen--;
        this.eventLoop.leave();
        this.#connections.delete(harness);
        log.debug({ connection: connection.label, reason, code }, 'disconnected');
        this.observer?.disconnected?.(facts, reason);
      },
    });
    this.#connections.add(harness);
    const stopWatching = watchGrant(grant, (reason) => harness.close(CloseCode.policyViolation, reason));
    harness.open();
  }

  /** As it is told over HTTP (`/healthz`): what holds, and what is used of the limits that all share. */
  containment() {
    const { processes, waitingRequests, httpRequests, fileHandles, output } = this.shared;
    return {
      endsDaemons: markPrefix() !== undefined,
      hasProcessCaps: hasCaps(this.settings),
      eventLoopDelayMs: this.eventLoop.worstDelayMs,
      processes: processes.used,
      waitingRequests: waitingRequests.used,
      httpRequests: httpRequests.used,
      fileHandles: fileHandles.used,
      retainedBytes: output.usedBytes,
    };
  }

  /** Closes all connections with 1001 and ends all sessions with their processes. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const harness of this.#connections) harness.close(CloseCode.goingAway, 'the server is shutting down');
    await this.sessions.close();
    await this.observer?.close?.();
  }
}
