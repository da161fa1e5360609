// The harness: connects to an exec server, keeps its session through dropped connections, starts processes.
//
//   phase        event                         next
//   connecting   initialized                   ready
//   ready        connection lost               waiting (or closed, when reconnecting is off)
//   waiting      time is up, or `reconnectNow` connecting
//   connecting   dial failed                   waiting, twice as long; before the first success: closed
//   any          close()                       closed

import type { CloseInfo, Connection } from '../connection/connection.ts';
import { errorText, LocalError, RpcCode, RpcError } from '../errors.ts';
import { limits } from '../limits.ts';
import { describeIssue, type MethodDeclaration, type ParamsInput, type ResultOf } from '../protocol/declare.ts';
import { initialize, initialized } from '../protocol/initialize.ts';
import * as protocol from '../protocol/process.ts';
import { RpcPeer, type RequestOptions } from '../rpc/peer.ts';
import { startParams, type ExecOptions, type RunOptions } from './exec.ts';
import { RemoteFiles } from './files.ts';
import { RemoteHttp } from './http.ts';
import type { ReaderOptions } from './output-reader.ts';
import { PathDialect } from './path-dialect.ts';
import { ProcessHandle, type ProcessListener } from './process-handle.ts';
import type { RunResult } from './run.ts';

export type ClientStatus =
  | { readonly phase: 'connecting' }
  | { readonly phase: 'ready'; readonly sessionId: string; readonly isResumed: boolean }
  | { readonly phase: 'waiting'; readonly reason: string; readonly retryAtMs: number }
  | { readonly phase: 'closed'; readonly reason: string };

/** What every way to connect can be told. */
export interface SessionOptions {
  /** Shown in the server's log. Default `exec-workbench`. */
  readonly clientName?: string | undefined;
  /** Dial again, and resume the session, when the connection is lost. Default true. */
  readonly reconnects?: boolean | undefined;
  /** A session to take over at the first connection, e.g. from before a reload of the page. */
  readonly resumeSessionId?: string | undefined;
  /** Time to an answer to `initialize`, ms. Default 10,000. */
  readonly initializeTimeoutMs?: number | undefined;
  /** Gives up connecting; of no effect once connected. */
  readonly signal?: AbortSignal | undefined;
  readonly onStatus?: ((status: ClientStatus) => void) | undefined;
  /** The session could not be resumed: its processes are gone, a new one has begun. */
  readonly onSessionLost?: ((reason: string) => void) | undefined;
  /** Every notification of the server as it came, before the client uses it. Must not throw. */
  readonly onNotification?: NotificationListener | undefined;
  /** Puts something around each new connection: a tracer, a recorder, an impairment. */
  readonly wrap?: ((connection: Connection) => Connection) | undefined;
}

export type NotificationListener = (method: string, params: unknown) => void;

export interface ClientOptions extends SessionOptions {
  /** Opens a connection; called again for each attempt. `signal` gives up the attempt. */
  readonly dial: (signal: AbortSignal) => Promise<Connection>;
  /** Ends what the connections stand on and was started for them, e.g. a child; called once, after the end. */
  readonly release?: (() => Promise<void>) | undefined;
}

type InitializeResult = ResultOf<typeof initialize>;

/** Waits between attempts, ms. */
const firstRetryMs = 250;
const maxRetryMs = 10_000;

/** A harness: one session with one exec server. */
export class ExecServerClient {
  /** Files of the executor's machine. */
  readonly fs = new RemoteFiles(() => this);
  /** HTTP requests from the executor's network. */
  readonly http = new RemoteHttp(() => this);
  /** How this server wants paths to be written; for requests made by `call`. */
  readonly paths = new PathDialect(() => this.#server?.environmentInfo !== undefined);
  status: ClientStatus = { phase: 'connecting' };
  #peer: RpcPeer | undefined;
  #server: InitializeResult | undefined;
  #sessionId: string | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #retryMs = firstRetryMs;
  #writeCount = 0;
  /** A session outlives its clients, and remembers their write ids: those of two clients must differ. */
  readonly #writePrefix = Math.random().toString(36).slice(2, 12);
  #isPaused = false;
  readonly #processes = new Map<string, ProcessHandle>();
  readonly #subscribers = new Set<NotificationListener>();
  /** Gives up what is under way when the client is closed. */
  readonly #stopping = new AbortController();
  readonly #statusWaiters: (() => void)[] = [];
  readonly #lossListeners = new Set<(reason: string) => void>();
  #resolveClosed: () => void = () => undefined;
  /** Resolves when the client is closed and nothing of it runs any more. Never rejects. */
  readonly whenClosed = new Promise<void>((resolve) => (this.#resolveClosed = resolve));

  private constructor(private readonly options: ClientOptions) {
    this.#sessionId = options.resumeSessionId;
    if (options.onNotification) this.#subscribers.add(options.onNotification);
  }

  /**
   * Connects and opens a session.
   * @throws LocalError `connect`, `connect-timeout`, `spawn`, `initialize-timeout`, `closed`, `protocol`, `aborted`; RpcError
   * as answered. Nothing is left running then.
   */
  static async connect(options: ClientOptions): Promise<ExecServerClient> {
    const client = new ExecServerClient(options);
    const { signal } = options;
    const onAbort = () => client.#stopping.abort();
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted) onAbort();
    try {
      await client.#connect();
    } catch (error) {
      client.#setStatus({ phase: 'closed', reason: errorText(error) });
      await client.whenClosed;
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
    return client;
  }

  get sessionId(): string | undefined {
    return this.#sessionId;
  }

  /** What the server said of itself. */
  get server(): InitializeResult | undefined {
    return this.#server;
  }

  supports(extension: string): boolean {
    return this.#server?.extensions?.includes(extension) ?? false;
  }

  /**
   * One request.
   * @throws RpcError as answered; LocalError `closed`, `timeout`, `aborted`, or `protocol` for a result of the wrong shape.
   */
  async call<D extends MethodDeclaration>(
    declaration: D,
    params: ParamsInput<D>,
    options?: RequestOptions,
  ): Promise<ResultOf<D>> {
    if (!this.#peer || this.status.phase === 'closed')
      throw new LocalError('closed', `not connected: cannot send ${declaration.method}`);
    const result = declaration.result.safeParse(await this.#peer.request(declaration.method, params, options));
    if (result.success) return result.data as ResultOf<D>;
    const what = describeIssue(result.error.issues[0], undefined).replace(/^params/, 'result');
    throw new LocalError('protocol', `the answer to ${declaration.method} is not as declared: ${what}`);
  }

  /**
   * Starts a program. Its output waits for who reads the handle's `output`, or `stdout` and `stderr`.
   * @throws RpcError -32603 when the system refuses (no such program, no such cwd), -32602; LocalError `closed`, `aborted`.
   */
  async exec(options: ExecOptions): Promise<ProcessHandle> {
    const cwd = options.cwd ?? this.#server?.environmentInfo?.cwd ?? '/';
    const hasSizes = this.supports('process/start.io');
    return this.paths.use((toWire) =>
      this.#start(startParams(options, toWire(cwd), hasSizes), undefined, options, options.signal),
    );
  }

  /**
   * Runs a program to its end: `exec` and `communicate` in one.
   * @throws LocalError `invalid-argument` for input to a server that cannot close stdin; else as these two.
   */
  async run({ input, ...options }: RunOptions): Promise<RunResult> {
    if (input !== undefined && !this.supports(protocol.processCloseStdin.method))
      throw new LocalError(
        'invalid-argument',
        'this server cannot close stdin, so the program would wait for more input',
      );
    const handle = await this.exec({ ...options, stdin: input === undefined ? 'closed' : 'open' });
    return handle.communicate(input, options);
  }

  /**
   * Starts a process by its wire form. Its events go to `listener`, beginning with the first, as they come; without one its
   * output waits for its reader.
   */
  start(params: ParamsInput<typeof protocol.processStart>, listener?: ProcessListener): Promise<ProcessHandle> {
    return this.#start(params, listener);
  }

  async #start(
    params: ParamsInput<typeof protocol.processStart>,
    listener: ProcessListener | undefined,
    readerOptions?: ReaderOptions,
    signal?: AbortSignal,
  ): Promise<ProcessHandle> {
    const { processId } = params;
    if (this.#processes.has(processId)) throw new LocalError('invalid-argument', `process ${processId} already exists`);
    const handle = this.adopt(processId, listener, readerOptions);
    try {
      await this.call(protocol.processStart, params, { signal });
    } catch (error) {
      this.forget(handle);
      // It was asked for all the same: requests take effect in order, so this comes after its start.
      if (signal?.aborted) this.call(protocol.processTerminate, { processId }).catch(() => undefined);
      throw error;
    }
    return handle;
  }

  /** Follows a process that runs already, e.g. one from before a reload; `catchUp` of the handle reads what it has written. */
  adopt(processId: string, listener?: ProcessListener, readerOptions?: ReaderOptions): ProcessHandle {
    const handle = new ProcessHandle(this, processId, listener, readerOptions);
    this.#processes.set(processId, handle);
    return handle;
  }

  /** For the handle: ids for `process/write`; a repeated one is not written twice. */
  nextWriteId(): string {
    return `${this.#writePrefix}-${++this.#writeCount}`;
  }

  /** Stops taking messages, answers too, as far as the carrier can: for a consumer that is behind. Survives a reconnect. */
  pause(): void {
    this.#isPaused = true;
    this.#peer?.connection.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#peer?.connection.resume();
  }

  /** For the handle: nothing more will come for it. */
  forget(handle: ProcessHandle): void {
    if (this.#processes.get(handle.processId) === handle) this.#processes.delete(handle.processId);
  }

  /** While waiting: tries at once. */
  reconnectNow(): void {
    if (this.status.phase !== 'waiting') return;
    clearTimeout(this.#retryTimer);
    void this.#reconnect();
  }

  /** Resolves at once, or when a connection that was lost is there again. @throws LocalError `closed`, `aborted`. */
  async whenReady(signal?: AbortSignal): Promise<void> {
    while (this.status.phase !== 'ready') {
      if (this.status.phase === 'closed') throw new LocalError('closed', `not connected: ${this.status.reason}`);
      if (signal?.aborted) throw new LocalError('aborted', 'waiting for the connection was aborted');
      await new Promise<void>((resolve) => {
        const go = () => {
          signal?.removeEventListener('abort', go);
          resolve();
        };
        this.#statusWaiters.push(go);
        signal?.addEventListener('abort', go);
      });
    }
  }

  /** Every notification of the server as it comes. @returns the end of it. */
  subscribe(listener: NotificationListener): () => void {
    this.#subscribers.add(listener);
    return () => this.#subscribers.delete(listener);
  }

  /** Tells when the connection of now is lost, once; what belongs to it alone is gone then. @returns the end of listening. */
  onceLost(listener: (reason: string) => void): () => void {
    this.#lossListeners.add(listener);
    return () => this.#lossListeners.delete(listener);
  }

  /**
   * Ends the connection. The session, with its processes, lives on at the server for a while and can be resumed; `whenClosed`
   * tells when all is gone on this side. Twice is fine.
   */
  close(): void {
    clearTimeout(this.#retryTimer);
    const reason = 'closed by the harness';
    this.#stopping.abort();
    this.#setStatus({ phase: 'closed', reason });
    this.#peer?.connection.close();
    this.#tellLost(reason);
    this.#abandonProcesses(reason);
  }

  async #connect(): Promise<void> {
    this.#setStatus({ phase: 'connecting' });
    const { dial, wrap } = this.options;
    const dialled = await dial(this.#stopping.signal);
    const connection = wrap ? wrap(dialled) : dialled;
    const garbage = new AbortController();
    let anomaly = '';
    const peer = new RpcPeer(connection, {
      onNotification: (method, params) => this.#notified(method, params),
      onAnomaly: (reason) => {
        anomaly = reason;
        garbage.abort();
      },
      onClose: (close) => this.#lost(peer, close),
    });
    const onStop = () => garbage.abort();
    this.#stopping.signal.addEventListener('abort', onStop);
    if (this.#stopping.signal.aborted) onStop();
    try {
      const isResumed = await this.#initialize(peer, garbage.signal).catch((error: unknown) => {
        if (anomaly === '') throw error;
        throw new LocalError('protocol', `${connection.label} does not speak the exec-server protocol: ${anomaly}`);
      });
      if (this.status.phase === 'closed') throw new LocalError('closed', 'closed by the harness');
      this.#peer = peer;
      this.#retryMs = firstRetryMs;
      if (this.#isPaused) connection.pause();
      this.#setStatus({ phase: 'ready', sessionId: this.#sessionId ?? '', isResumed });
    } catch (error) {
      connection.close();
      throw error;
    } finally {
      this.#stopping.signal.removeEventListener('abort', onStop);
    }
    for (const handle of [...this.#processes.values()]) void handle.catchUp();
  }

  /** @returns whether the former session goes on. */
  async #initialize(peer: RpcPeer, signal: AbortSignal): Promise<boolean> {
    const timeoutMs = this.options.initializeTimeoutMs ?? limits.initializeTimeoutMs;
    const ask = async (resumeSessionId: string | null) => {
      const answer = await peer
        .request(
          initialize.method,
          { clientName: this.options.clientName ?? 'exec-workbench', resumeSessionId },
          { timeoutMs, signal },
        )
        .catch((error: unknown) => {
          if (error instanceof LocalError && error.code === 'timeout')
            throw new LocalError('initialize-timeout', error.message);
          throw error;
        });
      const result = initialize.result.safeParse(answer);
      if (!result.success) throw new LocalError('protocol', 'the answer to initialize is not as declared');
      return result.data;
    };
    const former = this.#sessionId;
    let isResumed = former !== undefined;
    try {
      this.#server = await ask(former ?? null);
    } catch (error) {
      const isUnknownSession =
        error instanceof RpcError && error.code === RpcCode.invalidRequest && former !== undefined;
      if (!isUnknownSession) throw error;
      isResumed = false;
      this.#server = await ask(null);
      this.#abandonProcesses('the server has ended this session');
      this.options.onSessionLost?.(error.message);
    }
    this.#sessionId = this.#server.sessionId;
    peer.notify(initialized.method, {});
    return isResumed;
  }

  #lost(peer: RpcPeer, close: CloseInfo): void {
    if (this.#peer !== peer || this.status.phase === 'closed') return;
    this.#tellLost(close.reason);
    if (this.options.reconnects ?? true) {
      this.#wait(close.reason, 0);
    } else {
      this.#setStatus({ phase: 'closed', reason: close.reason });
      this.#abandonProcesses(close.reason);
    }
  }

  #wait(reason: string, ms: number): void {
    this.#setStatus({ phase: 'waiting', reason, retryAtMs: performance.now() + ms });
    this.#retryTimer = setTimeout(() => void this.#reconnect(), ms);
  }

  async #reconnect(): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      // `close` may have come meanwhile; the status is read anew.
      if (this.isClosed) return;
      this.#wait(errorText(error), this.#retryMs);
      this.#retryMs = Math.min(this.#retryMs * 2, maxRetryMs);
    }
  }

  get isClosed(): boolean {
    return this.status.phase === 'closed';
  }

  #setStatus(status: ClientStatus): void {
    if (this.status.phase === 'closed') return;
    this.status = status;
    this.options.onStatus?.(status);
    for (const go of this.#statusWaiters.splice(0)) go();
    if (status.phase !== 'closed') return;
    const { release } = this.options;
    if (release) void release().finally(this.#resolveClosed);
    else this.#resolveClosed();
  }

  #tellLost(reason: string): void {
    const listeners = [...this.#lossListeners];
    this.#lossListeners.clear();
    for (const listener of listeners) listener(reason);
  }

  #abandonProcesses(reason: string): void {
    for (const handle of [...this.#processes.values()]) handle.abandon(reason);
    this.#processes.clear();
  }

  #notified(method: string, params: unknown): void {
    for (const listener of this.#subscribers) listener(method, params);
    switch (method) {
      case protocol.processOutput.method: {
        const output = protocol.processOutput.params.safeParse(params);
        if (!output.success) return;
        const { processId, seq, stream, chunk } = output.data;
        this.#processes.get(processId)?.push({ kind: 'output', seq, stream, base64: chunk });
        return;
      }
      case protocol.processExited.method: {
        const exited = protocol.processExited.params.safeParse(params);
        if (!exited.success) return;
        const { processId, seq, exitCode } = exited.data;
        this.#processes.get(processId)?.push({ kind: 'exited', seq, exitCode });
        return;
      }
      case protocol.processClosed.method: {
        const closed = protocol.processClosed.params.safeParse(params);
        if (closed.success) this.#processes.get(closed.data.processId)?.push({ kind: 'closed', seq: closed.data.seq });
      }
    }
  }
}
