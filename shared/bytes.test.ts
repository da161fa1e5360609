import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';

/** The module looks once for what the platform offers: each engine is tried with a module of its own. */
async function bytesWith(engine: 'buffer' | 'native' | 'plain') {
  vi.resetModules();
  if (engine !== 'buffer') vi.stubGlobal('Buffer', undefined);
  if (engine === 'native') {
    // What newer browsers have, by Node's means: skips white space, judges the rest strictly.
    const { Buffer } = await import('node:buffer');
    Object.assign(Uint8Array, {
      fromBase64: (text: string) => {
        const dense = text.replace(/[ \t\n\f\r]/g, '');
        if (!/^(?:[\w+/]{4})*(?:[\w+/]{2}==|[\w+/]{3}=)?$/.test(dense) || dense.includes('_'))
          throw new SyntaxError('bad');
        return new Uint8Array(Buffer.from(dense, 'base64'));
      },
    });
  }
  return import('./bytes.ts');
}

afterEach(() => {
  vi.unstubAllGlobals();
  Reflect.deleteProperty(Uint8Array, 'fromBase64');
});

describe.each(['buffer', 'native', 'plain'] as const)('base64 by %s', (engine) => {
  it('reads back what it wrote, whatever the bytes', async () => {
    const { base64ByteLength, base64Encode, tryBase64Decode } = await bytesWith(engine);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const text = base64Encode(bytes);
        expect(text).toMatch(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/);
        expect(base64ByteLength(text)).toBe(bytes.length);
        expect([...(tryBase64Decode(text) ?? [-1])]).toEqual([...bytes]);
      }),
    );
  });

  it('takes a mebibyte', async () => {
    const { base64Encode, tryBase64Decode } = await bytesWith(engine);
    const bytes = new Uint8Array(1024 * 1024 + 1).map((_, index) => index * 31);
    const decoded = tryBase64Decode(base64Encode(bytes));
    expect(decoded?.length).toBe(bytes.length);
    expect(decoded?.every((byte, index) => byte === bytes[index])).toBe(true);
  });

  it.each(['a', 'ab', 'abc', 'a===', 'ab=c', 'YQ= =', 'YQ==\n', ' YQ=', 'ab-_', 'YQ==YQ==', 'ä123', 'YWJ\n'])(
    'refuses %j',
    async (text) => {
      const { tryBase64Decode } = await bytesWith(engine);
      expect(tryBase64Decode(text)).toBeUndefined();
    },
  );
});

describe('utf8', () => {
  it('tells bytes that are no UTF-8, and keeps a byte order mark', async () => {
    const { tryUtf8Decode, utf8Decode, utf8Encode } = await bytesWith('buffer');
    expect(tryUtf8Decode(Uint8Array.of(0xff))).toBeUndefined();
    expect(utf8Decode(Uint8Array.of(0xff))).toBe('\uFFFD');
    expect(tryUtf8Decode(utf8Encode('\uFEFFx'))).toBe('\uFEFFx');
  });

  it('joins bytes in order', async () => {
    const { concatBytes } = await bytesWith('buffer');
    expect([...concatBytes([Uint8Array.of(1), new Uint8Array(), Uint8Array.of(2, 3)])]).toEqual([1, 2, 3]);
  });
});
