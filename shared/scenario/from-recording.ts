// Makes a scenario of a recording: what the harness sent is sent again, what the executor answered is expected again. What
// depends on the moment or the machine is not compared.

import { LocalError } from '../errors.ts';
import type { MessageEntry } from '../recording/entry.ts';
import type { Recording } from '../recording/jsonl.ts';
import { isObject, jsonOrText, type Json, type JsonObject } from './json.ts';
import { firstConnection, type RecvStep, type Scenario, type Step } from './scenario.ts';

/** Members of results that say when or where, not what; `*`: all of it. By method. */
export const notCompared: Readonly<Record<string, readonly string[] | '*'>> = {
  initialize: ['environmentInfo', 'extensions'],
  'environment/info': '*',
  'environmentConfig/read': '*',
  'fs/getMetadata': ['createdAtMs', 'modifiedAtMs'],
  'http/request': ['headers'],
  // How much had come by then.
  'process/read': '*',
  'process/snapshot': '*',
};

/** Whose doing the end of a connection was; recorders that know begin the detail of `closed` with it. */
export const closedByExecutor = 'by the executor';

/** @throws LocalError `invalid-argument` when the recording holds no messages, e.g. only relay frames. */
export function scenarioFromRecording({ entries, about = '' }: Recording): Scenario {
  const steps: Step[] = [];
  const connections = new Map<string, RecordedConnection>();
  for (const [index, entry] of entries.entries()) {
    // The header is line 1.
    const line = index + 2;
    if (entry.kind === 'frame') continue;
    let connection = connections.get(entry.connection);
    if (entry.kind === 'event') {
      if (entry.event !== 'closed' || !connection) continue;
      const dir = entry.detail.startsWith(closedByExecutor) ? 'closed' : 'close';
      steps.push({ dir, line, conn: connection.name });
      connections.delete(entry.connection);
      continue;
    }
    if (!connection) {
      const isFirst = steps.length === 0;
      connection = new RecordedConnection(isFirst ? firstConnection : entry.connection);
      connections.set(entry.connection, connection);
      if (!isFirst) steps.push({ dir: 'open', line, conn: connection.name });
    }
    steps.push(connection.step(entry, line));
  }
  if (steps.length === 0) {
    const hasFrames = entries.some(({ kind }) => kind === 'frame');
    const why = hasFrames ? 'only relay frames, which cannot be sent again' : 'no messages';
    throw new LocalError('invalid-argument', `nothing to replay: the recording holds ${why}`);
  }
  return {
    scenario: 'recording',
    about,
    compare: 'merge',
    answers: 'byId',
    transport: 'websocket',
    quirk: false,
    steps: withSessionPlaceholders(steps),
  };
}

class RecordedConnection {
  /** Methods of requests by the JSON of their id. */
  readonly #methods = new Map<string, string>();

  constructor(readonly name: string) {}

  step({ dir, text }: MessageEntry, line: number): Step {
    const message = jsonOrText(text);
    if (dir === 'out') {
      if (isObject(message) && typeof message['method'] === 'string' && 'id' in message) {
        this.#methods.set(JSON.stringify(message['id']), message['method']);
      }
      return { dir: 'send', line, conn: this.name, pipelined: false, text };
    }
    const msg = isObject(message) ? this.#comparable(message) : message;
    return { dir: 'recv', line, conn: this.name, msg, loose: [], alt: {}, optional: false, quirk: false };
  }

  #comparable(message: JsonObject): JsonObject {
    if (!('result' in message)) return message;
    const method = this.#methods.get(JSON.stringify(message['id'])) ?? '';
    const left = notCompared[method];
    const result = message['result'];
    if (left === undefined || !isObject(result)) return message;
    const kept = left === '*' ? [] : Object.entries(result).filter(([name]) => !left.includes(name));
    return { ...message, result: Object.fromEntries(kept) };
  }
}

/** The ids of sessions are other ones each time. */
function withSessionPlaceholders(steps: readonly Step[]): Step[] {
  const placeholders = new Map<string, string>();
  for (const step of steps) {
    if (step.dir !== 'recv' || !isObject(step.msg) || !isObject(step.msg['result'])) continue;
    const id = step.msg['result']['sessionId'];
    if (typeof id !== 'string' || id === '' || placeholders.has(id)) continue;
    placeholders.set(id, placeholders.size === 0 ? '$SESSION' : `$SESSION${placeholders.size + 1}`);
  }
  if (placeholders.size === 0) return [...steps];
  const replaced = (text: string) => [...placeholders].reduce((out, [id, name]) => out.replaceAll(id, name), text);
  const inMessage = (msg: Json) => jsonOrText(replaced(JSON.stringify(msg)));
  return steps.map((step): Step => {
    if (step.dir === 'send') return { ...step, text: replaced(step.text) };
    if (step.dir === 'recv') return { ...step, msg: inMessage(step.msg ?? null) } satisfies RecvStep;
    return step;
  });
}
