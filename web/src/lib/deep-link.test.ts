import { expect, it } from 'vitest';
import { addressToKeep, linkedLaunch } from './deep-link.ts';

it('reads what a link asks to run', () => {
  expect(linkedLaunch('?run=ls%20-la&cwd=/tmp&mode=pipe&kind=argv')).toMatchObject({
    launch: { kind: 'argv', line: 'ls -la', cwd: '/tmp', isTerminal: false },
  });
  expect(linkedLaunch('?view=terminals')).toBeUndefined();
});

it.each([
  ['nothing', '?run='],
  ['an unknown kind', '?run=ls&kind=magic'],
  ['an unknown mode', '?run=ls&mode=gui'],
  ['a line feed', '?run=ls%0Arm'],
  ['text that reads the other way round', '?run=ls%E2%80%AE'],
  ['text that nobody can read through', `?run=${'x'.repeat(2001)}`],
])('rejects %s', (_, search) => {
  expect(linkedLaunch(search)).toHaveProperty('problem');
});

it('takes the token and the launch out of the address, and leaves the rest', () => {
  expect(addressToKeep('http://h:1/?token=secret&view=x&run=ls&mode=pipe#a')).toBe('http://h:1/?view=x#a');
});
