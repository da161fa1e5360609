// Two conversations field by field. What depends on the moment or the machine is set aside, by the rules of
// `exec-workbench replay` (docs/recordings.md): ids, times, sessions, `notCompared`, how output was cut into pieces.

import { concatBytes, tryBase64Decode, tryUtf8Decode } from '../../../../shared/bytes.ts';
import { sortByName } from '../../../../shared/scenario/compare.ts';
import { notCompared } from '../../../../shared/scenario/from-recording.ts';
import { isObject, type Json, type JsonObject } from '../../../../shared/scenario/json.ts';
import {
  exchangesOf,
  isPiece,
  messageOf,
  pairExchanges,
  paramsOf,
  type Exchange,
  type ExchangePair,
} from './exchanges.ts';
import { hexText } from './hex.ts';
import { latencyText } from './row-text.ts';
import type { MessageRow } from './row.ts';
import { takeInStretches } from './stretches.ts';

export interface ComparedField {
  readonly path: string;
  /** As it is shown; absent: this side has none. */
  readonly left: string | undefined;
  readonly right: string | undefined;
  /** `aside`: they differ and may. */
  readonly state: 'same' | 'different' | 'aside';
}

export interface ComparedPair extends ExchangePair {
  readonly differenceCount: number;
}

export interface Comparison {
  readonly pairs: readonly ComparedPair[];
  /** Of one that is looked at. */
  readonly fieldsOf: (pair: ExchangePair) => readonly ComparedField[];
}

/** Members that name something: each side has names of its own. */
const names: ReadonlySet<string> = new Set(
  'id processId requestId handleId writeId sessionId resumeSessionId pid seq'.split(' '),
);

/** @throws what the signal gives as its reason. */
export async function compareConversations(
  left: readonly MessageRow[],
  right: readonly MessageRow[],
  onShare: (share: number) => void,
  signal: AbortSignal,
): Promise<Comparison> {
  const leftExchanges = await takeInStretches(exchangesOf(left), undefined, signal);
  const rightExchanges = await takeInStretches(exchangesOf(right), undefined, signal);
  const outputs: Outputs = new Map();
  await takeInStretches(putTogether([...leftExchanges, ...rightExchanges], outputs), undefined, signal);
  const pairs = pairExchanges(leftExchanges, rightExchanges, keyOf);
  const renamed = namesOf(pairs);
  const fieldsOf = (pair: ExchangePair) => fieldsOfPair(pair, renamed, outputs);
  const compared = await takeInStretches(
    counted(pairs, fieldsOf),
    (count) => onShare(count / Math.max(1, pairs.length)),
    signal,
  );
  return { pairs: compared, fieldsOf };
}

function* counted(pairs: readonly ExchangePair[], fieldsOf: Comparison['fieldsOf']): Generator<ComparedPair, void> {
  for (const pair of pairs) {
    const isPaired = pair.left !== undefined && pair.right !== undefined;
    const differenceCount = isPaired ? fieldsOf(pair).filter(({ state }) => state === 'different').length : 1;
    yield { ...pair, differenceCount };
  }
}

/** The params without names. */
function keyOf({ request }: Exchange): string {
  if (!request) return '';
  return JSON.stringify(paramsOf(request), (name, value: unknown) => (names.has(name) ? undefined : value));
}

/** What the left calls what the right has another name for. */
function namesOf(pairs: readonly ExchangePair[]): ReadonlyMap<string, string> {
  const renamed = new Map<string, string>();
  for (const { left, right } of pairs) {
    if (!left || !right) continue;
    const sides: [Json, Json][] = [];
    if (left.request && right.request) sides.push([paramsOf(left.request), paramsOf(right.request)]);
    if (left.answer && right.answer) sides.push([resultOf(left.answer), resultOf(right.answer)]);
    for (const [ours, theirs] of sides) {
      if (!isObject(ours) || !isObject(theirs)) continue;
      for (const name of names) {
        const [own, other] = [ours[name], theirs[name]];
        if (typeof own === 'string' && typeof other === 'string' && own !== other && other !== '')
          renamed.set(other, own);
      }
    }
  }
  return renamed;
}

function resultOf(row: MessageRow): Json {
  const message = messageOf(row);
  return isObject(message) ? (message['result'] ?? null) : null;
}

type Names = ReadonlyMap<string, string>;

function fieldsOfPair({ left, right }: ExchangePair, renamed: Names, outputs: Outputs): readonly ComparedField[] {
  const fields: ComparedField[] = [];
  const method = (left ?? right)?.method ?? '';
  const walk = new Walk(fields, renamed);
  walk.message('', left?.request, right?.request, []);
  walk.message('', left?.answer, right?.answer, notCompared[method] ?? []);
  const latency = [left, right]
    .map((side) => side?.answer?.latencyMs)
    .map((ms) => (ms === undefined ? ms : latencyText(ms)));
  if (latency.some((text) => text !== undefined)) {
    fields.push({ path: 'time to the answer', left: latency[0], right: latency[1], state: 'aside' });
  }
  walk.outputs(outputOf(left, outputs), outputOf(right, outputs));
  walk.events(left?.events ?? [], right?.events ?? []);
  return fields;
}

class Walk {
  constructor(
    private readonly fields: ComparedField[],
    private readonly renamed: Names,
  ) {}

  /** @param aside members of the result; `*`: all of them */
  message(
    path: string,
    left: MessageRow | undefined,
    right: MessageRow | undefined,
    aside: readonly string[] | '*',
  ): void {
    if (!left && !right) return;
    const [ours, theirs] = [left && withoutFrame(messageOf(left)), right && withoutFrame(messageOf(right))];
    if (aside.length === 0) return this.value(path, ours, theirs);
    const isAside = (name: string) => aside === '*' || aside.includes(name);
    const [ownResult, otherResult] = [partOf(ours, isAside), partOf(theirs, isAside)];
    this.value(path, ownResult.kept, otherResult.kept);
    const before = this.fields.length;
    this.value('result', ownResult.aside, otherResult.aside);
    for (let index = before; index < this.fields.length; index++) {
      const field = this.fields[index];
      if (field?.state === 'different') this.fields[index] = { ...field, state: 'aside' };
    }
  }

  outputs(left: Output, right: Output): void {
    for (const path of new Set([...left.keys(), ...right.keys()])) {
      this.text(path, textOf(left.get(path)), textOf(right.get(path)), true);
    }
  }

  /** In their order, by method. */
  events(left: readonly MessageRow[], right: readonly MessageRow[]): void {
    const [own, other] = [byMethod(left), byMethod(right)];
    for (const method of new Set([...own.keys(), ...other.keys()])) {
      const [ones, others] = [own.get(method) ?? [], other.get(method) ?? []];
      for (let index = 0; index < Math.max(ones.length, others.length); index++) {
        this.message(index === 0 ? method : `${method} ${index + 1}`, ones[index], others[index], []);
      }
    }
  }

  value(path: string, left: Json | undefined, right: Json | undefined): void {
    if (left === undefined && right === undefined) return;
    if (isObject(left) && isObject(right)) {
      for (const name of new Set([...Object.keys(left), ...Object.keys(right)])) {
        this.value(path === '' ? name : `${path}.${name}`, left[name], right[name]);
      }
    } else if (Array.isArray(left) && Array.isArray(right)) {
      const [ours, theirs] = path.endsWith('entries') ? [sortByName(left), sortByName(right)] : [left, right];
      for (let index = 0; index < Math.max(ours.length, theirs.length); index++) {
        this.value(`${path}[${index}]`, ours[index], theirs[index]);
      }
    } else if (typeof left === 'string' && typeof right === 'string') {
      this.text(path, left, right);
    } else {
      this.#add(path, jsonText(left), jsonText(right), left === right);
    }
  }

  /** @param isContent what a process wrote: names in it are not looked for */
  text(path: string, left: string | undefined, right: string | undefined, isContent = false): void {
    const isBoth = left !== undefined && right !== undefined;
    const isRenamed = isBoth && !isContent && left === this.#inOurNames(right);
    const at = isBoth ? firstDifference(left, right) : 0;
    const shown = (text: string | undefined) => (text === undefined ? undefined : around(text, at));
    this.#add(path, shown(left), shown(right), left === right, isRenamed);
  }

  #add(path: string, left: string | undefined, right: string | undefined, isSame: boolean, mayDiffer = false): void {
    const name = path.slice(path.lastIndexOf('.') + 1);
    const isName = names.has(name) && left !== undefined && right !== undefined;
    this.fields.push({ path, left, right, state: isSame ? 'same' : mayDiffer || isName ? 'aside' : 'different' });
  }

  #inOurNames(text: string): string {
    if (this.renamed.size === 0 || text.length > maxRenamedLength) return text;
    let out = this.renamed.get(text) ?? text;
    for (const [theirs, ours] of this.renamed) {
      if (theirs.length >= minNameLength) out = out.replaceAll(theirs, () => ours);
    }
    return out;
  }
}

/** Shorter names are found in any text. */
const minNameLength = 4;
/** In longer texts names are not looked for, characters. */
const maxRenamedLength = 10_000;

/** What only says which message it is stands in the head of the exchange. */
function withoutFrame(message: Json): Json {
  if (!isObject(message)) return message;
  const { jsonrpc: _, method: _method, id: _id, ...rest } = message;
  return rest;
}

/** The message without those members of its result, and those members. */
function partOf(
  message: Json | undefined,
  isAside: (name: string) => boolean,
): { readonly kept: Json | undefined; readonly aside: JsonObject } {
  if (!isObject(message) || !isObject(message['result'])) return { kept: message, aside: {} };
  const members = Object.entries(message['result']);
  return {
    kept: { ...message, result: Object.fromEntries(members.filter(([name]) => !isAside(name))) },
    aside: Object.fromEntries(members.filter(([name]) => isAside(name))),
  };
}

/** Bytes by what they are the bytes of: "output stdout". */
type Output = ReadonlyMap<string, Uint8Array>;
type Outputs = Map<Exchange, Output>;

/** One step a piece: of a flood there are a hundred thousand. */
function* putTogether(exchanges: readonly Exchange[], outputs: Outputs): Generator<undefined, void> {
  for (const exchange of exchanges) {
    const pieces = new Map<string, Uint8Array[]>();
    for (const row of exchange.events) {
      if (!isPiece(row)) continue;
      const { stream, chunk, deltaBase64 } = paramsOf(row);
      const text = typeof chunk === 'string' ? chunk : deltaBase64;
      const bytes = (typeof text === 'string' ? tryBase64Decode(text) : undefined) ?? new Uint8Array();
      const path = typeof stream === 'string' ? `output ${stream}` : row.method;
      const others = pieces.get(path);
      if (others) others.push(bytes);
      else pieces.set(path, [bytes]);
      yield;
    }
    if (pieces.size > 0) outputs.set(exchange, new Map([...pieces].map(([path, all]) => [path, concatBytes(all)])));
  }
}

function outputOf(exchange: Exchange | undefined, outputs: Outputs): Output {
  return (exchange && outputs.get(exchange)) ?? new Map();
}

function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && (tryUtf8Decode(bytes) ?? `hex ${hexText(bytes)}`);
}

function byMethod(events: readonly MessageRow[]): Map<string, MessageRow[]> {
  const found = new Map<string, MessageRow[]>();
  for (const row of events) {
    if (isPiece(row)) continue;
    const others = found.get(row.method);
    if (others) others.push(row);
    else found.set(row.method, [row]);
  }
  return found;
}

function jsonText(value: Json | undefined): string | undefined {
  if (value === undefined) return undefined;
  const text = JSON.stringify(value);
  return text.length > after ? `${text.slice(0, after)}…` : text;
}

function firstDifference(left: string, right: string): number {
  if (left === right) return 0;
  let at = 0;
  while (at < left.length && left[at] === right[at]) at++;
  return at;
}

/** Characters before and after the place that is shown of a long text. */
const before = 40;
const after = 160;

/** In quotes, on one line. */
function around(text: string, at: number): string {
  const from = at > after ? at - before : 0;
  const cut = text.slice(from, Math.max(at, from) + after);
  const length = cut.length < text.length ? ` (${text.length} characters)` : '';
  return `${from > 0 ? '…' : ''}${JSON.stringify(cut)}${from + cut.length < text.length ? '…' : ''}${length}`;
}
