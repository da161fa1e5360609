// A connection to a server as the page shows it: connect, drop, resume, and in plain words why not.
//
//   disconnected   connect()                 connecting
//   connecting     session opened | failed   connected | disconnected, with the problem
//   connected      connection lost           reconnecting (the client tries by itself, and resumes)
//   reconnecting   success | disconnect()    connected | disconnected

import { ExecServerClient, type ClientStatus } from '../../../shared/client/harness.ts';
import type { RelayLink } from '../../../shared/client/relay-link.ts';
import { errorText, LocalError, RpcCode, RpcError } from '../../../shared/errors.ts';
import { environmentInfo } from '../../../shared/protocol/environment.ts';
import type { ResultOf } from '../../../shared/protocol/declare.ts';
import type { Recorder } from '../../../shared/recording/entry.ts';
import { parsePath } from '../../../shared/protocol/path.ts';
import { canHoldBack, dial, type Dialled } from '../lib/dial.ts';
import { explainConnect, type Explanation } from '../lib/explain-error.ts';
import type { ExecutorTraits } from '../lib/launch.ts';
import { lazyParts } from '../lib/lazy-part.svelte.ts';
import { OutputFlow } from '../lib/output-flow.ts';
import { lookAtServer } from '../lib/server-address.ts';
import { targetAddress, targetTitle, type Target } from '../lib/target.ts';
import { RoundTrips } from './round-trips.svelte.ts';
import { Terminals } from './terminals.svelte.ts';
import { Traffic } from './traffic.svelte.ts';
import type { WireLog } from './wire-log.svelte.ts';

/** What became of the session that this tab had before. */
export type FormerSession = 'resumed' | 'gone' | 'held by another tab';

export type ConnectionStatus = 'disconnected' | 'connecting' | 'connected' | 'reconnecting';

/** The round trip is measured this often while the page is seen, ms. */
const measureMs = 5000;
/** While the page itself loads, it would be the page that is measured, ms since it was opened. */
const pageLoadMs = 2000;
/** Shared by all connections: an answer that takes longer is no round trip to show, ms. */
const measureTimeoutMs = 10_000;

export interface ConnectionStart {
  /** `c1`, `c2` …: its name in the page's address and in recordings. */
  readonly id: string;
  readonly target: Target;
  /** A session to take over, from before a reload. */
  readonly sessionId?: string | undefined;
  readonly wire: WireLog;
}

export class ServerConnection {
  readonly id: string;
  target = $state.raw<Target>() as Target;
  status = $state<ConnectionStatus>('disconnected');
  problem = $state.raw<Explanation | undefined>();
  /** Why it reconnects. */
  dropReason = $state('');
  /** When it tries next, on the clock of `performance.now()`. */
  retryAtMs = $state(0);
  sessionId = $state<string | undefined>();
  client = $state.raw<ExecServerClient | undefined>();
  /** The relay link below it, if it is one. */
  link = $state.raw<RelayLink | undefined>();
  /** The relay link is lost for the moment, while the session above it only waits. */
  isLinkLost = $state(false);
  /** When the session was opened by this page, by the clock. */
  connectedAtMs = $state<number | undefined>();
  /** How often it, or the relay link below it, was lost and came back. */
  reconnectCount = $state(0);
  readonly roundTrips = new RoundTrips();
  readonly traffic = new Traffic();
  readonly terminals: Terminals;
  #environment = $state.raw<ResultOf<typeof environmentInfo> | undefined>();
  readonly #wire: WireLog;
  #cancel: AbortController | undefined;
  #dialled: Dialled | undefined;
  #measureTimer: ReturnType<typeof setTimeout> | undefined;
  /** What is on the way is counted once: through a relay the frames, which hold the messages. */
  readonly #record: Recorder = (entry) => {
    if (entry.kind === 'frame') this.traffic.count(entry.dir, entry.bytes.length);
    else if (entry.kind === 'message' && this.target.kind !== 'relay') this.traffic.count(entry.dir, entry.text.length);
    this.#wire.record(entry);
  };
  readonly #onOnline = () => this.reconnectNow();

  readonly flow = new OutputFlow(
    { pause: () => this.client?.pause(), resume: () => this.client?.resume() },
    // Through a relay each stream has a window of its own: it can be held back whatever the socket can do.
    () => canHoldBack || this.target.kind === 'relay',
  );

  constructor({ id, target, sessionId, wire }: ConnectionStart) {
    this.id = id;
    this.target = target;
    this.sessionId = sessionId;
    this.#wire = wire;
    this.terminals = new Terminals(this);
    addEventListener('online', this.#onOnline);
  }

  get title(): string {
    return targetTitle(this.target);
  }

  /** Without secrets. */
  get address(): string {
    return targetAddress(this.target);
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

  /** What the user is shown: a lost link is one that comes back. */
  get shownStatus(): ConnectionStatus {
    return this.isLinkLost ? 'reconnecting' : this.status;
  }

  /** The server starts nothing and changes nothing. */
  get isReadOnly(): boolean {
    return this.client?.server?.readOnly === true;
  }

  /** A process can be started. */
  get canLaunch(): boolean {
    return this.status === 'connected' && !this.isReadOnly;
  }

  supports(extension: string): boolean {
    return this.client?.supports(extension) ?? false;
  }

  async connect(): Promise<void> {
    if (this.status !== 'disconnected') return;
    const { target } = this;
    const cancel = new AbortController();
    this.#cancel = cancel;
    this.status = 'connecting';
    this.problem = undefined;
    try {
      const { client, former } = await this.#open(target, cancel.signal);
      this.#environment = await this.#askEnvironment(client);
      if (cancel.signal.aborted) {
        client.close();
        return;
      }
      this.client = client;
      this.connectedAtMs = Date.now();
      this.reconnectCount = 0;
      this.traffic.start();
      this.#follow(client.status);
      void this.terminals.sessionOpened(client, former);
    } catch (error) {
      if (cancel.signal.aborted) return;
      this.status = 'disconnected';
      this.problem = explainConnect(error, await lookAtServer(target));
    }
  }

  /** Also while connecting. The session lives on at the server for a while: connecting again resumes it. */
  disconnect(): void {
    this.#cancel?.abort();
    this.status = 'disconnected';
    this.problem = undefined;
    this.client?.close();
    this.#closed();
  }

  reconnectNow(): void {
    this.client?.reconnectNow();
  }

  /** Loses the connection on purpose, as a network would: the page recovers it by itself. */
  cut(): void {
    this.#dialled?.cut();
  }

  /** Sends a message as it is on the present connection, past the client, which ignores its answer. @returns whether it could. */
  sendText(text: string): boolean {
    if (this.status !== 'connected' || !this.#dialled) return false;
    this.#dialled.connection.send(text);
    return true;
  }

  /** Another server has other sessions. Only while disconnected. */
  setTarget(target: Target): void {
    if (this.status !== 'disconnected') return;
    if (targetAddress(target) !== this.address) this.sessionId = undefined;
    this.target = target;
  }

  /** It is taken out of the list: nothing of it goes on in the page. */
  dispose(): void {
    this.disconnect();
    removeEventListener('online', this.#onOnline);
    this.terminals.dispose();
  }

  async #open(target: Target, signal: AbortSignal): Promise<{ client: ExecServerClient; former: FormerSession }> {
    let client: ExecServerClient | undefined;
    const options = {
      dial: async () => {
        const watch = {
          connection: this.id,
          recorder: this.#record,
          nowMs: this.#wire.nowMs,
          onLinkLost: (isLost: boolean) => this.#linkLost(isLost),
        };
        this.#dialled = await dial(target, watch, signal);
        this.link = this.#dialled.link;
        return this.#dialled.connection;
      },
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
        if (this.status === 'reconnecting') this.reconnectCount++;
        this.status = 'connected';
        this.problem = undefined;
        this.sessionId = status.sessionId;
        this.#measureLater(0);
        lazyParts.serverIsThere();
        return;
      case 'waiting':
        this.status = 'reconnecting';
        this.isLinkLost = false;
        this.dropReason = status.reason;
        this.retryAtMs = status.retryAtMs;
        clearTimeout(this.#measureTimer);
        void this.#explainDrop(status);
        return;
      case 'connecting':
        this.retryAtMs = 0;
        return;
      case 'closed':
        this.status = 'disconnected';
        this.#closed();
    }
  }

  #linkLost(isLost: boolean): void {
    if (isLost === this.isLinkLost || this.status !== 'connected') return;
    this.isLinkLost = isLost;
    if (!isLost) this.reconnectCount++;
  }

  #closed(): void {
    clearTimeout(this.#measureTimer);
    this.isLinkLost = false;
    this.client = undefined;
    this.link = undefined;
    this.#dialled = undefined;
    this.connectedAtMs = undefined;
    this.roundTrips.clear();
    this.traffic.stop();
  }

  /** A server that was restarted takes no former token: trying again is no help then, so it is said. */
  async #explainDrop({ reason, retryAtMs }: Extract<ClientStatus, { phase: 'waiting' }>): Promise<void> {
    const isFirst = retryAtMs <= performance.now();
    if (isFirst) return;
    const problem = explainConnect(new LocalError('connect', reason), await lookAtServer(this.target));
    if (this.status === 'reconnecting') this.problem = problem;
  }

  #measureLater(ms: number): void {
    clearTimeout(this.#measureTimer);
    this.#measureTimer = setTimeout(() => void this.#measure(), ms);
  }

  /** By a question that changes nothing. Servers that do not know it are not asked. */
  async #measure(): Promise<void> {
    const { client } = this;
    if (!client || this.status !== 'connected' || this.#environment === undefined) return;
    if (!document.hidden) {
      const startMs = performance.now();
      try {
        await client.call(environmentInfo, {}, { timeoutMs: measureTimeoutMs });
        if (startMs >= pageLoadMs) this.roundTrips.add(performance.now() - startMs);
      } catch {
        // Lost, or too slow: the state of the connection tells it.
      }
    }
    const isLoading = performance.now() < pageLoadMs;
    if (client === this.client && this.status === 'connected') this.#measureLater(isLoading ? pageLoadMs : measureMs);
  }
}
