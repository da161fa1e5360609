// The message that is composed, and what became of those that were sent. The text is the one truth: the form is a view of it.

import * as z from 'zod';
import { errorText } from '../../../../shared/errors.ts';
import type { WireEntry } from '../../../../shared/recording/entry.ts';
import { idText, malformedId, parseEnvelope } from '../../../../shared/rpc/envelope.ts';
import type { ServerConnection } from '../../state/connections.svelte.ts';
import type { Workbench } from '../../state/workbench.svelte.ts';
import { readHead, type MessageHead } from '../inspect/message-head.ts';
import { freshId } from '../inspect/resend.ts';
import { latencyText } from '../inspect/row-text.ts';
import { browserArea, readStored, tabArea, writeStored } from '../storage.ts';
import { catalogEntry, exampleMessage, withFreshName, type Surroundings } from './catalog.ts';
import { checkMessage } from './check.ts';
import { followUpText, isLastOf, startedProcess } from './follow-up.ts';
import { isRecord } from './form-model.ts';
import { composerHistory, type Sent } from './history.svelte.ts';
import { RawConnection } from './raw-connection.svelte.ts';

/** On the session of the active connection, or on a connection of its own without a handshake. */
export type Way = Sent['way'];

export interface Exchange {
  readonly key: string;
  readonly text: string;
  readonly method: string;
  /** Of the recording. */
  readonly connection: string;
  readonly sentAtMs: number;
  /** `sent`: nothing answers it. */
  readonly status: 'waiting' | 'ok' | 'error' | 'lost' | 'sent';
  readonly answer: string;
  readonly latencyMs: number | undefined;
  readonly problem: string;
  /** Of the answer. Empty: none is due. */
  readonly id: string;
  /** The process that it starts; empty: none. */
  readonly processId: string;
  /** What was said of that process since, the first of it, in one line each. */
  readonly followUp: readonly string[];
}

const storedSchema = z.object({ text: z.string().max(1_000_000), way: z.enum(['session', 'fresh']) });
const key = 'composer';
/** Of this browser: what a new tab begins with. */
const lastMethodKey = 'composer.method';
const firstMethod = 'process/start';
const maxExchanges = 50;
const maxFollowUp = 20;

export class Composer {
  text = $state('');
  way = $state<Way>('session');
  exchanges = $state.raw<readonly Exchange[]>([]);
  /** Why the last one could not be sent. */
  problem = $state('');
  readonly raw: RawConnection;
  /** What was made last; while it is the text, nobody has typed. */
  #example = '';

  /** The text as a value; undefined while it is no JSON object. */
  readonly value = $derived.by<Record<string, unknown> | undefined>(() => {
    try {
      const value: unknown = JSON.parse(this.text);
      return isRecord(value) ? value : undefined;
    } catch {
      return undefined;
    }
  });
  readonly method = $derived(typeof this.value?.['method'] === 'string' ? this.value['method'] : '');
  readonly problems = $derived(checkMessage(this.text));

  constructor(private readonly workbench: Workbench) {
    this.raw = new RawConnection(workbench.wire);
    const stored = readStored(tabArea, key, storedSchema);
    const last = readStored(browserArea, lastMethodKey, z.string()) ?? '';
    if (stored) Object.assign(this, stored);
    else this.take(catalogEntry(last) ? last : firstMethod);
  }

  get target(): ServerConnection {
    return this.workbench.active;
  }

  get around(): Surroundings {
    const { traits, terminals } = this.target;
    return { cwd: traits.cwd, wantsUris: traits.wantsUris, processId: terminals.processes.at(-1)?.id };
  }

  get processIds(): readonly string[] {
    return this.target.terminals.processes.map(({ id }) => id);
  }

  /** A message of another method, to begin with. */
  take(method: string): void {
    this.text = this.#example = exampleMessage(method, freshId('composer'), this.around);
  }

  /** The connection is another one, or has told of itself: an example that nobody has touched fits it. */
  refreshExample(): void {
    if (this.text === this.#example) this.take(this.method);
  }

  /** With ids that nobody has used, so that it can be sent once more. */
  freshen(): void {
    const { value, method } = this;
    if (!value) return;
    const { params } = value;
    const named = isRecord(params) ? { params: withFreshName(method, params) } : {};
    this.text = JSON.stringify({ ...value, ...('id' in value ? { id: freshId('composer') } : {}), ...named }, null, 2);
  }

  setParams(params: Record<string, unknown>): void {
    if (this.value) this.text = JSON.stringify({ ...this.value, params }, null, 2);
  }

  /** For the tab: survives a reload. */
  store(): void {
    writeStored(tabArea, key, { text: this.text, way: this.way });
    if (catalogEntry(this.method)) writeStored(browserArea, lastMethodKey, this.method);
  }

  restore({ text, way }: Sent): void {
    this.text = text;
    this.way = way;
  }

  /** Sends the text as it is, whatever it is. */
  async send(): Promise<void> {
    const { text, way, target } = this;
    const { title, address } = target;
    this.problem = '';
    if (way === 'fresh') {
      try {
        await this.raw.open(target.target);
      } catch (error) {
        this.problem = errorText(error);
        return;
      }
    } else if (target.status !== 'connected') {
      this.problem = `${target.title} is not connected`;
      return;
    }
    const envelope = parseEnvelope(text);
    // What is no message is answered with this id, a notification not at all.
    const id =
      envelope.kind === 'request' ? idText(envelope.id) : envelope.kind === 'notification' ? '' : String(malformedId);
    const method = 'method' in envelope ? envelope.method : '';
    const exchange: Exchange = {
      key: composerHistory.add({ atMs: Date.now(), text, method, way, target: { title, address } }),
      text,
      method: method || (envelope.kind === 'malformed' ? 'not a message' : envelope.kind),
      connection: way === 'fresh' ? this.raw.name : target.id,
      sentAtMs: this.workbench.wire.nowMs(),
      status: id === '' ? 'sent' : 'waiting',
      answer: '',
      latencyMs: undefined,
      problem: '',
      id,
      processId: startedProcess(method, 'params' in envelope ? envelope.params : undefined),
      followUp: [],
    };
    this.exchanges = [exchange, ...this.exchanges].slice(0, maxExchanges);
    const stop = this.workbench.wire.listen((entry) => {
      if (this.#hear(exchange, entry)) stop();
    });
    if (id === '') stop();
    const isSent = way === 'fresh' ? this.raw.send(text) : target.sendText(text);
    if (isSent) return;
    stop();
    this.#settle(exchange, { status: 'lost', problem: 'the connection is closed' });
  }

  /** @returns whether nothing more is to be heard. */
  #hear(exchange: Exchange, entry: WireEntry): boolean {
    if (entry.connection !== exchange.connection) return false;
    if (entry.kind === 'event' && (entry.event === 'closed' || entry.event === 'failed')) {
      if (this.exchanges.some(({ key, status }) => key === exchange.key && status !== 'waiting')) return true;
      const code = entry.code === undefined ? '' : ` (${entry.code})`;
      this.#settle(exchange, { status: 'lost', problem: `the connection ended: ${entry.detail}${code}` });
      return true;
    }
    if (entry.kind !== 'message' || entry.dir !== 'in') return false;
    const head = readHead(entry.text);
    if (exchange.processId !== '' && head.processId === exchange.processId)
      return this.#follow(exchange, entry.text, head);
    if ((head.kind !== 'response' && head.kind !== 'error') || head.id !== exchange.id) return false;
    const latencyMs = entry.atMs - exchange.sentAtMs;
    this.#settle(exchange, {
      status: head.kind === 'response' ? 'ok' : 'error',
      answer: entry.text,
      latencyMs,
      problem: head.problem,
    });
    return exchange.processId === '' || head.kind === 'error';
  }

  /** @returns whether nothing more is to be heard, or enough was: the inspector has the rest. */
  #follow({ key }: Exchange, text: string, head: MessageHead): boolean {
    const exchange = this.exchanges.find((one) => one.key === key);
    if (!exchange) return true;
    const followUp = [...exchange.followUp, followUpText(text)];
    this.exchanges = this.exchanges.map((one) => (one.key === key ? { ...one, followUp } : one));
    return isLastOf(head) || followUp.length >= maxFollowUp;
  }

  #settle({ key }: Exchange, change: Partial<Exchange>): void {
    this.exchanges = this.exchanges.map((one) => (one.key === key ? { ...one, ...change } : one));
    const took = change.latencyMs === undefined ? '' : ` ${latencyText(change.latencyMs)}`;
    composerHistory.setOutcome(key, change.status === 'ok' ? `ok${took}` : `${change.problem ?? ''}${took}`);
  }
}

const composers = new WeakMap<Workbench, Composer>();

/** The one of this workbench: what is typed outlives the view, so that no component may own what is derived of it. */
export function composerOf(workbench: Workbench): Composer {
  const known = composers.get(workbench);
  if (known) return known;
  let composer!: Composer;
  $effect.root(() => {
    composer = new Composer(workbench);
  });
  composers.set(workbench, composer);
  return composer;
}
