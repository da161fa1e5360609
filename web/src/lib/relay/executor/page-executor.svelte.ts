// The executor that this page is, if the user wants it: registers, dials the rendezvous, takes the streams of harnesses and
// keeps what they asked. One per tab; it lives while the tab does, and comes back with a reload.
//
//   off       start()                  starting
//   starting  connected | refused      online | off, with the problem
//   online    link lost                away (the link dials again by itself, and the streams resume)
//   any       stop(), another executor took the id     off

import { untrack } from 'svelte';
import * as z from 'zod';
import { isOnline, registerExecutor } from '../../../../../shared/client/registration.ts';
import type { AskOptions } from '../../../../../shared/client/registry-api.ts';
import type { RelayLink } from '../../../../../shared/client/relay-link.ts';
import { browserSockets } from '../../../../../shared/client/sockets.ts';
import { errorText, LocalError } from '../../../../../shared/errors.ts';
import { observeCarrier, observeConnection } from '../../../../../shared/recording/observe.ts';
import type { StreamConnection } from '../../../../../shared/relay/stream-connection.ts';
import { announcer } from '../../../state/announcer.svelte.ts';
import type { Workbench } from '../../../state/workbench.svelte.ts';
import { dial } from '../../dial.ts';
import { readStored, tabArea, writeStored } from '../../storage.ts';
import { ruleSchema, type Rule } from './answers.ts';
import { BridgedSocket } from './bridged-socket.ts';
import { AskedRequest, HarnessStream, type Request, type StreamOwner } from './harness-stream.svelte.ts';

const settingsSchema = z.object({
  executorId: z.string(),
  name: z.string(),
  /** Base URL; empty: this page's server. */
  registry: z.string(),
  /** Of another registry. */
  token: z.string(),
  /** The connection to whose server requests are passed on; empty: a person answers. */
  forwardTo: z.string(),
  answersHandshake: z.boolean(),
  rules: z.array(ruleSchema).max(100),
  /** Online, or trying to be. */
  isWanted: z.boolean(),
});
export type ExecutorSettings = z.infer<typeof settingsSchema>;
export type ExecutorStatus = 'off' | 'starting' | 'online' | 'away';

const key = 'page-executor';
/** Requests that are kept when they are answered, and that may wait for a person. */
const maxKept = 100;
const maxWaiting = 1000;
/** All messages that wait, in characters. */
const maxWaitingLength = 64 * 1024 * 1024;
/** What a reload leaves unsettled is waited for, and looked at again after a step, ms. */
const waitMs = { patience: 3000, step: 300 };

let goneOnlineCount = 0;
let forwardCount = 0;

export class PageExecutor implements StreamOwner {
  settings = $state.raw<ExecutorSettings>(readStored(tabArea, key, settingsSchema) ?? freshSettings());
  status = $state<ExecutorStatus>('off');
  /** Why it is off although it was wanted, or away. */
  problem = $state('');
  /** Another executor is online with this id: whoever goes on takes its place. */
  isTaken = $state(false);
  streams = $state.raw<readonly HarnessStream[]>([]);
  /** Oldest first. */
  requests = $state.raw<readonly AskedRequest[]>([]);
  /** In the recording; another one each time it goes online. */
  recordedAs = $state('');
  readonly sessions: string[] = [];
  #link: RelayLink | undefined;
  #cancel: AbortController | undefined;
  #peer: string | undefined;
  #isResumable = false;
  #requestCount = 0;

  constructor(private readonly workbench: Workbench) {
    if (this.settings.isWanted) void this.start({ isReturning: true });
  }

  get rules(): readonly Rule[] {
    return this.settings.rules;
  }

  get answersHandshake(): boolean {
    return this.settings.answersHandshake;
  }

  get isOn(): boolean {
    return this.status !== 'off';
  }

  /** This page's server knows it: its streams are in the live picture. */
  get isHere(): boolean {
    return this.settings.registry === '';
  }

  get waiting(): readonly AskedRequest[] {
    return this.requests.filter(({ status }) => status === 'waiting');
  }

  /** Connections that requests can be passed on to; not this executor itself. */
  get targets() {
    return this.workbench.connections.filter(({ target }) => {
      return !(this.isHere && target.kind === 'relay' && target.executorId === this.settings.executorId);
    });
  }

  set(change: Partial<ExecutorSettings>): void {
    this.settings = { ...this.settings, ...change };
    writeStored(tabArea, key, this.settings);
  }

  /** Goes online with the present settings. `takesPlace`: also where another executor has this id. Never throws. */
  async start({ takesPlace = false, isReturning = false } = {}): Promise<void> {
    if (this.isOn) return;
    const cancel = new AbortController();
    const { signal } = cancel;
    this.#cancel = cancel;
    this.status = 'starting';
    this.problem = '';
    this.isTaken = false;
    this.recordedAs = `exec-${++goneOnlineCount}`;
    this.#peer = undefined;
    this.set({ isWanted: true });
    try {
      const asking = await this.#asking(signal);
      const isFree = async () => takesPlace || !(await isOnline(this.#registry, this.settings.executorId, asking));
      // After a reload the rendezvous may take the former page for one that is still there.
      if (!(await isSoon(isFree, isReturning ? waitMs.patience : 0))) {
        this.isTaken = true;
        throw new LocalError('connect', `an executor with the id ${this.settings.executorId} is online already`);
      }
      const { RelayLink } = await import('../../../../../shared/client/relay-link.ts');
      const link = await RelayLink.connect({
        factory: (url) => (isOwnHost(url) ? browserSockets.factory(url) : new BridgedSocket(url)),
        signal,
        url: () => this.#register(signal),
        onConnection: (stream) => void this.#accept(stream, signal),
        onStatus: (status) => {
          if (!signal.aborted) this.#follow(status);
        },
        wrapCarrier: (carrier) => {
          this.#record('open', carrier.label);
          return observeCarrier(carrier, this.#observation);
        },
      });
      if (signal.aborted) link.close();
      else this.#link = link;
    } catch (error) {
      if (signal.aborted) return;
      this.#record('failed', errorText(error));
      this.set({ isWanted: false });
      this.#off(errorText(error));
    }
  }

  /** Ends all streams and is gone from the registry. Idempotent. */
  stop(): void {
    this.set({ isWanted: false });
    this.#off('');
  }

  /** Loses the link as a network would. */
  cut(): void {
    this.#link?.cut();
  }

  asked(stream: HarnessStream, { id, method, params }: Request, length: number): AskedRequest | undefined {
    const { waiting } = this;
    const waitingLength = waiting.reduce((sum, other) => sum + other.length, length);
    if (waiting.length >= maxWaiting || waitingLength > maxWaitingLength) return undefined;
    const asked = new AskedRequest(++this.#requestCount, stream, id, method, params, length);
    let surplus = this.requests.length - waiting.length - maxKept;
    this.requests = [...this.requests.filter(({ status }) => status === 'waiting' || surplus-- <= 0), asked];
    return asked;
  }

  ended(stream: HarnessStream): void {
    this.streams = this.streams.filter((other) => other !== stream);
    for (const request of this.waiting) if (request.stream === stream) request.settle('gone');
  }

  get #observation() {
    const { record: recorder, nowMs } = this.workbench.wire;
    return { connection: this.recordedAs, recorder, nowMs, role: 'executor' } as const;
  }

  #record(event: 'dialling' | 'open' | 'failed', detail: string): void {
    const { record, nowMs } = this.workbench.wire;
    record({ kind: 'event', event, connection: this.recordedAs, atMs: nowMs(), detail });
  }

  get #registry() {
    const { registry, token } = this.settings;
    return { registry: registry || location.origin, token: token === '' || registry === '' ? undefined : token };
  }

  /** A page asks its own server; any other is asked by the executor of the connection in use, over HTTP. */
  async #asking(signal: AbortSignal): Promise<AskOptions> {
    if (this.isHere) return { signal };
    // After a reload it is about to be connected.
    const { active } = this.workbench;
    if (!(await isSoon(() => active.client !== undefined, waitMs.patience)) || !active.client) {
      const why = 'another registry is asked through the connection in use, which is not connected';
      throw new LocalError('connect', why);
    }
    return { signal, fetch: active.client.http.fetch };
  }

  /** Each dial asks for a new URL: they expire. */
  async #register(signal: AbortSignal): Promise<string> {
    const { executorId, name } = this.settings;
    this.#record('dialling', `as executor ${executorId}`);
    const about = { name, peer: this.#peer };
    const asking = await this.#asking(signal);
    const { url, isResumable, peer } = await registerExecutor(this.#registry, executorId, about, asking);
    this.#peer = peer;
    this.#isResumable = isResumable;
    return url;
  }

  #follow(status: RelayLink['status']): void {
    switch (status.phase) {
      case 'connected':
        this.status = 'online';
        this.problem = '';
        return;
      case 'waiting':
        this.status = 'away';
        this.problem = status.reason;
        // Where nobody keeps them, they are over.
        if (!this.#isResumable)
          for (const stream of this.streams) stream.close('the connection to the rendezvous was lost');
        return;
      case 'closed':
        this.set({ isWanted: false });
        this.#off(status.reason);
        announcer.say(`This page is no executor any more: ${status.reason}`);
    }
  }

  #off(problem: string): void {
    this.#cancel?.abort();
    this.#link?.close('the executor has gone offline');
    this.#link = undefined;
    this.status = 'off';
    this.problem = problem;
  }

  async #accept(stream: StreamConnection, signal: AbortSignal): Promise<void> {
    const { recorder, ...observation } = this.#observation;
    const observed = observeConnection(stream, {
      ...observation,
      stream: stream.streamId,
      // The end of one stream is no end of the connection that is recorded: its reset tells it.
      recorder: (entry) => entry.kind === 'event' || recorder(entry),
    });
    const { forwardTo } = this.settings;
    let target;
    try {
      target = forwardTo === '' ? undefined : await this.#reach(forwardTo, signal);
    } catch (error) {
      stream.close(undefined, `not passed on: ${errorText(error)}`.slice(0, 200));
      return;
    }
    const begun = new HarnessStream(stream.streamId, observed, this, target);
    if (!begun.isClosed) this.streams = [...untrack(() => this.streams), begun];
  }

  /** A connection of its own to where one of the workbench leads: each harness has a session of its own there. */
  async #reach(connectionId: string, signal: AbortSignal) {
    const found = this.targets.find(({ id }) => id === connectionId);
    if (!found) throw new LocalError('connect', `there is no connection ${connectionId} any more`);
    const { record: recorder, nowMs } = this.workbench.wire;
    const { connection } = await dial(found.target, { connection: `fwd-${++forwardCount}`, recorder, nowMs }, signal);
    return connection;
  }
}

function freshSettings(): ExecutorSettings {
  const letters = Array.from(crypto.getRandomValues(new Uint8Array(2)), (byte) => byte.toString(16).padStart(2, '0'));
  return {
    executorId: `page-${letters.join('')}`,
    name: 'A page of the workbench',
    registry: '',
    token: '',
    forwardTo: '',
    answersHandshake: true,
    rules: [],
    isWanted: false,
  };
}

async function isSoon(holds: () => boolean | Promise<boolean>, patienceMs: number): Promise<boolean> {
  const untilMs = performance.now() + patienceMs;
  while (!(await holds())) {
    if (performance.now() >= untilMs) return false;
    await new Promise((resolve) => setTimeout(resolve, waitMs.step));
  }
  return true;
}

function isOwnHost(url: string): boolean {
  return URL.canParse(url) && new URL(url).host === location.host;
}

const executors = new WeakMap<Workbench, PageExecutor>();

/** Made when it is first asked for; then it goes online again if it was before a reload. */
export function pageExecutorOf(workbench: Workbench): PageExecutor {
  let executor = executors.get(workbench);
  if (!executor) executors.set(workbench, (executor = new PageExecutor(workbench)));
  return executor;
}
