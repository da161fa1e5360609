import { expect, it } from 'vitest';
import { bytesText, durationText, exitText } from './format.ts';

it('names the signal of an exit code above 128', () => {
  expect([0, 3, 130, 137, 143, 200, -1].map(exitText)).toEqual([
    'exit 0',
    'exit 3',
    'exit 130 · SIGINT',
    'exit 137 · SIGKILL',
    'exit 143 · SIGTERM',
    'exit 200',
    'exit -1',
  ]);
});

it('shortens sizes', () => {
  expect([0, 1234, 9999, 10_000, 1_048_576, 5e9].map(bytesText)).toEqual([
    '0 B',
    '1,234 B',
    '9,999 B',
    '9.8 KiB',
    '1.0 MiB',
    '4.7 GiB',
  ]);
});

it('shortens durations', () => {
  expect([3, 999, 1000, 59_999, 65_000, 7_207_000].map(durationText)).toEqual([
    '3 ms',
    '999 ms',
    '1.0 s',
    '59.9 s',
    '1:05',
    '2:00:07',
  ]);
});
