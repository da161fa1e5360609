import { expect, it } from 'vitest';
import { utf8Encode } from '../../../shared/bytes.ts';
import { parseCast } from './cast.ts';
import { TerminalRecording } from './terminal-recording.ts';

const fileOf = (...lines: unknown[]) => lines.map((line) => JSON.stringify(line)).join('\n');
const v2 = { version: 2, width: 80, height: 24 };
const v3 = { version: 3, term: { cols: 80, rows: 24 } };

it('reads version 2 and 3 alike: times since the start, or since the event before', () => {
  const wanted = {
    size: { cols: 80, rows: 24 },
    title: undefined,
    events: [
      { atMs: 500, code: 'o', text: 'a' },
      { atMs: 2000, code: 'r', text: '100x30' },
      { atMs: 2000, code: 'o', text: 'b' },
    ],
    durationMs: 2000,
  };
  expect(parseCast(fileOf(v2, [0.5, 'o', 'a'], [1, 'i', 'typed'], [2, 'r', '100x30'], [2, 'o', 'b']))).toEqual(wanted);
  expect(
    parseCast(`${fileOf(v3, [0.5, 'o', 'a'])}\n# a comment\n${fileOf([1.5, 'r', '100x30'], [0, 'o', 'b'])}\n`),
  ).toEqual(wanted);
});

it('cuts long pauses where the recording asks for it', () => {
  const file = fileOf({ ...v2, idle_time_limit: 1 }, [100, 'o', 'a'], [100.5, 'o', 'b'], [200, 'o', 'c']);
  expect(parseCast(file).events.map(({ atMs }) => atMs)).toEqual([1000, 1500, 2500]);
});

it('reads what the page writes', () => {
  const recording = new TerminalRecording({ isRaw: true });
  recording.resize({ cols: 100, rows: 30 }, 0);
  recording.output(utf8Encode('hello'), 250);
  recording.exit(3, 1000);
  const cast = parseCast(recording.asciicast({ size: { cols: 100, rows: 30 }, title: 'a shell', startedAtMs: 0 }));
  expect(cast).toMatchObject({ size: { cols: 100, rows: 30 }, title: 'a shell', durationMs: 1000 });
  expect(cast.events.at(-1)).toEqual({ atMs: 1000, code: 'x', text: '3' });
});

it.each([
  ['', 'its first line is no JSON'],
  ['{"version":1,"width":80}', 'no asciicast of version 2 or 3'],
  [fileOf({ ...v2, width: 100_000 }), 'width: '],
  [fileOf(v2, [1, 'o']), 'line 2 is no event [seconds, code, text]'],
  [fileOf(v2, [-1, 'o', 'x']), 'line 2 is no event'],
  [`${fileOf(v2, [1, 'o', 'x'])}\nhello`, 'line 3 is no JSON'],
  [fileOf(v3, [0, 'r', '0x99999']), 'line 2: a size is COLSxROWS'],
])('refuses %j', (text, words) => {
  expect(() => parseCast(text)).toThrow(words);
});
