// JSON as the tests see it: parsed once, then narrowed by small asserting getters that name what they missed.

import { isObject, type Json, type JsonObject } from '../../shared/scenario/json.ts';

export { isObject, type Json, type JsonObject };

/** @throws SyntaxError when `text` is not JSON. */
export function parseJson(text: string): Json {
  const value: unknown = JSON.parse(text);
  // JSON.parse makes nothing else than these.
  return value as Json;
}

function mismatch(value: Json | undefined, what: string): Error {
  return new Error(`expected ${what}, got ${JSON.stringify(value)?.slice(0, 400) ?? 'nothing'}`);
}

export function asObject(value: Json | undefined, what = 'an object'): JsonObject {
  if (!isObject(value)) throw mismatch(value, what);
  return value;
}

export function asArray(value: Json | undefined, what = 'an array'): Json[] {
  if (!Array.isArray(value)) throw mismatch(value, what);
  return value;
}

export function asString(value: Json | undefined, what = 'a string'): string {
  if (typeof value !== 'string') throw mismatch(value, what);
  return value;
}

export function asNumber(value: Json | undefined, what = 'a number'): number {
  if (typeof value !== 'number') throw mismatch(value, what);
  return value;
}

export function base64(text: string | Uint8Array): string {
  return Buffer.from(text).toString('base64');
}

/** @throws Error when `value` is no string; lenient about what is no base64, which the wire sniffer refuses. */
export function fromBase64(value: Json | undefined, what = 'base64'): Buffer {
  return Buffer.from(asString(value, what), 'base64');
}
