// The connection to a server as the page shows it: connect, drop, resume, and in plain words why not.
//
//   disconnected   connect()                 connecting
//   connecting     session opened | failed   connected | disconnected, with the problem
//   connected      connection lost           reconnecting (the client tries by itself, and resumes)
//   reconnecting   success | disconnect()    connected | disconnected

import { z } from 'zod';
import { ExecServerClient, type ClientStatus } from '../../../shared/client/harness.ts';
import { errorText, LocalError, RpcCode, RpcError } from '../../../shared/errors.ts';
import { environmentInfo } from '../../../shared/protocol/environment.ts';
import type { ResultOf } from '../../../shared/protocol/declare.ts';
import { parsePath } from '../../../shared/protocol/path.ts';
import { canHoldBack, dial } from '../lib/dial.ts';
import { explainConnect, type Explanation } from '../lib/explain-error.ts';
import type { ExecutorTraits } from '../lib/launch.ts';
import { OutputFlow } from '../lib/output-flow.ts';
import { lookAtServer, ownServerUrl } from '../lib/server-address.ts';
import { readStored, tabArea, writeStored } from '../lib/storage.ts';

/** What became of the session that this tab had before. */
export type FormerSession = 'resumed' | 'gone' | 'held by another tab';

export type ConnectionStatus = 'disconnected' | 'connecting' | 'connected' | 'reconnecting';

/** What a reload needs: the address may hold a token, so it stays in this tab. */
const storedSchema = z.object({ url: z.string(), sessionId: z.string().optional() });
const key = 'connection';

export class ServerConnection {
  url = $state(ownServerUrl());
  status = $state<ConnectionStatus>('disconnected');
  problem = $state.raw<Explanation | undefined>();
  /** Why it reconnects. */
  dropReason = $state('');
  /** When it tries next, on the clock of `performance.now()`. */
  retryAtMs = $state(0);
  sessionId = $state<string | undefined>();
  client = $state.raw<ExecServerClient | undefined>();
  #environment = $state.raw<ResultOf<typeof environmentInfo> | undefined>();
  #cancel: AbortController | undefined;

  readonly flow = new OutputFlow(
    { pause: () => this.client?.pause(), resume: () => this.client?.resume() },
    canHoldBack,
  );

  /** Called with each new client, when its session is open. */
  onSession: (client: ExecServerClient, former: FormerSession) => void = () => undefined;

  constructor() {
    const stored = readStored(tabArea, key, storedSchema);
    if (stored) this.url = stored.url;
    this.sessionId = stored?.sessionId;
    addEventListener('online', () => this.reconnectNow());
  }

  /** What the executor said of itself; guesses where it said nothing. */
  get traits(): ExecutorTraits {
    const cwd = this.#environment?.cwd ?? this.#environment?.userHomeDir;
    return {
      shellPath: this.#environment?.shell.path ?? '/bin/sh',
      cwd: cwd == null ? '/' : parsePath(cwd, 'cwd').path,
      wantsUris: this.#environment !== undefined,
      takesSize: this.supports('process/start.io'),
    };
  }

  get environment() {
    return this.#environment;
  }

  supports(extension: string): boolean {
    return this.client?.supports(extension) ?? false;
  }

  async connect(): Promise<void> {
    if (this.status !== 'disconnected') return;
    const { url } = this;
    const cancel = new AbortController();
    this.#cancel = cancel;
    this.status = 'connecting';
    this.problem = undefined;
    try {
      const { client, former } = await this.#open(url, cancel.signal);
      this.#environment = await this.#askEnvironment(client);
      if (cancel.signal.aborted) {
        client.close();
        return;
      }
      this.client = client;
      this.#follow(client.status);
      this.onSession(client, former);
    } catch (error) {
      if (cancel.signal.aborted) return;
      this.status = 'disconnected';
      this.problem = explainConnect(error, await lookAtServer(url));
    }
  }

  /** Also while connecting. The session lives on at the server for a while: connecting again resumes it. */
  disconnect(): void {
    this.#cancel?.abort();
    this.status = 'disconnected';
    this.client?.close();
    this.client = undefined;
  }

  reconnectNow(): void {
    this.client?.reconnectNow();
  }

  /** Another server has other sessions. */
  setUrl(url: string): void {
    if (url === this.url) return;
    this.url = url;
    this.sessionId = undefined;
    this.#store();
  }

  async #open(url: string, signal: AbortSignal): Promise<{ client: ExecServerClient; former: FormerSession }> {
    let client: ExecServerClient | undefined;
    const options = {
      dial: () => dial(url, signal),
      clientName: 'exec-workbench page',
      onStatus: (status: ClientStatus) => {
        if (client !== undefined && client === this.client) this.#follow(status);
      },
    };
    const resumeSessionId = this.sessionId;
    try {
      client = await ExecServerClient.connect({ ...options, resumeSessionId });
      const isResumed = client.status.phase === 'ready' && client.status.isResumed;
      return { client, former: isResumed ? 'resumed' : 'gone' };
    } catch (error) {
      // A duplicated tab has the id of a session that the first tab still holds: it begins one of its own.
      const isHeldElsewhere = error instanceof RpcError && error.code === RpcCode.sessionAttached;
      if (!isHeldElsewhere || resumeSessionId === undefined) throw error;
      client = await ExecServerClient.connect(options);
      return { client, former: 'held by another tab' };
    }
  }

  async #askEnvironment(client: ExecServerClient) {
    if (client.server?.environmentInfo) return client.server.environmentInfo;
    try {
      return await client.call(environmentInfo, {}, { timeoutMs: 5000 });
    } catch (error) {
      // Older servers do not know the method.
      if (error instanceof RpcError || (error instanceof LocalError && error.code === 'protocol')) return undefined;
      throw new LocalError('closed', errorText(error));
    }
  }

  #follow(status: ClientStatus): void {
    switch (status.phase) {
      case 'ready':
        this.status = 'connected';
        this.problem = undefined;
        this.sessionId = status.sessionId;
        this.#store();
        return;
      case 'waiting':
        this.status = 'reconnecting';
        this.dropReason = status.reason;
        this.retryAtMs = status.retryAtMs;
        void this.#explainDrop(status);
        return;
      case 'connecting':
        this.retryAtMs = 0;
        return;
      case 'closed':
        this.status = 'disconnected';
    }
  }

  /** A server that was restarted takes no former token: trying again is no help then, so it is said. */
  async #explainDrop({ reason, retryAtMs }: Extract<ClientStatus, { phase: 'waiting' }>): Promise<void> {
    const isFirst = retryAtMs <= performance.now();
    if (isFirst) return;
    const problem = explainConnect(new LocalError('connect', reason), await lookAtServer(this.url));
    if (this.status === 'reconnecting') this.problem = problem;
  }

  #store(): void {
    writeStored(tabArea, key, { url: this.url, sessionId: this.sessionId });
  }
}
