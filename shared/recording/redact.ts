// Takes secrets out of entries before they are kept, shown or shared: values of members, headers and variables whose names
// say that they are secret, and what stands in the query of a URL. What a user types into a process stays: it is the content.

import { urlWithoutSecrets } from '../connection/dialing.ts';
import type { WireEntry } from './entry.ts';

export const redacted = '[redacted]';

/** Names of members, HTTP headers and environment variables whose values are masked. */
const secretName =
  /authorization|cookie|token|secret|passw|passphrase|credential|bearer|signature|^auth$|(^|[-_])(pwd|sig|key)$|api[-_]?key|(access|private)[-_]?key/i;

export function isSecretName(name: string): boolean {
  return secretName.test(name);
}

/** A cheap look before JSON is parsed: messages without such a word, nearly all, stay as they are. */
const hint = /authoriz|cookie|token|secret|passw|passphrase|credential|bearer|signature|auth"|pwd|sig|key|\?[^"\s]+=/i;

/** @returns the entry itself when it holds no secret. Relay frames pass as they are: their payload is not looked into. */
export function redactEntry(entry: WireEntry): WireEntry {
  if (entry.kind === 'frame') return entry;
  if (entry.kind === 'event') {
    const detail = redactDetail(entry.detail);
    return detail === entry.detail ? entry : { ...entry, detail };
  }
  const text = redactMessage(entry.text);
  return text === entry.text ? entry : { ...entry, text };
}

/** Of an event: URLs lose their query. */
export function redactDetail(detail: string): string {
  return /[?#]/.test(detail) ? detail.replace(/\S+:\/\/\S+/g, urlWithoutSecrets) : detail;
}

/** A message with secrets is written anew as compact JSON; any other is returned as it is, also when it is no JSON. */
export function redactMessage(text: string): string {
  if (!hint.test(text)) return text;
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return text;
  }
  const masking = new Masking();
  const masked = masking.value(message);
  return masking.hasMasked ? JSON.stringify(masked) : text;
}

class Masking {
  hasMasked = false;

  value(value: unknown, name = ''): unknown {
    if (Array.isArray(value)) return value.map((item: unknown) => this.value(item));
    if (typeof value === 'object' && value !== null) return this.#object(value);
    if (typeof value !== 'string') return value;
    if (secretName.test(name)) return this.#mask();
    return name === 'url' && value.includes('?') ? this.#query(value) : value;
  }

  #object(object: object): Record<string, unknown> {
    const entries: [string, unknown][] = Object.entries(object);
    // A header: {"name": "authorization", "value": "…"}.
    const header = entries.find(([name]) => name === 'name')?.[1];
    const isSecretHeader = typeof header === 'string' && secretName.test(header);
    return Object.fromEntries(
      entries.map(([name, value]) => [
        name,
        isSecretHeader && name === 'value' ? this.#mask() : this.value(value, name),
      ]),
    );
  }

  /** Values of the query go, names stay. */
  #query(url: string): string {
    const [address = '', ...query] = url.split('?');
    const masked = query.join('?').replace(/([^=&#]+)=([^&#]+)/g, (_, name: string) => `${name}=${this.#mask()}`);
    return `${address}?${masked}`;
  }

  #mask(): string {
    this.hasMasked = true;
    return redacted;
  }
}
