// Bytes of megabytes as text.

import { isAscii } from 'node:buffer';

/** Above this, in bytes, text that is ASCII becomes a string outside of the JavaScript heap: one copy, no decoder, no collector. */
export const longTextBytes = 64 * 1024;

/** @param bytes UTF-8. */
export function textOf(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return buffer.length > longTextBytes && isAscii(buffer) ? buffer.toString('latin1') : buffer.toString();
}
