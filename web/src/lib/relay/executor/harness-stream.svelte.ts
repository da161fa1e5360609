// One stream that a harness has begun with the executor in this page: its requests are answered by rules, by the page itself,
// by another executor that it is connected to, or by a person.

import type { Connection } from '../../../../../shared/connection/connection.ts';
import { RpcCode } from '../../../../../shared/errors.ts';
import {
  errorText,
  malformedId,
  idText,
  notificationText,
  parseEnvelope,
  type Envelope,
  type RequestId,
} from '../../../../../shared/rpc/envelope.ts';
import { initialize } from '../../../../../shared/protocol/initialize.ts';
import { environmentInfo } from '../../../../../shared/protocol/environment.ts';
import { isRecord } from '../../compose/form-model.ts';
import { readAnswer, ruleFor, type Answer, type Rule } from './answers.ts';

/** Session ids that are remembered; older ones are unknown again. */
const maxSessions = 1000;

export type Request = Extract<Envelope, { kind: 'request' }>;
export type AnsweredBy = 'you' | 'rule' | 'page' | 'forward';

/** Characters of the params that are kept to be shown; the inspector has all. */
const maxShown = 4000;
/** A message that is longer, in characters, is not made text again for that. */
const maxShownMessage = 64 * 1024;

/** A request of a harness, and what became of it. */
export class AskedRequest {
  /** JSON, cut off where it is long. */
  readonly paramsText: string;
  /** While it waits. */
  params: unknown;
  /** `gone`: its harness has left before it was answered. */
  status = $state<'waiting' | 'answered' | 'gone'>('waiting');
  by = $state<AnsweredBy>('you');
  isError = $state(false);

  constructor(
    readonly number: number,
    readonly stream: HarnessStream,
    readonly id: RequestId,
    readonly method: string,
    params: unknown,
    /** Of the message, in characters. */
    readonly length: number,
  ) {
    this.params = params;
    const isShort = length <= maxShownMessage;
    this.paramsText = isShort ? (JSON.stringify(params) ?? '').slice(0, maxShown) : `… ${length} characters`;
  }

  settle(status: 'answered' | 'gone', by: AnsweredBy = 'you'): void {
    this.status = status;
    this.by = by;
    this.params = undefined;
  }
}

/** What a stream asks of the executor that it belongs to. */
export interface StreamOwner {
  readonly rules: readonly Rule[];
  readonly answersHandshake: boolean;
  /** Session ids that were given, oldest first, so that a harness may come back to one. */
  readonly sessions: string[];
  /** @returns undefined when too many wait for a person already. */
  asked(stream: HarnessStream, request: Request, length: number): AskedRequest | undefined;
  ended(stream: HarnessStream): void;
}

export class HarnessStream {
  /** As the harness calls itself; empty until it does. */
  clientName = $state('');
  isClosed = false;

  /**
   * @param connection not open yet
   * @param target where to pass on what no rule answers; not open yet. It ends with the stream, and the stream with it.
   */
  constructor(
    readonly streamId: string,
    private readonly connection: Connection,
    private readonly owner: StreamOwner,
    private readonly target: Connection | undefined,
  ) {
    connection.open({
      onMessage: (text) => this.#receive(text),
      onWritable: () => target?.resume(),
      onClose: ({ reason }) => this.#end(reason),
    });
    target?.open({
      onMessage: (text) => {
        if (!connection.send(text)) target.pause();
      },
      onWritable: () => connection.resume(),
      onClose: ({ reason }) => connection.close(undefined, reason),
    });
  }

  get isForwarded(): boolean {
    return this.target !== undefined;
  }

  /** Answers a request that waits. Does nothing once it is answered, or gone. */
  answer(request: AskedRequest, answer: Answer): void {
    if (request.status === 'waiting') this.#send(request, answer, 'you');
  }

  /** Sends a notification. */
  tell(method: string, params: unknown): void {
    this.connection.send(notificationText(method, params));
  }

  /** Ends it by a reset. Idempotent. */
  close(reason: string): void {
    this.connection.close(undefined, reason);
  }

  #receive(text: string): void {
    const envelope = parseEnvelope(text);
    if (envelope.kind !== 'request') {
      if (this.target) this.#passOn(text);
      else if (envelope.kind === 'malformed') {
        const error = { code: RpcCode.invalidRequest, message: envelope.reason };
        this.connection.send(errorText(malformedId, error));
      }
      return;
    }
    const { method, params } = envelope;
    const clientName = method === initialize.method && isRecord(params) ? params['clientName'] : undefined;
    if (typeof clientName === 'string') this.clientName = clientName;
    const request = this.owner.asked(this, envelope, text.length);
    if (!request) {
      const message = 'too many requests wait for the person at this executor';
      this.connection.send(errorText(envelope.id, { code: RpcCode.overloaded, message }));
      return;
    }
    const rule = ruleFor(this.owner.rules, method);
    if (rule && rule.kind !== 'ask') {
      const answer = readAnswer(rule.kind, rule.text, params);
      // A rule is checked when it is made; one that is wrong all the same leaves the request to a person.
      if (!('problem' in answer)) this.#send(request, answer, 'rule');
      return;
    }
    if (rule) return;
    if (this.target) {
      request.settle('answered', 'forward');
      this.#passOn(text);
      return;
    }
    const own = this.owner.answersHandshake ? this.#ownAnswer(method, params) : undefined;
    if (own) this.#send(request, own, 'page');
  }

  /** The page has no shell and no directory: it says of itself what a harness wants to hear. */
  #ownAnswer(method: string, params: unknown): Answer | undefined {
    if (method === environmentInfo.method) return { kind: 'result', result: pageEnvironment };
    if (method !== initialize.method) return undefined;
    const wanted = isRecord(params) ? params['resumeSessionId'] : undefined;
    if (typeof wanted === 'string' && !this.owner.sessions.includes(wanted)) {
      return { kind: 'error', error: { code: RpcCode.invalidRequest, message: `unknown session id ${wanted}` } };
    }
    const sessionId = typeof wanted === 'string' ? wanted : newSessionId();
    const { sessions } = this.owner;
    if (!sessions.includes(sessionId)) sessions.push(sessionId);
    if (sessions.length > maxSessions) sessions.shift();
    return { kind: 'result', result: { sessionId } };
  }

  #passOn(text: string): void {
    if (this.target && !this.target.send(text)) this.connection.pause();
  }

  #send(request: AskedRequest, answer: Answer, by: AnsweredBy): void {
    request.settle('answered', by);
    request.isError = answer.kind === 'error';
    // The result as it was written, null too.
    const text =
      answer.kind === 'result'
        ? `{"id":${idText(request.id)},"result":${JSON.stringify(answer.result)}}`
        : errorText(request.id, answer.error);
    this.connection.send(text);
  }

  #end(reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.target?.close(1000, reason);
    this.owner.ended(this);
  }
}

const pageEnvironment = {
  shell: { name: 'sh', path: '/bin/sh' },
  executorVersion: 'exec-workbench page',
  platformOs: 'browser',
  prependPathDirs: [],
  temporaryDirectories: [],
  capabilities: {},
};

/** `crypto.randomUUID` is missing in pages that came over plain HTTP. */
function newSessionId(): string {
  return `page-${Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
