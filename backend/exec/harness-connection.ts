// One connection of a harness: handshake, dispatch in order, answers, backpressure (docs/protocol.md, "Envelope").
//
//   state          initialize                    initialized        other request
//   new            → initializing                protocol error     -32600 "client must call initialize …"
//   initializing   -32600                        → ready            -32600 "client must send initialized …"
//   ready          -32600                        nothing            served
//
// Requests take effect in order: a handler that is at work holds up what is behind it, unless its route `waits`, or both
// `overlap`: what follows a start works on it, but starts do not work on each other.
// The event loop is given back after a few milliseconds of work, so that one connection cannot starve the others.

import { setMaxListeners } from 'node:events';
import type { Logger } from 'pino';
import { CloseCode, type CloseInfo, type Connection, type MessagePart } from '../../shared/connection/connection.ts';
import { errorText, RpcCode, RpcError } from '../../shared/errors.ts';
import { limits } from '../../shared/limits.ts';
import { parseParams, type MethodDeclaration, type MethodFamily } from '../../shared/protocol/declare.ts';
import { initialize } from '../../shared/protocol/initialize.ts';
import {
  errorText as errorMessage,
  malformedId,
  notificationText,
  parseEnvelope,
  responseText,
  type Envelope,
} from '../../shared/rpc/envelope.ts';
import type { Scope } from '../auth/grant.ts';
import type { SharedLimits } from '../containment/quota.ts';
import { FileHandles } from '../fs/handles.ts';
import { isOsError } from '../process/os-error.ts';
import { bulkFor, BulkResult, sendParts } from './bulk.ts';
import type { ExecMetrics } from './exec-metrics.ts';
import type { RequestContext, Route } from './handler.ts';
import type { AnsweredRequest, ConnectionFacts, ExecObserver } from './observer.ts';
import { rpcErrorOf } from './rpc-error.ts';
import type { Session } from './session.ts';
import type { SessionHolder, Sessions } from './sessions.ts';
import type { ExecSettings } from './settings.ts';

/** Work of one connection before others get their turn, ms. */
const sliceMs = 4;
/** Reading stops while more than this waits to be served, in bytes of text; in messages: --max-pipelined-requests. */
const maxInboxBytes = 1024 * 1024;
/** Reading and serving stop while more than this of unread answers waits: output is held back long before (limits.highWaterBytes). */
const maxUnreadAnswerBytes = 8 * limits.highWaterBytes;
/** How long a connection has to show that it is alive when another one asks for its session, ms. */
const probeMs = 2000;

/** Requests of one connection whose routes overlap that are at work at the same time. */
const maxOverlapping = 4;

type Request = Extract<Envelope, { kind: 'request' }>;
/** Text, or the bytes of it. */
type Message = string | Uint8Array;
type Order = Pick<Route, 'waits' | 'overlaps'>;

/** Families that are not here are open to every token. */
const scopeOfFamily: Readonly<Partial<Record<MethodFamily, Scope>>> = { exec: 'exec', filesystem: 'fs', http: 'http' };

export interface HarnessConnectionOptions {
  readonly settings: ExecSettings;
  readonly sessions: Sessions;
  readonly routes: ReadonlyMap<string, Route>;
  readonly metrics: ExecMetrics;
  readonly log: Logger;
  /** Members of the answer to `initialize` beside `sessionId`. */
  readonly initializeExtras: Readonly<Record<string, unknown>>;
  /** What the bearer of the connection's token may do. */
  readonly scopes: ReadonlySet<Scope>;
  readonly shared: SharedLimits;
  /** Told of each request that was answered. */
  readonly observer: ExecObserver | undefined;
  readonly facts: ConnectionFacts;
  readonly onClosed: (close: CloseInfo) => void;
}

export class HarnessConnection implements SessionHolder {
  wantedExtensions: ReadonlySet<string> = new Set();
  #state: 'new' | 'initializing' | 'ready' | 'closed' = 'new';
  #session: Session | undefined;
  readonly #inbox: Message[] = [];
  #inboxBytes = 0;
  /** A handler that does not wait is at work: what arrives goes to the inbox. */
  #isBusy = false;
  /** Handlers at work that overlap … */
  #overlapping = 0;
  /** … and the message that waits for them, taken from the inbox. */
  #held: Envelope | undefined;
  #isYielding = false;
  #sliceEndMs = 0;
  #isReadingPaused = false;
  #waitingRequests = 0;
  #context: RequestContext | undefined;
  readonly #abort = new AbortController();
  readonly #files: FileHandles;
  readonly #bodyStreams = new Set<string>();
  #writableWaiters: (() => void)[] = [];
  readonly #servedWaiters: (() => void)[] = [];

  constructor(
    private readonly connection: Connection,
    private readonly options: HarnessConnectionOptions,
  ) {
    this.#files = new FileHandles(limits.maxFileHandles, options.shared.fileHandles);
    // Every waiting request listens; Node would take more than ten for a leak.
    setMaxListeners(0, this.#abort.signal);
  }

  open(): void {
    this.connection.open({
      onMessage: (text) => this.#receive(text),
      onLongMessage: (bytes) => this.#receive(bytes),
      onWritable: () => this.#writable(),
      onInputEnd: () => this.#whenServed(),
      onClose: (close) => this.#closed(close),
    });
  }

  close(code: number, reason: string): void {
    this.connection.close(code, reason);
  }

  send(message: string): boolean {
    return this.connection.send(message);
  }

  sendParts(parts: readonly MessagePart[]): boolean {
    return sendParts(this.connection, parts);
  }

  async isAlive(): Promise<boolean> {
    if (this.connection.isClosed) return false;
    return this.connection.probe ? this.connection.probe(probeMs) : true;
  }

  displaced(): void {
    this.#session = undefined;
    this.close(CloseCode.policyViolation, 'the session was resumed by another connection');
  }

  #receive(message: Message): void {
    const { metrics } = this.options;
    metrics.messagesIn++;
    metrics.bytesIn += message.length;
    if (this.#isBusy || this.#held || this.#isYielding || this.#hasUnreadAnswers || this.#inbox.length > 0) {
      this.#inbox.push(message);
      this.#inboxBytes += message.length;
      this.#updateReading();
      return;
    }
    this.#serveWithinSlice(message);
  }

  /** Serves one message; when the slice is used up, the rest waits for the next turn of the event loop. */
  #serveWithinSlice(message: Message): void {
    const nowMs = performance.now();
    // A slice begins with the first message after a turn of the event loop in which it had ended.
    if (this.#sliceEndMs === 0) {
      this.#sliceEndMs = nowMs + sliceMs;
      setImmediate(() => (this.#sliceEndMs = 0));
    } else if (nowMs > this.#sliceEndMs) {
      this.#inbox.unshift(message);
      this.#inboxBytes += message.length;
      this.#yield();
      return;
    }
    this.#serve(parseEnvelope(message), nowMs);
  }

  #yield(): void {
    if (this.#isYielding) return;
    this.#isYielding = true;
    this.#updateReading();
    // Two turns: the first lets the sockets be read and written, and the slice begin anew.
    setImmediate(() => {
      this.#isYielding = false;
      this.#drainInbox();
    });
  }

  #drainInbox(): void {
    while (!this.#isBusy && !this.#isYielding && !this.#hasUnreadAnswers && this.#state !== 'closed') {
      const held = this.#held;
      if (held) {
        if (this.#mustWait(held)) break;
        this.#held = undefined;
        this.#serve(held, performance.now());
        continue;
      }
      const message = this.#inbox.shift();
      if (message === undefined) break;
      this.#inboxBytes -= message.length;
      this.#serveWithinSlice(message);
    }
    this.#updateReading();
    if (this.#isServed) for (const resolve of this.#servedWaiters.splice(0)) resolve();
  }

  get #isServed(): boolean {
    const isAtWork = this.#isBusy || this.#overlapping > 0 || this.#held !== undefined;
    return (!isAtWork && this.#inbox.length === 0) || this.#state === 'closed';
  }

  /** Everything that came has been answered, but for what only waits. */
  #whenServed(): Promise<void> {
    if (this.#isServed) return Promise.resolve();
    return new Promise((resolve) => this.#servedWaiters.push(resolve));
  }

  /** Whether others that are at work have to come to their end first. */
  #mustWait(envelope: Envelope): boolean {
    if (this.#overlapping === 0) return false;
    const route = envelope.kind === 'request' ? this.options.routes.get(envelope.method) : undefined;
    return !route?.overlaps || this.#overlapping === maxOverlapping;
  }

  #serve(envelope: Envelope, startMs: number): void {
    if (this.#mustWait(envelope)) {
      this.#held = envelope;
      return;
    }
    switch (envelope.kind) {
      case 'request':
        this.#serveRequest(envelope, startMs);
        return;
      case 'notification':
        if (envelope.method === 'initialized' && this.#state !== 'new') this.#state = 'ready';
        else if (envelope.method === 'initialized') this.#protocolError('initialized came before initialize');
        else this.#protocolError(`unexpected notification ${envelope.method.slice(0, 100)}`);
        return;
      case 'response':
      case 'error':
        this.#protocolError('a harness must not send answers');
        return;
      case 'malformed':
        this.options.metrics.malformedMessages++;
        this.#send(
          errorMessage(malformedId, {
            code: RpcCode.invalidRequest,
            message: `failed to parse JSON-RPC message from ${this.connection.label}: ${envelope.reason}`,
          }),
        );
    }
  }

  #serveRequest(request: Request, startMs: number): void {
    const { method } = request;
    if (method === initialize.method) {
      this.#work(request, startMs, () => this.#initialize(request.params), { waits: false, overlaps: false });
      return;
    }
    const route = this.options.routes.get(method);
    if (!route) {
      const message = `exec-server stub does not implement \`${method}\` yet`;
      this.#fail(request, startMs, new RpcError(RpcCode.methodNotFound, message), 'unknown');
      return;
    }
    this.#work(
      request,
      startMs,
      () => {
        const { rawParams, bulk } = bulkFor(route, request);
        const params = parseParams(route.declaration, rawParams);
        const session = this.#requireReady(route.declaration.family);
        this.#requireScope(route.declaration);
        if (route.waits && this.#waitingRequests >= this.options.settings.maxWaitingRequests) {
          throw new RpcError(
            RpcCode.overloaded,
            `too many waiting requests: the limit is ${this.options.settings.maxWaitingRequests} per connection (--max-waiting-requests)`,
          );
        }
        if (route.waits) this.options.shared.waitingRequests.assertFree();
        return route.handle(params as never, this.#contextOf(session), bulk);
      },
      route,
    );
  }

  /** Runs a handler and answers. One that returns no promise is answered within the same turn. */
  #work(request: Request, startMs: number, handle: () => unknown, { waits, overlaps }: Order): void {
    let result: unknown;
    try {
      result = handle();
    } catch (error) {
      this.#fail(request, startMs, error);
      return;
    }
    if (!(result instanceof Promise)) {
      this.#succeed(request, startMs, result);
      return;
    }
    if (waits) {
      this.#waitingRequests++;
      this.options.shared.waitingRequests.take();
    } else if (overlaps) this.#overlapping++;
    else this.#isBusy = true;
    const finish = (answer: () => void) => {
      answer();
      if (waits) {
        this.#waitingRequests--;
        this.options.shared.waitingRequests.release();
        return;
      }
      if (overlaps) this.#overlapping--;
      else this.#isBusy = false;
      this.#drainInbox();
    };
    result.then(
      (value: unknown) => finish(() => this.#succeed(request, startMs, value)),
      (error: unknown) => finish(() => this.#fail(request, startMs, error)),
    );
  }

  #succeed(request: Request, startMs: number, result: unknown): void {
    const { id, method } = request;
    const durationMs = performance.now() - startMs;
    this.options.metrics.answered(method, 'ok', durationMs);
    if (!(result instanceof BulkResult)) this.#send(responseText(id, result));
    else if (!this.sendParts(result.response(id))) this.#updateReading();
    if (this.options.observer) this.#tellObserver(request, durationMs, undefined);
  }

  /** @param metricsName bounds the labels: harnesses may call what they like. */
  #fail(request: Request, startMs: number, thrown: unknown, metricsName = request.method): void {
    const { id, method } = request;
    const durationMs = performance.now() - startMs;
    const error = rpcErrorOf(thrown);
    // What the system refuses is the harness's business; anything else is a defect of ours.
    if (!(thrown instanceof RpcError) && !isOsError(thrown)) {
      this.options.log.warn({ method, err: thrown }, 'request failed');
    }
    this.options.metrics.answered(metricsName, String(error.code), durationMs);
    this.#send(errorMessage(id, error));
    if (this.options.observer) this.#tellObserver(request, durationMs, error);
  }

  #tellObserver({ method, params, trace }: Request, durationMs: number, error: AnsweredRequest['error']): void {
    const { observer, facts } = this.options;
    observer?.answered?.({ connection: facts, sessionId: this.#session?.id, method, params, trace, durationMs, error });
  }

  #initialize(params: unknown): Promise<unknown> | object {
    const { resumeSessionId, extensions } = parseParams(initialize, params);
    if (this.#state !== 'new')
      throw new RpcError(RpcCode.invalidRequest, 'initialize may only be sent once per connection');
    const begin = (session: Session) => {
      this.#state = 'initializing';
      this.#session = session;
      this.wantedExtensions = new Set(extensions ?? []);
      session.attach(this);
      return { sessionId: session.id, ...this.options.initializeExtras };
    };
    const { sessions, facts } = this.options;
    if (resumeSessionId == null) return begin(sessions.create(this, facts.tokenId));
    return sessions.resume(resumeSessionId, this, facts.tokenId).then((session) => {
      if (this.#state !== 'closed') return begin(session);
      // The connection has ended while the former holder was asked.
      sessions.detach(session, this);
      throw new RpcError(RpcCode.invalidRequest, 'connection closed');
    });
  }

  #requireReady(family: string): Session {
    if (this.#state === 'new' || !this.#session) {
      throw new RpcError(RpcCode.invalidRequest, `client must call initialize before using ${family} methods`);
    }
    if (this.#state !== 'ready') {
      throw new RpcError(RpcCode.invalidRequest, `client must send initialized before using ${family} methods`);
    }
    return this.#session;
  }

  #requireScope({ method, family }: MethodDeclaration): void {
    const scope = scopeOfFamily[family];
    if (scope === undefined || this.options.scopes.has(scope)) return;
    throw new RpcError(RpcCode.forbidden, `this token does not allow ${method}: it lacks the scope ${scope}`);
  }

  #contextOf(session: Session): RequestContext {
    this.#context ??= {
      session,
      signal: this.#abort.signal,
      files: this.#files,
      bodyStreams: this.#bodyStreams,
      notify: (method, params) => this.#send(notificationText(method, params)),
      whenWritable: () => this.#whenWritable(),
    };
    return this.#context;
  }

  #send(message: string): boolean {
    const isWritable = this.connection.send(message);
    if (!isWritable) this.#updateReading();
    return isWritable;
  }

  #whenWritable(): Promise<void> {
    if (this.connection.isWritable || this.connection.isClosed) return Promise.resolve();
    return new Promise((resolve) => this.#writableWaiters.push(resolve));
  }

  #writable(): void {
    this.#session?.onWritable();
    this.#drainInbox();
    const waiters = this.#writableWaiters;
    this.#writableWaiters = [];
    for (const resume of waiters) resume();
  }

  /** Nothing is served meanwhile: what it would answer could only pile up. */
  get #hasUnreadAnswers(): boolean {
    return this.connection.bufferedBytes > maxUnreadAnswerBytes;
  }

  /** Reading goes on while what waits is small: a harness that pipelines without end feels it, the server does not. */
  #updateReading(): void {
    const mustPause =
      this.#inbox.length > this.options.settings.maxPipelinedRequests ||
      this.#inboxBytes > maxInboxBytes ||
      this.#hasUnreadAnswers;
    if (mustPause === this.#isReadingPaused) return;
    this.#isReadingPaused = mustPause;
    if (mustPause) this.connection.pause();
    else this.connection.resume();
  }

  /** The peer does what the protocol forbids: there is no id to answer, so the connection ends, with the reason. */
  #protocolError(reason: string): void {
    this.options.log.info({ connection: this.connection.label, reason }, 'protocol error');
    this.connection.close(CloseCode.protocolError, reason);
    this.#closed({ reason, code: CloseCode.protocolError });
  }

  #closed(close: CloseInfo): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#inbox.length = 0;
    this.#held = undefined;
    this.#abort.abort();
    if (this.#session) this.options.sessions.detach(this.#session, this);
    this.#files
      .closeAll()
      .catch((error: unknown) => this.options.log.warn({ err: errorText(error) }, 'closing files failed'));
    this.#writable();
    this.options.onClosed(close);
  }
}
