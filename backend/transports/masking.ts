// Masking of what a client sends (RFC 6455 section 5.3): each byte XOR one of the four of a key. By bufferutil's native code if
// it is installed, which is twice as fast as words in JavaScript and thirty times as fast as bytes.

import { randomFillSync } from 'node:crypto';
import { createRequire } from 'node:module';

export const maskBytes = 4;

/** Below this the call of native code costs more than it saves, bytes. */
const minNativeBytes = 48;

type Unmask = (bytes: Buffer, key: Uint8Array) => void;

const native = nativeUnmask();

function nativeUnmask(): Unmask | undefined {
  try {
    const { unmask } = createRequire(import.meta.url)('bufferutil') as { readonly unmask: Unmask };
    return unmask;
  } catch {
    // An optional package, absent where it has no binary.
    return undefined;
  }
}

/**
 * Masks `bytes` in place, or takes the mask away: twice is as if nothing was done.
 * @param from where in the payload they lie, if not at its beginning
 */
export function mask(bytes: Buffer, key: Uint8Array, from = 0): void {
  const shift = from & 3;
  const turned = shift === 0 ? key : Uint8Array.from(key, (_, index) => key[(index + shift) & 3] ?? 0);
  if (native && bytes.length >= minNativeBytes) {
    native(bytes, turned);
    return;
  }
  for (let index = 0; index < bytes.length; index++) bytes[index] = (bytes[index] ?? 0) ^ (turned[index & 3] ?? 0);
}

const keys = new Uint8Array(2048 * maskBytes);
let usedKeyBytes = keys.length;

/** Four bytes that nobody can foresee. */
export function newMaskingKey(): Uint8Array {
  if (usedKeyBytes === keys.length) {
    randomFillSync(keys);
    usedKeyBytes = 0;
  }
  usedKeyBytes += maskBytes;
  return keys.subarray(usedKeyBytes - maskBytes, usedKeyBytes);
}
