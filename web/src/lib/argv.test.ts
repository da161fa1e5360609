import { expect, it } from 'vitest';
import { quoteArgv, splitArgv } from './argv.ts';

it.each([
  ['ls -la  /tmp', ['ls', '-la', '/tmp']],
  [`echo 'a b' "c d" e\\ f`, ['echo', 'a b', 'c d', 'e f']],
  [`x '' ""`, ['x', '', '']],
  [`a'b'"c"d`, ['abcd']],
  [`'no \\ escape' "\\" \\n \\$"`, ['no \\ escape', '" \\n $']],
  ['echo $HOME *', ['echo', '$HOME', '*']],
  ['  ', []],
])('splits %s as a POSIX shell does', (line, argv) => {
  expect(splitArgv(line)).toEqual({ argv });
});

it.each([
  [`echo 'open`, "the quote ' at column 6 is not closed"],
  ['echo "open', 'the quote " at column 6 is not closed'],
  ['echo \\', 'a backslash at the end escapes nothing'],
])('says what is wrong with %s', (line, problem) => {
  expect(splitArgv(line)).toEqual({ problem });
});

it('quotes so that the words come back', () => {
  const argv = ['/bin/a b', "it's", '', '$x', 'plain-1.2/=,:', '"', '\\', 'line\nfeed'];
  expect(splitArgv(quoteArgv(argv))).toEqual({ argv });
  expect(quoteArgv(['/bin/bash', '-l'])).toBe('/bin/bash -l');
});
