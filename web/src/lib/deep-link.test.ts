import { expect, it } from 'vitest';
import { addressToKeep, linkedLaunch, linkedTarget } from './deep-link.ts';

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

it('reads where a link asks to connect, and keeps a pasted token apart', () => {
  expect(linkedTarget('?view=x')).toBeUndefined();
  expect(linkedTarget('?target=relay:exec-1')).toEqual({ target: { kind: 'relay', executorId: 'exec-1', url: '' } });
  expect(linkedTarget(`?target=${encodeURIComponent('ws://h:1/exec?token=t')}`)).toEqual({
    target: { kind: 'direct', url: 'ws://h:1/exec', token: 't' },
  });
});

it.each([
  ['another protocol', 'http://h:1/exec'],
  ['a script', 'javascript:alert(1)'],
  ['nothing', ''],
  ['no executor', 'relay:'],
  ['text that reads the other way round', 'ws://h/\u202Ecexe'],
])('rejects a target that is %s', (_, target) => {
  expect(linkedTarget(`?target=${encodeURIComponent(target)}`)).toHaveProperty('problem');
});

it('takes the token and the launch out of the address, and leaves the rest', () => {
  expect(addressToKeep('http://h:1/?token=secret&view=x&run=ls&mode=pipe&target=ws://h#a')).toBe(
    'http://h:1/?view=x#a',
  );
});
