// What is wrong with a message as it is typed, and where: a JSON text, an envelope, a method and its params.

import { utf8Decode, utf8Encode } from '../../../../shared/bytes.ts';
import { describeIssue } from '../../../../shared/protocol/declare.ts';
import { parseEnvelope } from '../../../../shared/rpc/envelope.ts';
import type { Field } from '../inspect/field.ts';
import { jsonField } from '../inspect/json-fields.ts';
import { catalogEntry, composable } from './catalog.ts';
import { isRecord } from './form-model.ts';

export interface MessageProblem {
  readonly text: string;
  /** Where, in characters. */
  readonly from: number;
  readonly to: number;
  /** `note`: it may be sent, and will be understood. */
  readonly weight: 'error' | 'note';
}

/** Empty: a message as the protocol wants it. */
export function checkMessage(text: string): readonly MessageProblem[] {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch (error) {
    return [jsonProblem(text, error)];
  }
  const places = new Places(text);
  const envelope = parseEnvelope(text);
  switch (envelope.kind) {
    case 'malformed':
      return [{ text: envelope.reason, ...places.of([]), weight: 'error' }];
    case 'response':
    case 'error':
      return [{ text: 'a harness has nothing to answer', ...places.of([]), weight: 'error' }];
    case 'request':
    case 'notification':
  }
  const { method, params } = envelope;
  const entry = catalogEntry(method);
  if (!entry) return [{ text: unknownMethod(method), ...places.of(['method']), weight: 'error' }];
  const problems: MessageProblem[] = [];
  if (entry.kind !== (envelope.kind === 'request' ? 'method' : 'notification')) {
    const what = entry.kind === 'method' ? 'is a request and needs an id' : 'is a notification and takes no id';
    problems.push({ text: `${method} ${what}`, ...places.of(['method']), weight: 'error' });
  }
  if (isRecord(message) && 'jsonrpc' in message) {
    problems.push({ text: 'jsonrpc is ignored here', ...places.of(['jsonrpc']), weight: 'note' });
  }
  // By position, or left out: allowed in places, and the server's to judge.
  if (Array.isArray(params)) return problems;
  const input = params ?? {};
  for (const issue of entry.params.safeParse(input).error?.issues ?? []) {
    problems.push({ text: describeIssue(issue, input), ...places.of(['params', ...issue.path]), weight: 'error' });
  }
  const names = new Set(entry.fields.map(({ name }) => name));
  for (const name of Object.keys(isRecord(input) ? input : {})) {
    if (names.has(name)) continue;
    problems.push({ text: `${name} is not declared; it is ignored`, ...places.of(['params', name]), weight: 'note' });
  }
  return problems;
}

function unknownMethod(method: string): string {
  const near = composable.find((known) => known.toLowerCase() === method.toLowerCase() || isNear(known, method));
  return `${method} is no declared method${near === undefined ? '' : `: ${near}?`}`;
}

/** Whether one letter was left out, added, exchanged or swapped with its neighbour. */
function isNear(known: string, typed: string): boolean {
  if (Math.abs(known.length - typed.length) > 1) return false;
  let start = 0;
  while (start < typed.length && known[start] === typed[start]) start++;
  const [restKnown, restTyped] = [known.slice(start), typed.slice(start)];
  return (
    restKnown.slice(1) === restTyped.slice(1) ||
    restKnown === restTyped.slice(1) ||
    restKnown.slice(1) === restTyped ||
    (restKnown[0] === restTyped[1] && restKnown[1] === restTyped[0] && restKnown.slice(2) === restTyped.slice(2))
  );
}

function jsonProblem(text: string, error: unknown): MessageProblem {
  const why = error instanceof Error ? error.message : 'no JSON';
  const at = Number(/position (\d+)/.exec(why)?.[1] ?? text.length);
  const from = Math.min(at, Math.max(0, text.length - 1));
  return { text: `no JSON: ${why}`, from, to: Math.min(text.length, from + 1), weight: 'error' };
}

/** Where the members of a valid JSON text stand. */
class Places {
  readonly #bytes: Uint8Array;
  readonly #root: Field;

  constructor(text: string) {
    this.#bytes = utf8Encode(text);
    this.#root = jsonField(this.#bytes, 0, this.#bytes.length, 'm', 'message');
  }

  /** Of the member, or of the nearest thing around it that is there. */
  of(path: readonly PropertyKey[]): { from: number; to: number } {
    let field = this.#root;
    for (const part of path) {
      const name = typeof part === 'number' ? `[${part}]` : String(part);
      const child = field.children?.().find((one) => one.name === name);
      if (!child) break;
      field = child;
    }
    // A whole object underlined says nothing: its first character does.
    const end = field.children ? field.start + 1 : field.end;
    return { from: this.#characters(field.start), to: this.#characters(end) };
  }

  #characters(bytes: number): number {
    return utf8Decode(this.#bytes.subarray(0, bytes)).length;
  }
}
