import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tryBase64Decode } from '../../shared/bytes.ts';
import { allocateForBase64, bulkFor, encodeInPlace, tryDecodeInPlace } from './bulk.ts';
import { release } from '../released-memory.ts';

const ascii = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));

test.each([0, 1, 2, 3, 24_575, 24_576, 24_577, 1_000_000])('base64 of %i bytes is decoded where it lies', (length) => {
  const bytes = randomBytes(length);
  const memory = ascii(`before${bytes.toString('base64')}after`);
  const decoded = tryDecodeInPlace(memory.subarray(6, -5));
  expect(decoded && bytes.equals(decoded)).toBe(true);
  expect(decoded?.buffer).toBe(memory.buffer);
  expect(Buffer.from(memory.subarray(0, 6)).toString()).toBe('before');
  expect(Buffer.from(memory.subarray(-5)).toString()).toBe('after');
});

test.each([0, 1, 2, 3, 24_575, 24_576, 24_577, 1_000_000])('%i bytes become base64 where they lie', (length) => {
  const bytes = randomBytes(length);
  // A byte more than there is, as for a file that may have grown.
  const memory = allocateForBase64(length + 1);
  bytes.copy(memory);
  const text = encodeInPlace(memory.subarray(0, length));
  expect(text.toString('latin1')).toBe(bytes.toString('base64'));
  expect(text.buffer).toBe(memory.buffer);
});

test('what is no base64 is refused as tryBase64Decode refuses it, wherever it stands', () => {
  const valid = 'QUJD'.repeat(20_000);
  const bad = fc.constantFrom('=', '-', '_', ' ', '\n', 'é', '==', '!', 'A');
  fc.assert(
    fc.property(bad, fc.nat(valid.length), fc.boolean(), (text, at, isInserted) => {
      const spoilt = valid.slice(0, at) + text + valid.slice(isInserted ? at : at + text.length);
      const expected = tryBase64Decode(spoilt);
      const decoded = tryDecodeInPlace(ascii(spoilt));
      expect(decoded && Buffer.from(decoded).equals(Buffer.from(expected ?? []))).toBe(expected && true);
    }),
  );
});

test('memory that was released is gone at once', () => {
  const bytes = new Uint8Array(8);
  release(bytes.subarray(2));
  expect(bytes.buffer.byteLength).toBe(0);
});

test('bulk goes as bytes to a route that takes it, and as text to others', () => {
  const request = () => ({
    params: { path: '/x', chunk: 'elsewhere' },
    bulk: { member: 'chunk' as const, base64: ascii('QUJD') },
  });
  const { params, bulk } = request();
  expect(bulkFor({ bulkMember: 'chunk' }, request())).toEqual({ rawParams: params, bulk });
  for (const bulkMember of [undefined, 'dataBase64']) {
    expect(bulkFor({ bulkMember }, request())).toEqual({ rawParams: { path: '/x', chunk: 'QUJD' } });
  }
});
