// Plays what was sent in some rows again, on a connection of its own, and tells what is answered otherwise than then.

import { initialize, initialized } from '../../../../shared/protocol/initialize.ts';
import { notificationText, parseEnvelope, requestText } from '../../../../shared/rpc/envelope.ts';
import type { MessageEntry } from '../../../../shared/recording/entry.ts';
import { scenarioFromRecording } from '../../../../shared/scenario/from-recording.ts';
import type { Scenario, Step } from '../../../../shared/scenario/scenario.ts';
import { endMethod } from '../../../../shared/scenario/run.ts';
import type { MessageRow, Row } from './row.ts';

/**
 * The messages of the rows as a scenario. All go to one session, since that is what is replayed to: a handshake is put in
 * front when the rows do not begin with one, and a session to be resumed is left alone.
 * @throws LocalError `invalid-argument` when the rows hold no messages.
 */
export function replayOf(rows: readonly Row[]): Scenario {
  const entries = rows.flatMap((row) => (row.layer === 'message' ? [row.entry] : []));
  // The end of the connection that was recorded is not that of the replay.
  const connections = new Set(entries.map(({ connection, stream }) => `${connection} ${stream ?? ''}`));
  const [first] = connections;
  const ofFirst = entries.filter(({ connection, stream }) => `${connection} ${stream ?? ''}` === first);
  const scenario = scenarioFromRecording({ startedAt: new Date(0), entries: ofFirst.map(withoutResume) });
  const begins = ofFirst.some((entry) => isInitialize(entry));
  return begins ? scenario : { ...scenario, steps: [...handshake, ...scenario.steps] };
}

/** How many conversations the rows hold; only the first is replayed. */
export function conversationCount(rows: readonly Row[]): number {
  return new Set(rows.flatMap((row) => (row.layer === 'message' ? [`${row.entry.connection} ${row.stream}`] : [])))
    .size;
}

/** Of what a replay put on the wire, what was in the rows, too: without its own handshake and its last request. */
export function withoutOwn(played: readonly MessageRow[]): readonly MessageRow[] {
  const own = JSON.stringify(handshakeId);
  const hasOwnHandshake = played.some(({ id }) => id === own);
  return played.filter(({ id, method }) => {
    return id !== own && method !== endMethod && !(hasOwnHandshake && method === initialized.method);
  });
}

const handshakeId = 'replay-handshake';
const handshake: readonly Step[] = [
  {
    dir: 'send',
    line: 0,
    conn: 'a',
    pipelined: false,
    text: requestText(handshakeId, initialize.method, { clientName: 'exec-workbench replay' }),
  },
  {
    dir: 'recv',
    line: 0,
    conn: 'a',
    msg: { id: handshakeId, result: {} },
    loose: [],
    alt: {},
    optional: false,
    quirk: false,
  },
  { dir: 'send', line: 0, conn: 'a', pipelined: false, text: notificationText(initialized.method, {}) },
];

function isInitialize({ dir, text }: MessageEntry): boolean {
  if (dir !== 'out') return false;
  const envelope = parseEnvelope(text);
  return envelope.kind === 'request' && envelope.method === initialize.method;
}

function withoutResume(entry: MessageEntry): MessageEntry {
  if (!isInitialize(entry)) return entry;
  const envelope = parseEnvelope(entry.text);
  if (envelope.kind !== 'request' || typeof envelope.params !== 'object') return entry;
  return { ...entry, text: requestText(envelope.id, envelope.method, { ...envelope.params, resumeSessionId: null }) };
}
