import { describe, expect, it } from 'vitest';
import { DetachKeys, parseDetachKeys } from './detach-keys.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('the keys that detach', () => {
  it('are written as Docker writes them', () => {
    expect([...parseDetachKeys('ctrl-p,ctrl-q')]).toEqual([16, 17]);
    expect([...parseDetachKeys('ctrl-],x')]).toEqual([29, 120]);
    expect([...parseDetachKeys('')]).toEqual([]);
    expect(() => parseDetachKeys('ctrl-1')).toThrow('--detach-keys');
    expect(() => parseDetachKeys('alt-x')).toThrow('alt-x');
  });

  it.each([
    [['a', '\x10\x11b'], 'a', true],
    [['\x10', '\x11'], '', true],
    [['\x10', 'x', '\x10'], '\x10x', false],
    [['\x10\x10\x11'], '\x10', true],
    [['\x11\x10a'], '\x11\x10a', false],
  ])('are found in %j, however they come', (typed, passed, isFound) => {
    const keys = new DetachKeys(parseDetachKeys('ctrl-p,ctrl-q'));
    let text = '';
    let isComplete = false;
    for (const part of typed) {
      const taken = keys.take(bytes(part));
      text += new TextDecoder().decode(taken.pass);
      isComplete ||= taken.isComplete;
    }
    expect([text, isComplete]).toEqual([passed, isFound]);
  });
});
