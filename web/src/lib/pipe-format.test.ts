import fc from 'fast-check';
import { expect, it } from 'vitest';
import { utf8Decode, utf8Encode } from '../../../shared/bytes.ts';
import { PipeFormatter } from './pipe-format.ts';

type Part = readonly ['stdout' | 'stderr' | 'typed', string];

function shown(parts: readonly Part[]): string {
  const formatter = new PipeFormatter();
  return parts
    .map(([source, text]) =>
      utf8Decode(source === 'typed' ? formatter.typed(text) : formatter.output(source, utf8Encode(text))),
    )
    .join('')
    .split('\x1b')
    .map((part) => part.replace(/^\[\d+m/, ''))
    .join('');
}

it('leaves stdout alone', () => {
  expect(
    shown([
      ['stdout', 'a\nb'],
      ['stdout', 'c\n'],
    ]),
  ).toBe('a\nbc\n');
});

it('heads a block of stderr and bars its lines, however they are cut', () => {
  expect(
    shown([
      ['stdout', 'out\n'],
      ['stderr', 'one\ntw'],
      ['stderr', 'o\n'],
      ['stdout', 'more\n'],
    ]),
  ).toBe('out\n╭ stderr\n│ one\n│ two\nmore\n');
});

it('begins a new line where another source goes on', () => {
  expect(
    shown([
      ['stdout', 'no end'],
      ['stderr', 'err'],
      ['stdout', 'out'],
    ]),
  ).toBe('no end\n╭ stderr\n│ err\nout');
});

it('draws the bar again after a carriage return', () => {
  expect(shown([['stderr', '10%\r20%\r\ndone\n']])).toBe('╭ stderr\n│ 10%\r│ 20%\r\n│ done\n');
});

it('shows what was typed', () => {
  expect(
    shown([
      ['stdout', 'name? '],
      ['typed', 'me'],
      ['stdout', 'hi me\n'],
    ]),
  ).toBe('name? \n› me\nhi me\n');
});

it('loses and adds no character of a stream, wherever it is cut', () => {
  const text = fc.array(fc.constantFrom('x', 'y', '\n', 'z'), { maxLength: 12 }).map((chars) => chars.join(''));
  const part = fc.tuple(fc.constantFrom('stdout' as const, 'stderr' as const), text);
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const letters = (value: string) => value.replace(/[^xyz]/g, '');
      const all = shown(parts);
      expect(letters(all.replaceAll('╭ stderr', ''))).toBe(letters(parts.map(([, value]) => value).join('')));
      for (const line of all.split('\n')) {
        // A line holds what one stream wrote.
        if (line.startsWith('│ ') || line === '╭ stderr') continue;
        expect(line).toMatch(/^[xyz]*$/);
      }
    }),
  );
});
