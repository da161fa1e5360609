import { describe, expect, it } from 'vitest';
import type { Direction, WireEntry } from '../../../../shared/recording/entry.ts';
import { encodeFrame } from '../../../../shared/relay/codec.ts';
import { readHead } from './message-head.ts';
import { rowOf, rowTitle } from './row.ts';
import { RowStore } from './row-store.ts';

const bounds = { maxRows: 1000, maxBytes: 1e6 };
let atMs = 0;
const message = (dir: Direction, text: string): WireEntry => ({
  kind: 'message',
  dir,
  text,
  connection: 'c1',
  atMs: ++atMs,
});
const frame = (seq: number, dir: Direction = 'in'): WireEntry => {
  const body = { kind: 'data', seq, segmentIndex: 0, segmentCount: 1, payload: new Uint8Array([123, 125]) } as const;
  return {
    kind: 'frame',
    dir,
    connection: 'c1',
    atMs: ++atMs,
    bytes: encodeFrame({ streamId: 's', ack: 0, ackBits: 0, body }),
  };
};
const event = (name: 'open' | 'closed'): WireEntry => ({
  kind: 'event',
  event: name,
  connection: 'c1',
  atMs: ++atMs,
  detail: '',
});
const output = (seq: number) =>
  `{"method":"process/output","params":{"processId":"p","seq":${seq},"stream":"stdout","chunk":"YQ=="}}`;
const started = [
  message(
    'out',
    '{"id":2,"method":"process/start","params":{"processId":"p","argv":["x"],"cwd":"/","env":{},"tty":false}}',
  ),
  message('in', '{"id":2,"result":{"processId":"p"}}'),
];

function anomaliesOf(entries: readonly WireEntry[]): string[] {
  const store = new RowStore(bounds);
  for (const entry of entries) store.push(entry);
  return store.rows().flatMap(({ anomalies }) => anomalies.map(({ rule, detail }) => `${rule}: ${detail}`));
}

describe('the head of a message', () => {
  it.each([
    ['{"id":7,"method":"process/read","params":{"processId":"p"}}', 'request', '7', 'process/read', 'p'],
    ['{"id":"a","result":{}}', 'response', '"a"', '', ''],
    ['{"error":{"code":-32600,"message":"no"},"id":-1}', 'error', '-1', '', ''],
    ['{"method":"initialized"}', 'notification', '', 'initialized', ''],
    ['[]', 'malformed', '', '', ''],
  ])('%s', (text, kind, id, method, processId) => {
    expect(readHead(text)).toMatchObject({ kind, id, method, processId });
  });

  it('is the same when the message is long and only its beginning is read', () => {
    const chunk = 'YWJj'.repeat(2000);
    const long = output(41).replace('YQ==', chunk);
    expect(readHead(long)).toMatchObject({
      kind: 'notification',
      method: 'process/output',
      processId: 'p',
      seq: 41,
      envelope: undefined,
    });
    expect(readHead(`{"id":"x","result":{"dataBase64":"${chunk}"}}`)).toMatchObject({ kind: 'response', id: '"x"' });
    expect(readHead(`{"result":{"dataBase64":"${chunk}"},"id":1}`)).toMatchObject({ kind: 'response', id: '1' });
    expect(readHead(`{"id":1,"result":{"dataBase64":"${chunk}"`)).toMatchObject({ kind: 'malformed' });
  });
});

describe('the title of a row', () => {
  const frameTitle = (ack: number, ackBits: number, body: Parameters<typeof encodeFrame>[0]['body']) => {
    const bytes = encodeFrame({ streamId: 's', ack, ackBits, body });
    return rowTitle(rowOf({ kind: 'frame', dir: 'in', connection: 'c', atMs: 0, bytes }, 1));
  };

  it('tells of a frame its seq, its part and what it acknowledges; 0 counts in an ack frame only', () => {
    expect(frameTitle(0, 0, { kind: 'ackFrame' })).toBe('ack 0');
    expect(frameTitle(0, 0, { kind: 'heartbeat' })).toBe('');
    expect(frameTitle(4, 5, { kind: 'resume', nextSeq: 9 })).toBe('next_seq 9 · ack 4 +0b101');
    const payload = new Uint8Array([1]);
    expect(frameTitle(2, 0, { kind: 'data', seq: 7, segmentIndex: 1, segmentCount: 3, payload })).toBe(
      'seq 7 (2 of 3) · ack 2',
    );
    expect(rowTitle(rowOf(message('in', '{"error":{"code":-1,"message":"no"},"id":1}'), 1))).toBe('-1 no');
  });
});

describe('the rows of a recording', () => {
  it('pairs a request with its answer, which gets its method and the time between the two', () => {
    const store = new RowStore(bounds);
    for (const entry of started) store.push(entry);
    const [request, answer] = store.rows();
    expect(answer).toMatchObject({ method: 'process/start', latencyMs: 1 });
    expect(answer?.pair).toBe(request);
    expect(request?.pair).toBe(answer);
  });

  it('drops the oldest beyond the bounds and counts them', () => {
    const store = new RowStore({ maxRows: 10, maxBytes: 1e6 });
    for (let seq = 1; seq <= 25; seq++) store.push(message('in', output(seq)));
    expect([store.length, store.droppedCount, store.firstNumber]).toEqual([10, 15, 16]);
    expect(store.row(15)).toBeUndefined();
    expect(store.row(16)?.number).toBe(16);
    const byBytes = new RowStore({ maxRows: 1000, maxBytes: 5000 });
    for (let seq = 1; seq <= 100; seq++) byBytes.push(message('in', output(seq)));
    expect(byBytes.bytes).toBeLessThanOrEqual(5000);
    expect(byBytes.length + byBytes.droppedCount).toBe(100);
    byBytes.skip(50);
    expect([byBytes.length, byBytes.droppedCount, byBytes.nextNumber]).toEqual([0, 150, 151]);
  });

  it('clears, and brings back what was cleared', () => {
    const store = new RowStore(bounds);
    store.push(message('in', output(1)));
    store.push(message('in', output(5)));
    const undo = store.clear();
    expect([store.length, store.anomalyCount]).toEqual([0, 0]);
    store.push(message('in', output(6)));
    undo();
    expect(store.rows().map(({ number }) => number)).toEqual([1, 2, 3]);
    expect([store.row(2)?.number, store.anomalyCount]).toEqual([2, 1]);
    undo();
    expect(store.length).toBe(3);
  });
});

describe('anomalies', () => {
  it('finds nothing wrong with a well-behaved process', () => {
    const ended = [
      message('in', '{"method":"process/exited","params":{"processId":"p","seq":3,"exitCode":0}}'),
      message('in', '{"method":"process/closed","params":{"processId":"p","seq":4}}'),
    ];
    expect(anomaliesOf([...started, ...[1, 2].map((seq) => message('in', output(seq))), ...ended])).toEqual([]);
  });

  it('names gaps, late comers, repetitions, and what follows the end', () => {
    const seqs = [1, 4, 3, 3].map((seq) => message('in', output(seq)));
    const closed = message('in', '{"method":"process/closed","params":{"processId":"p","seq":5}}');
    expect(anomaliesOf([...started, ...seqs, closed, message('in', output(6))])).toEqual([
      'gap: p: seq 2 to 3 are missing',
      'reorder: p: seq 3 comes after 4',
      'duplicate: p: seq 3 has come before',
      'after-closed: p: process/output 6',
    ]);
  });

  it('allows a gap after a reconnect, once, and not before the answer to process/start', () => {
    const gap = [message('in', output(1)), event('closed'), event('open'), message('in', output(9))];
    expect(anomaliesOf([...started, ...gap])).toEqual([]);
    expect(anomaliesOf([started[0]!, message('in', output(1))])).toEqual([
      'early: p: process/output before the answer to process/start',
    ]);
  });

  it('names answers to nothing, requests without an answer, and illegal messages', () => {
    expect(
      anomaliesOf([
        message('in', '{"id":9,"result":{}}'),
        message('out', '{"id":1,"method":"process/reed","params":{}}'),
        message('out', '{"id":2,"method":"process/read","params":{}}'),
        message('out', '{'),
        message('in', '{"id":3,"method":"process/start","params":{}}'),
        message('in', '{"method":"initialized"}'),
        event('closed'),
      ]),
    ).toEqual([
      'unknown-id: id 9',
      'illegal: process/reed is no declared method',
      'unanswered: process/reed (id 1)',
      'illegal: params.processId: missing, expected string',
      'unanswered: process/read (id 2)',
      expect.stringMatching(/^illegal: .*JSON/),
      'illegal: an executor sends no requests (process/start)',
      'illegal: initialized comes from the harness',
    ]);
  });

  it('follows the segments of a stream, and tells frames that are none', () => {
    const bad: WireEntry = { kind: 'frame', dir: 'in', connection: 'c1', atMs: 1, bytes: new Uint8Array([255]) };
    const wrapped = [frame(2 ** 32 - 1, 'out'), frame(0, 'out')];
    expect(anomaliesOf([frame(0), frame(2), frame(1), frame(1), bad, ...wrapped])).toEqual([
      'frame-gap: segment 1 is missing',
      'frame-reorder: segment 1 comes after 2',
      'frame-duplicate: segment 1 has come before',
      'bad-frame: malformed',
    ]);
  });
});
