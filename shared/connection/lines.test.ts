import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../bytes.ts';
import { LineSplitter, type LineEvent } from './lines.ts';

function split(chunks: readonly Uint8Array[], maxLineBytes = 1000): LineEvent[] {
  const splitter = new LineSplitter(maxLineBytes);
  const events = chunks.flatMap((chunk) => splitter.push(chunk));
  const last = splitter.end();
  return last ? [...events, last] : events;
}
const texts = (events: readonly LineEvent[]) =>
  events.map((event) => (event.kind === 'line' ? event.text : event.reason));

describe('LineSplitter', () => {
  it('ends lines at LF or CR LF, skips white space, takes a last line without LF', () => {
    expect(texts(split([utf8Encode('a\r\n\n  \n{"b":1}\nlast')]))).toEqual(['a', '{"b":1}', 'last']);
  });

  it('cuts the same lines wherever the chunks are cut', () => {
    const line = fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.replace(/[\r\n]/g, ''));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat(40)), (lines, sizes) => {
        const bytes = utf8Encode(lines.map((text) => `${text}\n`).join(''));
        const chunks: Uint8Array[] = [];
        let start = 0;
        for (const size of sizes) {
          chunks.push(bytes.subarray(start, start + size));
          start += size;
        }
        chunks.push(bytes.subarray(start));
        expect(texts(split(chunks))).toEqual(lines.filter((text) => text.trim() !== ''));
      }),
    );
  });

  it('refuses a line longer than the limit as soon as it is, and takes one that has exactly that length', () => {
    expect(texts(split([utf8Encode('12345\n')], 5))).toEqual(['12345']);
    const splitter = new LineSplitter(5);
    expect(splitter.push(utf8Encode('123456'))).toEqual([
      { kind: 'fatal', reason: 'input line is longer than 5 bytes' },
    ]);
  });

  it('refuses what is no UTF-8', () => {
    expect(split([Uint8Array.of(0xff, 0x0a)])).toEqual([{ kind: 'fatal', reason: 'input line is not UTF-8' }]);
  });
});
