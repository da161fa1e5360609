// Bytes as people type them: text, hex or base64.

import { base64Encode, tryBase64Decode, tryUtf8Decode, utf8Encode } from '../../../../shared/bytes.ts';
import { hexText } from '../inspect/hex.ts';

export const byteForms = ['text', 'hex', 'base64'] as const;
export type ByteForm = (typeof byteForms)[number];

/** @returns undefined when it is not written in that form; white space in hex and base64 does not count. */
export function tryParseBytes(text: string, form: ByteForm): Uint8Array | undefined {
  if (form === 'text') return utf8Encode(text);
  const dense = text.replace(/\s+/g, '');
  if (form === 'base64') return tryBase64Decode(dense);
  if (!/^([0-9a-f]{2})*$/i.test(dense)) return undefined;
  return Uint8Array.from(dense.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** @returns undefined when the bytes are no text (`text` only). */
export function tryFormatBytes(bytes: Uint8Array, form: ByteForm): string | undefined {
  switch (form) {
    case 'text':
      return tryUtf8Decode(bytes);
    case 'hex':
      return hexText(bytes).replace(/(.{2})(?=.)/g, '$1 ');
    case 'base64':
      return base64Encode(bytes);
  }
}

/** The same bytes typed in another form; what cannot be typed in it, or is not typed right, stays as it is. */
export function withForm(text: string, from: ByteForm, to: ByteForm): string {
  const bytes = tryParseBytes(text, from);
  return (bytes && tryFormatBytes(bytes, to)) ?? text;
}
