import { describe, expect, it } from 'vitest';
import { connectionPair } from '../connection/memory.ts';
import type { WireEntry } from './entry.ts';
import { entryLine, headerLine, parseRecording } from './jsonl.ts';
import { observeConnection } from './observe.ts';

const entries: WireEntry[] = [
  { kind: 'event', event: 'open', connection: 'c1', atMs: 0, detail: 'ws://127.0.0.1:8765/exec' },
  { kind: 'message', dir: 'out', connection: 'c1', atMs: 1.25, text: '{"id":1,"method":"x"}' },
  { kind: 'message', dir: 'in', connection: 'c2', stream: 'a-b', atMs: 2, text: 'no JSON \u2028' },
  { kind: 'frame', dir: 'in', connection: 'c2', atMs: 3, bytes: new Uint8Array([0, 255, 10]) },
  { kind: 'event', event: 'closed', connection: 'c2', atMs: 4, detail: 'connection lost', code: 1006 },
];

describe('a recording as JSON lines', () => {
  const startedAt = new Date('2026-01-02T03:04:05.678Z');
  const text = [headerLine({ startedAt, about: 'a test' }), ...entries.map(entryLine), ''].join('\n');

  it('comes back as it was', () => {
    expect(parseRecording(text)).toEqual({ startedAt, about: 'a test', entries });
  });

  it.each([
    ['', 'no JSON'],
    ['{}', 'not a recording'],
    [`${headerLine({ startedAt })}\n\n{"ms":1`, 'line 3 of the recording is no JSON'],
    [
      `${headerLine({ startedAt })}\n{"ms":-1,"conn":"c","text":"","dir":"in"}`,
      'line 2 of the recording is no message',
    ],
    [
      `${headerLine({ startedAt })}\n{"ms":1,"conn":"c","frame":"%%","dir":"in"}`,
      'line 2 of the recording is no message',
    ],
  ])('is refused by line: %j', (bad, why) => {
    expect(() => parseRecording(bad)).toThrow(why);
  });
});

describe('an observed connection', () => {
  it('records what is sent, received and why it ended, and changes nothing of it', async () => {
    const seen: WireEntry[] = [];
    const [inner, other] = connectionPair();
    const harness = observeConnection(inner, {
      connection: 'c1',
      recorder: (entry) => seen.push(entry),
      nowMs: () => 7,
    });
    const closed = new Promise<string>((resolve) => {
      harness.open({
        onMessage: (text) => harness.send(`again ${text}`),
        onWritable: () => undefined,
        onClose: ({ reason }) => resolve(reason),
      });
    });
    const answers: string[] = [];
    other.open({
      onMessage: (text) => {
        answers.push(text);
        other.close(1000, 'enough');
      },
      onWritable: () => undefined,
      onClose: () => undefined,
    });
    other.send('one');
    expect(await closed).toBe('enough');
    expect(answers).toEqual(['again one']);
    expect(seen.map((entry) => (entry.kind === 'message' ? `${entry.dir} ${entry.text}` : entry.kind))).toEqual([
      'in one',
      'out again one',
      'event',
    ]);
  });
});
