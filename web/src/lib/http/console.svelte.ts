// The HTTP console of one connection: the request that is edited, its last exchange, and what was sent before, which is kept
// in this browser as it was, but for secrets: those are there until the page is left.

import * as z from 'zod';
import { SvelteMap } from 'svelte/reactivity';
import type { ServerConnection } from '../../state/connections.svelte.ts';
import { browserArea, readStored, tabArea, writeStored } from '../storage.ts';
import { Exchange } from './exchange.svelte.ts';
import { shortReason } from './explain.ts';
import { plainRequest, prepareRequest, requestSchema, withoutSecrets, type HttpDraft } from './request.ts';

const entrySchema = z.object({
  id: z.string(),
  /** Since 1970, ms. */
  atMs: z.number(),
  draft: requestSchema,
  /** Values of headers were left out of what is kept. */
  hadSecrets: z.boolean(),
  /** "200 · 12 ms · 1.2 KiB", or what went wrong. */
  outcome: z.string(),
});
export type HttpSent = z.infer<typeof entrySchema>;

const key = 'http.history';
const maxEntries = 100;
/** A longer body is sent and not kept, in characters. */
const maxKeptBody = 50_000;

class HttpHistory {
  entries = $state.raw<readonly HttpSent[]>(readStored(browserArea, key, z.array(entrySchema).max(10_000)) ?? []);
  /** What this page has sent, with all that was in it; by id. */
  readonly #whole = new SvelteMap<string, { readonly draft: HttpDraft; readonly file: File | undefined }>();

  add(draft: HttpDraft, file: File | undefined): string {
    const id = crypto.randomUUID();
    this.#whole.set(id, { draft, file });
    const kept = withoutSecrets(draft.bodyText.length > maxKeptBody ? { ...draft, bodyText: '' } : draft);
    this.#set([{ id, atMs: Date.now(), ...kept, outcome: '' }, ...this.entries].slice(0, maxEntries));
    for (const known of this.#whole.keys())
      if (!this.entries.some((entry) => entry.id === known)) this.#whole.delete(known);
    return id;
  }

  setOutcome(id: string, outcome: string): void {
    this.#set(this.entries.map((entry) => (entry.id === id ? { ...entry, outcome } : entry)));
  }

  /** As it was sent; after a reload without its secrets and its file. */
  whole(entry: HttpSent): { readonly draft: HttpDraft; readonly file: File | undefined; readonly isWhole: boolean } {
    const whole = this.#whole.get(entry.id);
    if (whole) return { ...whole, isWhole: true };
    return { draft: entry.draft, file: undefined, isWhole: !entry.hadSecrets && entry.draft.bodyKind !== 'file' };
  }

  remove(id: string): void {
    this.#whole.delete(id);
    this.#set(this.entries.filter((entry) => entry.id !== id));
  }

  clear(): void {
    this.#whole.clear();
    this.#set([]);
  }

  #set(entries: readonly HttpSent[]): void {
    this.entries = entries;
    writeStored(browserArea, key, entries);
  }
}

export const httpHistory = new HttpHistory();

export class HttpConsole {
  draft = $state.raw<HttpDraft>(plainRequest);
  file = $state.raw<File | undefined>();
  exchange = $state.raw<Exchange | undefined>();
  /** Why it was not sent. */
  problem = $state('');
  readonly #key: string;

  constructor(private readonly connection: ServerConnection) {
    this.#key = `http.${connection.id}`;
    this.draft = readStored(tabArea, this.#key, requestSchema) ?? plainRequest;
  }

  /** Why nothing can be sent, in words; '' when it can. */
  get refusal(): string {
    if (this.connection.status !== 'connected') return 'there is no connection';
    return this.isReadOnly ? 'the server was started with --read-only' : '';
  }

  get isReadOnly(): boolean {
    return this.connection.isReadOnly;
  }

  change(part: Partial<HttpDraft>): void {
    this.problem = '';
    this.draft = { ...this.draft, ...part };
    writeStored(tabArea, this.#key, this.draft);
  }

  takeFile(file: File): void {
    this.file = file;
    this.change({ fileName: file.name });
  }

  /** Takes a request of the history back. */
  take(entry: HttpSent): void {
    const { draft, file, isWhole } = httpHistory.whole(entry);
    this.file = file;
    this.change(draft);
    if (!isWhole) this.problem = 'Secrets and files are not kept: fill in what is missing.';
  }

  /** As it was; what is missing of it is asked for instead. */
  async sendAgain(entry: HttpSent): Promise<void> {
    this.take(entry);
    if (this.problem === '') await this.send();
  }

  /** Never rejects. */
  async send(): Promise<void> {
    const { client } = this.connection;
    const { draft, file } = this;
    if (!client || this.refusal !== '' || this.exchange?.isOver === false) return;
    const request = prepareRequest(draft, file);
    if ('problem' in request) {
      this.problem = request.problem;
      return;
    }
    this.problem = '';
    const exchange = new Exchange(request);
    this.exchange = exchange;
    const id = httpHistory.add(draft, file);
    await exchange.run(client, draft.followsRedirects);
    httpHistory.setOutcome(id, outcomeText(exchange));
  }
}

function outcomeText({ state, status, problem, totalMs = 0 }: Exchange): string {
  const ms = `${totalMs.toFixed(0)} ms`;
  if (state === 'cancelled') return `cancelled after ${ms}`;
  if (problem) return (status === undefined ? '' : `${status}, then `) + shortReason(problem.detail);
  return `${status ?? ''} · ${ms}`;
}

const consoles = new WeakMap<ServerConnection, HttpConsole>();

export function httpConsoleOf(connection: ServerConnection): HttpConsole {
  const known = consoles.get(connection);
  if (known) return known;
  const made = new HttpConsole(connection);
  consoles.set(connection, made);
  return made;
}
