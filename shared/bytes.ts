// The only place where bytes become text and text becomes bytes: UTF-8, base64 (RFC 4648 section 4, padded), concat.

const encoder = new TextEncoder();
const lossyDecoder = new TextDecoder();
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function utf8Encode(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Invalid sequences become U+FFFD. */
export function utf8Decode(bytes: Uint8Array): string {
  return lossyDecoder.decode(bytes);
}

/** Undefined when the bytes are not UTF-8. A byte order mark is kept (JSON refuses it). */
export function tryUtf8Decode(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** What Node's Buffer offers for base64; found at run time, since this file also runs in browsers. */
interface Base64Engine {
  from(text: string, encoding: 'base64'): Uint8Array;
  from(buffer: ArrayBufferLike, offset: number, length: number): { toString(encoding: 'base64'): string };
}
const nodeBuffer = (globalThis as { Buffer?: Base64Engine }).Buffer;

/** What newer browsers offer (ES2026). */
interface NativeBase64 {
  fromBase64?(text: string, options: { lastChunkHandling: 'strict' }): Uint8Array;
  readonly prototype: { toBase64?(this: Uint8Array): string };
}
const native = Uint8Array as NativeBase64;

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const valueOf = new Int16Array(128).fill(-1);
for (let index = 0; index < alphabet.length; index++) valueOf[alphabet.charCodeAt(index)] = index;

export function base64Encode(bytes: Uint8Array): string {
  if (nodeBuffer) return nodeBuffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  if (native.prototype.toBase64) return native.prototype.toBase64.call(bytes);
  let text = '';
  // btoa takes one character per byte; the spread below is bounded so that it fits the call stack.
  for (let offset = 0; offset < bytes.length; offset += 0x6000) {
    text += btoa(String.fromCharCode(...bytes.subarray(offset, offset + 0x6000)));
  }
  return text;
}

/** How many bytes a valid base64 text stands for. */
export function base64ByteLength(text: string): number {
  return (text.length / 4) * 3 - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0);
}

/**
 * Decodes strictly: standard alphabet, padding required, no white space (docs/protocol.md, "Bytes").
 * @returns undefined when `text` is not base64.
 */
export function tryBase64Decode(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const length = base64ByteLength(text);
  if (nodeBuffer) {
    // Buffer skips what it does not know and takes the URL alphabet: a wrong text decodes shorter, or holds - or _.
    if (text.includes('-') || text.includes('_')) return undefined;
    const bytes = nodeBuffer.from(text, 'base64');
    return bytes.length === length ? bytes : undefined;
  }
  if (native.fromBase64) {
    try {
      // It skips white space, which makes the result shorter.
      const bytes = native.fromBase64(text, { lastChunkHandling: 'strict' });
      return bytes.length === length ? bytes : undefined;
    } catch {
      return undefined;
    }
  }
  const bytes = new Uint8Array(length);
  const end = Math.ceil((length * 4) / 3);
  let out = 0;
  let bits = 0;
  let bitCount = 0;
  for (let index = 0; index < end; index++) {
    const value = valueOf[text.charCodeAt(index)] ?? -1;
    if (value < 0) return undefined;
    bits = ((bits << 6) | value) & 0xffff;
    bitCount += 6;
    if (bitCount >= 8) {
      bitCount -= 8;
      bytes[out++] = (bits >> bitCount) & 0xff;
    }
  }
  return bytes;
}
