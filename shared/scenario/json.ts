// JSON values as scenarios hold and compare them.

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [name: string]: Json;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value of `text`, or a text that says that it is no JSON: a peer may send anything. */
export function jsonOrText(text: string): Json {
  try {
    // JSON.parse makes nothing else than these.
    return JSON.parse(text) as Json;
  } catch {
    return `not JSON: ${text}`;
  }
}
