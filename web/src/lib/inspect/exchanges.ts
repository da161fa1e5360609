// A conversation as exchanges: a request with its answer and with the notifications that it causes. Two conversations are laid
// side by side exchange by exchange: by method, by the process or handle that it is about, by params, and then by order.

import { httpBodyDelta, httpRequest } from '../../../../shared/protocol/http.ts';
import { fsOpen } from '../../../../shared/protocol/fs.ts';
import { processStart } from '../../../../shared/protocol/process.ts';
import { isObject, jsonOrText, type Json, type JsonObject } from '../../../../shared/scenario/json.ts';
import type { MessageRow, Row } from './row.ts';

export interface Conversation {
  readonly connection: string;
  readonly stream: string;
  readonly rows: readonly MessageRow[];
}

/** What was said on each connection and stream, in the order in which they begin. */
export function conversationsOf(rows: readonly Row[]): readonly Conversation[] {
  const found = new Map<string, { connection: string; stream: string; rows: MessageRow[] }>();
  for (const row of rows) {
    if (row.layer !== 'message') continue;
    const { connection } = row.entry;
    const key = `${connection}\n${row.stream}`;
    const conversation = found.get(key);
    if (conversation) conversation.rows.push(row);
    else found.set(key, { connection, stream: row.stream, rows: [row] });
  }
  return [...found.values()];
}

export interface Exchange {
  /** Of the request, or of what came unasked; '' for what is no message. */
  readonly method: string;
  /** What the harness sent: a request, a notification. Absent: nobody asked for these notifications in this conversation. */
  readonly request: MessageRow | undefined;
  readonly answer: MessageRow | undefined;
  /** Notifications, in the order of arrival. */
  readonly events: MessageRow[];
  /** The exchange that began the process, body or handle that this one is about. */
  readonly owner: Exchange | undefined;
}

/** Members that name what a request begins; by its method. */
const beginners: Readonly<Record<string, string>> = {
  [processStart.method]: 'processId',
  [httpRequest.method]: 'requestId',
  [fsOpen.method]: 'handleId',
};
const subjects = ['processId', 'requestId', 'handleId'] as const;

export function* exchangesOf(rows: readonly MessageRow[]): Generator<Exchange, void> {
  const owners = new Map<string, Exchange>();
  const unasked = new Map<string, Exchange>();
  for (const row of rows) {
    const { kind, method, entry } = row;
    if (entry.dir === 'out') {
      const params = paramsOf(row);
      const begins = beginners[method];
      const owner = begins === undefined ? owners.get(subjectOf(params)) : undefined;
      const exchange: Exchange = {
        method: kind === 'malformed' ? '' : method,
        request: row,
        answer: row.pair?.layer === 'message' ? row.pair : undefined,
        events: [],
        owner,
      };
      if (begins !== undefined) owners.set(subjectOf(params), exchange);
      yield exchange;
    } else if (kind === 'notification') {
      // Reading the id of a process costs nothing, and these are nearly all.
      const subject = row.processId !== '' ? `processId ${row.processId}` : subjectOf(paramsOf(row));
      const owner = owners.get(subject);
      if (owner) owner.events.push(row);
      else {
        const known = unasked.get(subject);
        if (known) known.events.push(row);
        else {
          const exchange: Exchange = { method, request: undefined, answer: undefined, events: [row], owner: undefined };
          unasked.set(subject, exchange);
          yield exchange;
        }
      }
    } else if (row.pair === undefined) {
      yield { method: kind === 'malformed' ? '' : kind, request: undefined, answer: row, events: [], owner: undefined };
    }
  }
}

export function messageOf({ entry }: MessageRow): Json {
  return jsonOrText(entry.text);
}

export function paramsOf(row: MessageRow): JsonObject {
  const message = messageOf(row);
  return isObject(message) && isObject(message['params']) ? message['params'] : {};
}

function subjectOf(params: JsonObject): string {
  for (const name of subjects) {
    const id = params[name];
    if (typeof id === 'string') return `${name} ${id}`;
  }
  return '';
}

/** Whether these notifications are pieces of bytes, to be put together before they are compared. */
export function isPiece({ method }: MessageRow): boolean {
  return method === 'process/output' || method === httpBodyDelta.method;
}

export interface ExchangePair {
  readonly left: Exchange | undefined;
  readonly right: Exchange | undefined;
}

/**
 * @param key of the params, without what differs each time: exchanges alike in it belong together before others do
 * @returns those of the left in their order; what only the right has stands after what it follows there
 */
export function pairExchanges(
  left: readonly Exchange[],
  right: readonly Exchange[],
  key: (exchange: Exchange) => string,
): readonly ExchangePair[] {
  const partners = new Map<Exchange, Exchange>();
  const pairUp = (some: (exchange: Exchange) => boolean, groupOf: (exchange: Exchange) => string) => {
    const waiting = new Map<string, Exchange[]>();
    for (const exchange of right) {
      if (partners.has(exchange) || !some(exchange)) continue;
      const group = groupOf(exchange);
      const others = waiting.get(group);
      if (others) others.push(exchange);
      else waiting.set(group, [exchange]);
    }
    // Taken from the end, which costs nothing: so the last is put first.
    for (const others of waiting.values()) others.reverse();
    for (const exchange of left) {
      if (partners.has(exchange) || !some(exchange)) continue;
      const partner = waiting.get(groupOf(exchange))?.pop();
      if (!partner) continue;
      partners.set(exchange, partner);
      partners.set(partner, exchange);
    }
  };
  const ids = new Map<Exchange, number>();
  /** The same for two that are paired. */
  const ownerId = ({ owner }: Exchange) => {
    if (!owner) return '';
    const known = ids.get(owner) ?? ids.size;
    ids.set(owner, known);
    const partner = partners.get(owner);
    if (partner) ids.set(partner, known);
    return String(known);
  };
  const isBeginning = ({ method }: Exchange) => Object.hasOwn(beginners, method);
  const isOther = (exchange: Exchange) => !isBeginning(exchange);
  const alike = (exchange: Exchange) => `${exchange.method} ${ownerId(exchange)} ${key(exchange)}`;
  const inOrder = (exchange: Exchange) => `${exchange.method} ${ownerId(exchange)}`;
  for (const some of [isBeginning, isOther]) {
    pairUp(some, alike);
    pairUp(some, inOrder);
  }
  return inOneOrder(left, right, partners);
}

function inOneOrder(
  left: readonly Exchange[],
  right: readonly Exchange[],
  partners: ReadonlyMap<Exchange, Exchange>,
): readonly ExchangePair[] {
  /** What only the right has, by the exchange of the left that it follows. */
  const surplus = new Map<Exchange | undefined, ExchangePair[]>();
  let last: Exchange | undefined;
  for (const exchange of right) {
    const partner = partners.get(exchange);
    if (partner) last = partner;
    else surplus.set(last, [...(surplus.get(last) ?? []), { left: undefined, right: exchange }]);
  }
  return [
    ...(surplus.get(undefined) ?? []),
    ...left.flatMap((exchange) => [
      { left: exchange, right: partners.get(exchange) },
      ...(surplus.get(exchange) ?? []),
    ]),
  ];
}
