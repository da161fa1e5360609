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
import { ProcessHandle, type ProcessListener } from './process-handle.ts';

export type ClientStatus =
  | { readonly phase: 'connecting' }
  | { readonly phase: 'ready'; readonly sessionId: string; readonly isResumed: boolean }
  | { readonly phase: 'waiting'; readonly reason: string; readonly retryAtMs: number }
  | { readonly phase: 'closed'; readonly reason: string };

export interface ClientOptions {
  /** Opens a connection; called again for each attempt. */
  readonly dial: () => Promise<Connection>;
  readonly clientName?: string;
  /** Dial again, and resume the session, when the connection is lost. Default true. */
  readonly reconnects?: boolean;
  /** A session to take over at the first connection, e.g. from before a reload of the page. */
  readonly resumeSessionId?: string | undefined;
  readonly initializeTimeoutMs?: number;
  readonly onStatus?: (status: ClientStatus) => void;
  /** The session could not be resumed: its processes are gone, a new one has begun. */
  readonly onSessionLost?: (reason: string) => void;
}

type InitializeResult = ResultOf<typeof initialize>;

/** Waits between attempts, ms. */
const firstRetryMs = 250;
const maxRetryMs = 10_000;

export class ExecServerClient {
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

  private constructor(private readonly options: ClientOptions) {
    this.#sessionId = options.resumeSessionId;
  }

  /**
   * Connects and opens a session.
   * @throws LocalError `connect`, `connect-timeout`, `initialize-timeout`, `closed`, `protocol`; RpcError as answered.
   */
  static async connect(options: ClientOptions): Promise<ExecServerClient> {
    const client = new ExecServerClient(options);
    try {
      await client.#connect();
    } catch (error) {
      client.#setStatus({ phase: 'closed', reason: errorText(error) });
      throw error;
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

  /** Starts a process whose events go to `listener`, beginning with the first. */
  async start(
    params: ParamsInput<typeof protocol.processStart>,
    listener: ProcessListener = {},
  ): Promise<ProcessHandle> {
    const handle = this.adopt(params.processId, listener);
    try {
      await this.call(protocol.processStart, params);
    } catch (error) {
      this.#processes.delete(params.processId);
      throw error;
    }
    return handle;
  }

  /** Follows a process that runs already, e.g. one from before a reload; `catchUp` of the handle reads what it has written. */
  adopt(processId: string, listener: ProcessListener): ProcessHandle {
    const handle = new ProcessHandle(this, processId, listener);
    this.#processes.set(processId, handle);
    return handle;
  }

  /** Ids for `process/write`: a repeated one is not written twice. */
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

  close(): void {
    clearTimeout(this.#retryTimer);
    const reason = 'closed by the harness';
    this.#setStatus({ phase: 'closed', reason });
    this.#peer?.connection.close();
    this.#abandonProcesses(reason);
  }

  async #connect(): Promise<void> {
    this.#setStatus({ phase: 'connecting' });
    const connection = await this.options.dial();
    const peer = new RpcPeer(connection, {
      onNotification: (method, params) => this.#notified(method, params),
      onClose: (close) => this.#lost(peer, close),
    });
    try {
      const isResumed = await this.#initialize(peer);
      if (this.status.phase === 'closed') throw new LocalError('closed', 'closed by the harness');
      this.#peer = peer;
      this.#retryMs = firstRetryMs;
      if (this.#isPaused) connection.pause();
      this.#setStatus({ phase: 'ready', sessionId: this.#sessionId ?? '', isResumed });
    } catch (error) {
      connection.close();
      throw error;
    }
    for (const handle of [...this.#processes.values()]) void handle.catchUp();
  }

  /** @returns whether the former session goes on. */
  async #initialize(peer: RpcPeer): Promise<boolean> {
    const timeoutMs = this.options.initializeTimeoutMs ?? limits.initializeTimeoutMs;
    const ask = async (resumeSessionId: string | null) => {
      const answer = await peer
        .request(
          initialize.method,
          { clientName: this.options.clientName ?? 'exec-workbench', resumeSessionId },
          { timeoutMs },
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
  }

  #abandonProcesses(reason: string): void {
    for (const handle of [...this.#processes.values()]) handle.abandon(reason);
    this.#processes.clear();
  }

  #notified(method: string, params: unknown): void {
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
