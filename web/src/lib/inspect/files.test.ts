import { describe, expect, it } from 'vitest';
import { utf8Decode, utf8Encode } from '../../../../shared/bytes.ts';
import type { WireEntry } from '../../../../shared/recording/entry.ts';
import { encodeFrame } from '../../../../shared/relay/codec.ts';
import { segmentCount, segmentOf } from '../../../../shared/relay/segments.ts';
import { readRecordingFile, toHar, toJsonLines } from './recording-file.ts';
import { replayOf } from './replay.ts';
import { RowStore } from './row-store.ts';
import { messageOfSegment } from './segments.ts';

function storeOf(entries: readonly WireEntry[]): RowStore {
  const store = new RowStore({ maxRows: 1000, maxBytes: 1e7 });
  for (const entry of entries) store.push(entry);
  return store;
}

const entries: WireEntry[] = [
  { kind: 'event', event: 'open', connection: 'c1', atMs: 10, detail: 'ws://h/exec' },
  { kind: 'message', dir: 'out', connection: 'c1', atMs: 20, text: '{"id":1,"method":"x","params":{"token":"abc"}}' },
  { kind: 'message', dir: 'in', connection: 'c1', atMs: 30.5, text: '{"id":1,"result":{}}' },
  { kind: 'event', event: 'open', connection: 'c2', atMs: 40, detail: 'ws://h/relay/box' },
  { kind: 'frame', dir: 'out', connection: 'c2', atMs: 50, bytes: new Uint8Array([8, 1]) },
  { kind: 'message', dir: 'out', connection: 'c2', stream: 's', atMs: 50, text: '{"id":1}' },
  { kind: 'event', event: 'closed', connection: 'c2', atMs: 60, detail: 'lost', code: 1006 },
];
const startedAtMs = Date.UTC(2026, 0, 2);

describe('a recording in a file', () => {
  it('comes back from JSON lines, without secrets', async () => {
    const read = await readRecordingFile(toJsonLines({ startedAtMs, entries }));
    expect(read.startedAt.getTime()).toBe(startedAtMs);
    expect(read.entries.length).toBe(entries.length);
    expect(read.entries[1]).toMatchObject({ text: '{"id":1,"method":"x","params":{"token":"[redacted]"}}' });
  });

  it('is a HAR file as Chrome writes it: text of a direct connection, frames of a relay', () => {
    const har = JSON.parse(toHar({ startedAtMs, entries }, '1.0')) as { log: { version: string; entries: unknown[] } };
    expect(har.log.version).toBe('1.2');
    expect(har.log.entries).toMatchObject([
      {
        _resourceType: 'websocket',
        request: { url: 'ws://h/exec' },
        _webSocketMessages: [
          { type: 'send', time: startedAtMs / 1000 + 0.02, opcode: 1 },
          { type: 'receive', opcode: 1, data: '{"id":1,"result":{}}' },
        ],
      },
      { request: { url: 'ws://h/relay/box' }, _webSocketMessages: [{ type: 'send', opcode: 2, data: 'CAE=' }] },
    ]);
  });

  it('comes back from a HAR file', async () => {
    const { entries: read, startedAt } = await readRecordingFile(toHar({ startedAtMs, entries }, '1.0'));
    expect(startedAt.getTime()).toBe(startedAtMs + 10);
    expect(read.map(({ kind, connection, atMs }) => `${kind} ${connection} ${Math.round(atMs)}`)).toEqual([
      'event h1 0',
      'message h1 10',
      'message h1 21',
      'event h2 30',
      'frame h2 40',
    ]);
  });

  it.each([
    ['{"log":1}', 'not a HAR file: log'],
    ['{"log":', 'the HAR file is no JSON'],
    ['{"log":{"entries":[]}}', 'the HAR file holds no WebSocket messages'],
    ['hello', 'line 1 of the recording is no JSON'],
  ])('is refused with the reason: %j', async (text, why) => {
    await expect(readRecordingFile(text)).rejects.toThrow(why);
  });
});

describe('the message of a segment', () => {
  const message = utf8Encode(JSON.stringify({ method: 'x', params: { text: 'y'.repeat(100) } }));
  const count = segmentCount(message.length, 50);
  const segments = Array.from({ length: count }, (_, index): WireEntry => {
    const payload = segmentOf(message, index, count, 50);
    const body = { kind: 'data', seq: 7 + index, segmentIndex: index, segmentCount: count, payload } as const;
    const bytes = encodeFrame({ streamId: 's', ack: 0, ackBits: 0, body });
    return { kind: 'frame', dir: 'in', connection: 'c', atMs: index, bytes };
  });

  it('is put together from the rows around it, also when one came twice or late', () => {
    const [first, second, ...rest] = segments as [WireEntry, WireEntry, ...WireEntry[]];
    const store = storeOf([second, ...entries, first, second, ...rest]);
    const whole = messageOfSegment(store.rows().at(-1)!, store);
    expect(whole?.rows).toHaveLength(count);
    expect(utf8Decode(whole!.bytes!)).toBe(utf8Decode(message));
  });

  it('waits for what is missing', () => {
    const store = storeOf(segments.slice(1));
    expect(messageOfSegment(store.rows()[0]!, store)).toMatchObject({ bytes: undefined, segmentCount: count });
    expect(messageOfSegment(storeOf(entries).rows()[0]!, store)).toBeUndefined();
  });
});

describe('a replay', () => {
  it('sends what was sent, after a handshake of its own, and resumes no session', () => {
    const sentBy = (all: readonly WireEntry[]) =>
      replayOf(storeOf(all).rows()).steps.flatMap((step) => (step.dir === 'send' ? [step.text] : []));
    expect(sentBy(entries)).toEqual([
      expect.stringContaining('"initialize"'),
      '{"method":"initialized","params":{}}',
      '{"id":1,"method":"x","params":{"token":"abc"}}',
    ]);
    const resuming = '{"id":1,"method":"initialize","params":{"clientName":"c","resumeSessionId":"s"}}';
    expect(sentBy([{ kind: 'message', dir: 'out', connection: 'c1', atMs: 0, text: resuming }])).toEqual([
      '{"id":1,"method":"initialize","params":{"clientName":"c","resumeSessionId":null}}',
    ]);
    expect(() => replayOf([])).toThrow('nothing to replay');
  });
});
