import { expect, it } from 'vitest';
import { isLeftBy, isPressed, keyCaps, plainKey, type PressedKey } from './shortcuts.ts';

const press = (key: string, code: string, held: Partial<PressedKey> = {}): PressedKey => ({
  key,
  code,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  ...held,
});

it('takes Ctrl and Cmd for Mod, and the place of the key whatever stands there with Shift', () => {
  expect(isPressed('Mod+K', press('k', 'KeyK', { ctrlKey: true }))).toBe(true);
  expect(isPressed('Mod+K', press('k', 'KeyK', { metaKey: true }))).toBe(true);
  expect(isPressed('Mod+K', press('K', 'KeyK', { ctrlKey: true, shiftKey: true }))).toBe(false);
  expect(isPressed('Mod+Shift+.', press(':', 'Period', { ctrlKey: true, shiftKey: true }))).toBe(true);
  expect(isPressed('Mod+Enter', press('Enter', 'Enter', { ctrlKey: true }))).toBe(true);
  expect(isPressed('Mod+K', press('k', 'KeyK', { ctrlKey: true, altKey: true }))).toBe(false);
});

it('takes a plain key by what it writes', () => {
  expect(isPressed('?', press('?', 'Slash', { shiftKey: true }))).toBe(true);
  expect(isPressed('J', press('j', 'KeyJ'))).toBe(true);
  expect(plainKey(press('j', 'KeyJ', { ctrlKey: true }))).toBeUndefined();
  expect(plainKey(press('Shift', 'ShiftLeft', { shiftKey: true }))).toBeUndefined();
});

it('leaves a terminal all but Mod+Shift, and a field all but Mod', () => {
  expect(['G T', 'Mod+K', 'Mod+Shift+K'].map((keys) => isLeftBy('terminal', keys))).toEqual([false, false, true]);
  expect(['G T', 'Mod+K', 'Mod+Shift+K'].map((keys) => isLeftBy('text', keys))).toEqual([false, true, true]);
  expect(isLeftBy('page', 'G T')).toBe(true);
});

it('names the keys one by one', () => {
  expect(keyCaps('Mod+Shift+E')).toHaveLength(3);
  expect(keyCaps('G T')).toEqual(['G', 'T']);
});
