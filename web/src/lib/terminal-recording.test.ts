import { expect, it } from 'vitest';
import { utf8Encode } from '../../../shared/bytes.ts';
import { TerminalRecording } from './terminal-recording.ts';

const header = { size: { cols: 80, rows: 24 }, title: 'a shell', startedAtMs: 1_700_000_000_500 };
const linesOf = (recording: TerminalRecording) =>
  recording
    .asciicast(header)
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));

it('is asciicast v3: times since the event before, characters whole, sizes and the exit code', () => {
  const recording = new TerminalRecording({ isRaw: true });
  const euro = utf8Encode('a€');
  recording.resize({ cols: 100, rows: 30 }, 1000);
  recording.output(euro.subarray(0, 2), 1250);
  recording.output(euro.subarray(2), 1300);
  recording.exit(3, 2300);
  expect(linesOf(recording)).toEqual([
    { version: 3, term: { cols: 100, rows: 30, type: 'xterm-256color' }, timestamp: 1_700_000_000, title: 'a shell' },
    [0, 'r', '100x30'],
    [0.25, 'o', 'a'],
    [0.05, 'o', '€'],
    [1, 'x', '3'],
  ]);
});

it('gives the lines of pipes their carriage returns', () => {
  const recording = new TerminalRecording({ isRaw: false });
  recording.output(utf8Encode('one\ntwo\n'), 0);
  expect(linesOf(recording)[1]).toEqual([0, 'o', 'one\r\ntwo\r\n']);
});

it('keeps the last of a flood, and says how much it does not have', () => {
  const recording = new TerminalRecording({ isRaw: true });
  const chunk = utf8Encode('x'.repeat(64 * 1024));
  for (let count = 0; count < 100; count++) recording.output(chunk, count);
  const [, mark, ...kept] = linesOf(recording);
  expect(kept.length).toBe(64);
  expect(mark).toEqual([0, 'm', `${36 * 64 * 1024} bytes before this were not kept`]);
});
