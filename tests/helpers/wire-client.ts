// A raw client for tests: sends what a test says, well-formed or not, keeps what comes, and runs behind the wire sniffer.
// It shares no protocol code with the server, so that a mistake in shared/ cannot hide itself.
import { createHash, type Hash } from 'node:crypto';
import type { Carrier, CarrierEnd } from './carriers.ts';
import { asObject, asString, isObject, parseJson, type Json, type JsonObject } from './json.ts';
import { within } from './until.ts';
import { WireSniffer, type ShapeCheck } from './wire-sniffer.ts';

/** An error answer, as an exception of `call`. */
export class AnswerError extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

export interface Answer {
  readonly result?: Json;
  readonly error?: { readonly code: number; readonly message: string };
}

export interface ClientOptions {
  /** False keeps only counts and hashes: for tests that move hundreds of MiB. Default true. */
  readonly keepsOutput?: boolean;
  readonly shapes?: ShapeCheck;
  /** Put into the environment of each process started by `start`, so that leftovers are found by it. */
  readonly tag?: string;
}

/** Default deadline of a wait in ms. Tests about time use their own. */
const DEADLINE_MS = 10_000;

/** What came about one process, in wire order. */
export class ProcessView {
  readonly seqs: number[] = [];
  readonly closed: Promise<void>;
  readonly exited: Promise<number>;
  exitCode: number | undefined;
  isClosed = false;
  startedAtMs = performance.now();
  exitedAtMs = 0;
  closedAtMs = 0;
  #parts: { stream: string; bytes: Buffer }[] = [];
  readonly #hash: Hash = createHash('sha256');
  readonly #counts = new Map<string, number>();
  #settleClosed: () => void = () => undefined;
  #settleExited: (exitCode: number) => void = () => undefined;
  #outputWaiters: (() => void)[] = [];

  constructor(
    readonly processId: string,
    readonly keepsOutput: boolean,
  ) {
    this.closed = new Promise((resolve) => (this.#settleClosed = resolve));
    this.exited = new Promise((resolve) => (this.#settleExited = resolve));
  }

  onEvent(method: string, params: JsonObject): void {
    this.seqs.push(Number(params['seq']));
    if (method === 'process/output') {
      const stream = asString(params['stream']);
      const bytes = Buffer.from(asString(params['chunk']), 'base64');
      this.#counts.set(stream, (this.#counts.get(stream) ?? 0) + bytes.length);
      if (this.keepsOutput) this.#parts.push({ stream, bytes });
      else this.#hash.update(bytes);
      for (const wake of this.#outputWaiters.splice(0)) wake();
    } else if (method === 'process/exited') {
      this.exitCode = Number(params['exitCode']);
      this.exitedAtMs = performance.now();
      this.#settleExited(this.exitCode);
    } else if (method === 'process/closed') {
      this.isClosed = true;
      this.closedAtMs = performance.now();
      this.#settleClosed();
    }
  }

  /** Settles with the next output: for measurements, which polling would disturb. */
  nextOutput(): Promise<void> {
    return new Promise((resolve) => this.#outputWaiters.push(resolve));
  }

  bytes(stream?: string): Buffer {
    if (!this.keepsOutput) throw new Error('this client keeps no output: ask for byteCount or sha256');
    return Buffer.concat(
      this.#parts.filter((part) => stream === undefined || part.stream === stream).map((part) => part.bytes),
    );
  }

  text(stream?: string): string {
    return this.bytes(stream).toString('utf8');
  }

  byteCount(stream?: string): number {
    if (stream !== undefined) return this.#counts.get(stream) ?? 0;
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Hex digest of all output in wire order; once only. */
  sha256(): string {
    return this.keepsOutput ? createHash('sha256').update(this.bytes()).digest('hex') : this.#hash.digest('hex');
  }
}

interface Waiter {
  readonly matches: (message: JsonObject) => boolean;
  readonly settle: (message: JsonObject) => void;
}

export class WireClient {
  /** Each message of the server in the order of arrival; empty for output when `keepsOutput` is false. */
  readonly messages: JsonObject[] = [];
  readonly processes = new Map<string, ProcessView>();
  readonly sniffer: WireSniffer;
  sessionId = '';
  /** Number of messages that came, kept or not. */
  messageCount = 0;
  readonly #carrier: Carrier;
  readonly #keepsOutput: boolean;
  readonly #tag: string | undefined;
  readonly #waiters = new Set<Waiter>();
  /** By id as JSON text; only one answer is expected per id at a time. */
  readonly #answers = new Map<string, (answer: JsonObject) => void>();
  #nextId = 1;
  #nextProcess = 1;

  constructor(carrier: Carrier, options: ClientOptions = {}) {
    this.#carrier = carrier;
    this.#keepsOutput = options.keepsOutput ?? true;
    this.#tag = options.tag;
    this.sniffer = new WireSniffer(options.shapes);
    carrier.onMessage = (text) => {
      this.#onMessage(text);
    };
  }

  get ended(): Promise<CarrierEnd> {
    return this.#carrier.ended;
  }

  get carrier(): Carrier {
    return this.#carrier;
  }

  // --- sending -----------------------------------------------------------------------------------------------------

  sendText(text: string): void {
    this.#carrier.sendText(text);
  }

  notify(method: string, params?: Json): void {
    this.sendText(JSON.stringify(params === undefined ? { method } : { method, params }));
  }

  /** Sends a request and returns a promise of its answer, error or not. Rejects only when no answer comes in time. */
  request(
    method: string,
    params?: Json,
    options: { readonly id?: number | string; readonly withinMs?: number; readonly trace?: JsonObject } = {},
  ): Promise<Answer> {
    const id = options.id ?? this.#nextId++;
    const key = JSON.stringify(id);
    const answered = new Promise<JsonObject>((resolve) => this.#answers.set(key, resolve));
    this.sniffer.onRequest(id, method, params);
    // Members that are undefined are left out.
    this.sendText(JSON.stringify({ id, method, params, trace: options.trace }));
    return within(`the answer to ${method} (id ${key})`, options.withinMs ?? DEADLINE_MS, answered).then(toAnswer);
  }

  /** The result. @throws AnswerError for an error answer. */
  async call(method: string, params?: Json, withinMs = DEADLINE_MS): Promise<JsonObject> {
    const answer = await this.request(method, params, { withinMs });
    if (answer.error) throw new AnswerError(answer.error.code, `${method}: ${answer.error.message}`);
    return asObject(answer.result, `the result of ${method} as an object`);
  }

  // --- the protocol ------------------------------------------------------------------------------------------------

  /** `initialize` and `initialized`; returns the result of `initialize`. */
  async initialize(params: JsonObject = {}): Promise<JsonObject> {
    const result = await this.call('initialize', { clientName: 'test', ...params });
    this.sessionId = asString(result['sessionId'], 'a sessionId');
    this.notify('initialized', {});
    return result;
  }

  /** `process/start` with defaults for what the test does not say. @throws AnswerError when it is refused. */
  async start(params: JsonObject & { readonly argv: string[] }): Promise<ProcessView> {
    const { view, answered } = this.startUnanswered(params);
    await answered;
    return view;
  }

  /** As `start`, without waiting for the answer: for pipelines. */
  startUnanswered(params: JsonObject & { readonly argv: string[] }): {
    readonly view: ProcessView;
    readonly answered: Promise<JsonObject>;
  } {
    const processId = typeof params['processId'] === 'string' ? params['processId'] : `p${String(this.#nextProcess++)}`;
    const view = new ProcessView(processId, this.#keepsOutput);
    this.processes.set(processId, view);
    const answered = this.call(
      'process/start',
      { cwd: '/', env: this.env(), ...('io' in params ? {} : { tty: false }), ...params, processId },
      30_000,
    );
    return { view, answered };
  }

  /** The environment that `start` gives by default, with additions. */
  env(more: Record<string, string> = {}): Record<string, string> {
    const tag: Record<string, string> = this.#tag === undefined ? {} : { EXEC_TEST_TAG: this.#tag };
    return { PATH: '/usr/bin:/bin', ...tag, ...more };
  }

  /** Starts and waits until closed. */
  async run(argv: string[], params: JsonObject = {}, withinMs = DEADLINE_MS): Promise<ProcessView> {
    const view = await this.start({ argv, ...params });
    await within(`${argv.join(' ').slice(0, 80)} to be closed`, withinMs, view.closed);
    return view;
  }

  async write(processId: string, bytes: string | Uint8Array, withinMs = DEADLINE_MS): Promise<string> {
    const chunk = Buffer.from(bytes).toString('base64');
    const result = await this.call('process/write', { processId, chunk }, withinMs);
    return asString(result['status']);
  }

  async terminate(processId: string, more: JsonObject = {}): Promise<boolean> {
    const result = await this.call('process/terminate', { processId, ...more });
    return result['running'] === true;
  }

  /** The next message, or one that came already, that `matches`. */
  waitFor(what: string, matches: (message: JsonObject) => boolean, withinMs = DEADLINE_MS): Promise<JsonObject> {
    const seen = this.messages.find(matches);
    if (seen) return Promise.resolve(seen);
    let waiter: Waiter | undefined;
    const came = new Promise<JsonObject>((resolve) => {
      waiter = { matches, settle: resolve };
      this.#waiters.add(waiter);
    });
    return within(what, withinMs, came).finally(() => {
      if (waiter) this.#waiters.delete(waiter);
    });
  }

  /** Waits until the output of `view` (of one stream, or all) contains `text`. */
  async waitForText(view: ProcessView, text: string, withinMs = DEADLINE_MS): Promise<void> {
    const has = (): boolean => view.text().includes(text);
    if (has()) return;
    await this.waitForNext(`${JSON.stringify(text)} from ${view.processId}`, has, withinMs);
  }

  /** Waits for a later message after which `holds` is true. */
  waitForNext(what: string, holds: (message: JsonObject) => boolean, withinMs = DEADLINE_MS): Promise<JsonObject> {
    let waiter: Waiter | undefined;
    const came = new Promise<JsonObject>((resolve) => {
      waiter = { matches: holds, settle: resolve };
      this.#waiters.add(waiter);
    });
    return within(what, withinMs, came).finally(() => {
      if (waiter) this.#waiters.delete(waiter);
    });
  }

  // --- receiving ---------------------------------------------------------------------------------------------------

  #onMessage(text: string): void {
    this.messageCount++;
    let message: Json;
    try {
      message = parseJson(text);
    } catch {
      this.sniffer.onServerMessage(text, undefined);
      return;
    }
    this.sniffer.onServerMessage(text, message);
    if (!isObject(message)) return;
    const isOutput = message['method'] === 'process/output';
    if (this.#keepsOutput || !isOutput) this.messages.push(message);
    this.#deliver(message);
    for (const waiter of this.#waiters) {
      if (!waiter.matches(message)) continue;
      this.#waiters.delete(waiter);
      waiter.settle(message);
    }
  }

  #deliver(message: JsonObject): void {
    const { method, params } = message;
    if (typeof method === 'string') {
      if (!isObject(params) || typeof params['processId'] !== 'string' || !method.startsWith('process/')) return;
      this.#viewOf(params['processId']).onEvent(method, params);
      return;
    }
    const key = JSON.stringify(message['id']);
    const settle = this.#answers.get(key);
    this.#answers.delete(key);
    settle?.(message);
  }

  /** A resumed session has processes that this client did not start. */
  #viewOf(processId: string): ProcessView {
    let view = this.processes.get(processId);
    if (!view) {
      view = new ProcessView(processId, this.#keepsOutput);
      this.processes.set(processId, view);
    }
    return view;
  }
}

function toAnswer(message: JsonObject): Answer {
  const error = message['error'];
  if (error === undefined) return { result: message['result'] ?? null };
  const { code, message: text } = asObject(error, 'an error object');
  return { error: { code: Number(code), message: asString(text) } };
}
