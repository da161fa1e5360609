// Wire: one connection as a case sees it. Sends anything, well-formed or not, keeps all that comes, waits for what must come.

import type { CloseInfo, Connection } from '../connection/connection.ts';
import { describeIssue, type MethodDeclaration, type ParamsInput, type ResultOf } from '../protocol/declare.ts';
import {
  notificationText,
  parseEnvelope,
  requestText,
  type Envelope,
  type RequestId,
  type RpcErrorBody,
} from '../rpc/envelope.ts';
import { Mismatch, shown } from './mismatch.ts';
import type { Transcript } from './transcript.ts';
import type { Waiting } from './waiting.ts';

export interface WireMessage {
  readonly text: string;
  readonly envelope: Envelope;
}

export interface Answer {
  readonly result?: unknown;
  readonly error?: RpcErrorBody;
}

export interface WireOptions {
  readonly transcript: Transcript;
  readonly waiting: Waiting;
  /** Default deadline of a wait, ms. */
  readonly waitMs: number;
}

export class Wire {
  /** All messages, in wire order. */
  readonly received: WireMessage[] = [];
  closeInfo: CloseInfo | undefined;
  /** Answered by `initialize`; '' before. */
  sessionId = '';
  /** The answer to `initialize` as it came. */
  handshake: unknown;
  readonly name: string;
  readonly #taken = new Set<WireMessage>();
  #lastId = 0;

  constructor(
    readonly connection: Connection,
    private readonly options: WireOptions,
  ) {
    const { transcript, waiting } = options;
    this.name = transcript.nextConnection();
    transcript.add(this.name, 'opened', '');
    connection.open({
      onMessage: (text) => {
        transcript.add(this.name, 'received', text);
        this.received.push({ text, envelope: parseEnvelope(text) });
        waiting.changed();
      },
      onWritable: () => undefined,
      onClose: (close) => {
        transcript.add(this.name, 'closed', closeText(close));
        this.closeInfo = close;
        waiting.changed();
      },
    });
  }

  /** One message, exactly as it is. */
  send(text: string): void {
    this.options.transcript.add(this.name, 'sent', text);
    this.connection.send(text);
  }

  /** Sends a request and does not wait. @returns its id. */
  request(method: string, params?: unknown, id: RequestId = ++this.#lastId): RequestId {
    this.send(requestText(id, method, params));
    return id;
  }

  notify(method: string, params?: unknown): void {
    this.send(notificationText(method, params));
  }

  /** The first message that matches and was not taken before. */
  next<T>(what: string, match: (message: WireMessage) => T | undefined, withinMs = this.options.waitMs): Promise<T> {
    const find = () => {
      for (const message of this.received) {
        if (this.#taken.has(message)) continue;
        const value = match(message);
        if (value === undefined) continue;
        this.#taken.add(message);
        return value;
      }
      return undefined;
    };
    return this.until(what, find, withinMs);
  }

  /** As `Waiting.until`; hopeless once the connection has ended. */
  until<T>(what: string, find: () => T | undefined, withinMs = this.options.waitMs): Promise<T> {
    const hopeless = () => this.closeInfo && `the connection ended: ${closeText(this.closeInfo)}`;
    return this.options.waiting.until(what, withinMs, find, hopeless);
  }

  /** The answer to the request with this id. */
  answer(id: RequestId, withinMs?: number): Promise<Answer> {
    return this.next(
      `an answer with id ${typeof id === 'string' ? JSON.stringify(id) : String(id)}`,
      ({ envelope }) => {
        if (envelope.kind === 'response' && envelope.id === id) return { result: envelope.result };
        if (envelope.kind === 'error' && envelope.id === id) return { error: envelope.error };
        return undefined;
      },
      withinMs,
    );
  }

  /** Whether the answer has come; takes nothing. */
  hasAnswer(id: RequestId): boolean {
    return this.received.some(
      ({ envelope }) => (envelope.kind === 'response' || envelope.kind === 'error') && envelope.id === id,
    );
  }

  ask(method: string, params?: unknown, withinMs?: number): Promise<Answer> {
    return this.answer(this.request(method, params), withinMs);
  }

  /** A request that must succeed, with a result as it is declared. */
  async call<D extends MethodDeclaration>(
    declaration: D,
    params: ParamsInput<D>,
    withinMs?: number,
  ): Promise<ResultOf<D>> {
    return resultOf(declaration, await this.ask(declaration.method, params, withinMs));
  }

  /** A request that must be refused with one of these codes. */
  async refuse(method: string, params: unknown, ...codes: readonly number[]): Promise<RpcErrorBody> {
    return refusalOf(method, await this.ask(method, params), codes);
  }

  /** The answer with id -1 that says: that was no message. The connection goes on. */
  async malformed(): Promise<void> {
    const answer = await this.answer(-1);
    refusalOf('a malformed message', answer, [-32600]);
  }

  /** An answered request: all that the executor sent for what came before it is here, unless it only waits. */
  async fence(): Promise<void> {
    await this.ask('process/terminate', { processId: 'no such process: a fence' });
  }

  /** The end of the connection, by the peer. */
  ended(withinMs = this.options.waitMs): Promise<CloseInfo> {
    return this.options.waiting.until(`the end of connection ${this.name}`, withinMs, () => this.closeInfo);
  }

  /** Ends it from this side. */
  close(): void {
    this.connection.close();
  }
}

/** @throws Mismatch when it is an error, or not as declared. */
export function resultOf<D extends MethodDeclaration>({ method, result }: D, answer: Answer): ResultOf<D> {
  if (answer.error) throw new Mismatch(`${method} to succeed`, `error ${shown(answer.error)}`);
  const parsed = result.safeParse(answer.result);
  if (!parsed.success) {
    const issue = describeIssue(parsed.error.issues[0], answer.result).replace(/^params/, 'result');
    throw new Mismatch(`a result of ${method} as it is declared`, `${issue}: ${shown(answer.result)}`);
  }
  return parsed.data as ResultOf<D>;
}

/** @throws Mismatch when it is a result, or another code. No codes: any error will do. */
export function refusalOf(what: string, answer: Answer, codes: readonly number[]): RpcErrorBody {
  const wanted = codes.length === 0 ? 'an error' : `error ${codes.join(' or ')}`;
  if (!answer.error) throw new Mismatch(`${wanted} for ${what}`, `result ${shown(answer.result)}`);
  if (codes.length > 0 && !codes.includes(answer.error.code)) {
    throw new Mismatch(`${wanted} for ${what}`, `error ${shown(answer.error)}`);
  }
  return answer.error;
}

export function closeText({ code, reason }: CloseInfo): string {
  return code === undefined ? reason : `code ${code}, ${reason}`;
}
