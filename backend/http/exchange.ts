// Sends one request and gives its response, with redirects followed. By node:http itself: fetch decodes bodies, adds headers
// and hides redirects, and a harness wants the response as it was on the wire.
//
// Headers go out in the harness's order, repeated ones beside the first. Added are `host`, `accept: */*` and, with a body,
// `content-length`, and nothing else. One connection per request: a pooled one may die under a POST that must not be repeated.

import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { urlToHttpOptions } from 'node:url';
import { isOsError, osErrorText } from '../process/os-error.ts';
import type { AddressGuard } from './address-guard.ts';
import type { PreparedRequest } from './prepare.ts';
import { tryRedirect } from './redirect.ts';

const maxRedirects = 10;
/** Largest head of a response in bytes; Node's default of 16 KiB is less than some servers' cookies. */
const maxHeaderBytes = 256 * 1024;
/** Said anew for the body that we know; a wrong length would tear the connection's framing. */
const framingHeaders: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding']);

export interface ExchangeOptions {
  readonly followsRedirects: boolean;
  /** Ends the exchange, the body of the response included. */
  readonly signal: AbortSignal;
  /** Judges each address that is connected to, those of redirects too. Undefined: any may be reached. */
  readonly guard: AddressGuard | undefined;
}

/**
 * @returns the response, paused; whoever gets it reads or destroys it.
 * @throws Error whose message tells what happened, without the URL.
 */
export async function exchange(prepared: PreparedRequest, options: ExchangeOptions): Promise<IncomingMessage> {
  let current = prepared;
  for (let redirects = 0; ; redirects++) {
    const response = await send(current, options);
    let next: PreparedRequest | undefined;
    try {
      if (options.followsRedirects) next = tryRedirect(current, response.statusCode ?? 0, response.headers.location);
      if (!next) return response;
      if (redirects === maxRedirects) throw new Error(`too many redirects: the limit is ${maxRedirects}`);
    } catch (error) {
      response.destroy();
      throw error;
    }
    response.destroy();
    current = next;
  }
}

function send(prepared: PreparedRequest, { signal, guard }: ExchangeOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { url, method, body } = prepared;
    const create = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const target = urlToHttpOptions(url);
    // An address is not looked up.
    if (guard && isIP(target.hostname ?? '') !== 0) guard.check(target.hostname ?? '');
    const request = create({
      ...target,
      ...(guard ? { lookup: guard.lookup } : {}),
      method,
      signal,
      agent: false,
      setHost: false,
      maxHeaderSize: maxHeaderBytes,
    });
    // Node writes methods in upper case; the wire has them as they were given.
    request.method = method;
    setHeaders(request, prepared);
    request.on('response', resolve);
    // Later errors are the response's to tell; this listener only keeps them from being unhandled.
    request.on('error', (error) => reject(new Error(transportText(error), { cause: error })));
    const refuse = (what: string) => (_response: unknown, socket: { destroy(): void }) => {
      socket.destroy();
      reject(new Error(what));
    };
    request.on('upgrade', refuse('the server switched protocols'));
    request.on('connect', refuse('CONNECT opens a tunnel, which has no response body'));
    request.end(body);
  });
}

function setHeaders(request: ClientRequest, { url, method, headers, body }: PreparedRequest): void {
  // Without this Node adds a `connection` header of its own.
  request.removeHeader('connection');
  const valuesByName = new Map<string, { readonly name: string; readonly values: string[] }>();
  const add = (name: string, value: string) => {
    const lowerName = name.toLowerCase();
    const field = valuesByName.get(lowerName) ?? { name, values: [] };
    valuesByName.set(lowerName, field);
    field.values.push(value);
  };
  for (const { name, value } of headers) {
    // Node writes one byte per character: UTF-8 is made before.
    if (!framingHeaders.has(name.toLowerCase())) add(name, Buffer.from(value).toString('latin1'));
  }
  if (!valuesByName.has('host')) add('Host', url.host);
  if (!valuesByName.has('accept')) add('Accept', '*/*');
  // A body may be expected with these; its absence is said (RFC 9110 section 8.6).
  if (body || ['POST', 'PUT', 'PATCH'].includes(method)) add('Content-Length', String(body?.length ?? 0));
  for (const [lowerName, { name, values }] of valuesByName) {
    // Node would join several cookie headers by itself; then as HTTP says.
    if (lowerName === 'cookie') request.setHeader(name, values.join('; '));
    else request.setHeader(name, values.length === 1 ? (values[0] ?? '') : values);
  }
}

/** Names lower case, order and repeats kept; values that are no plain text are left out. */
export function responseHeaders(response: IncomingMessage): { name: string; value: string }[] {
  const { rawHeaders } = response;
  const fields: { name: string; value: string }[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const value = rawHeaders[index + 1] ?? '';
    if (/^[\t\x20-\x7e]*$/.test(value)) fields.push({ name: (rawHeaders[index] ?? '').toLowerCase(), value });
  }
  return fields;
}

/** "Connection refused (os error 111)"; an attempt at several addresses tells of the first. */
export function transportText(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (isOsError(first) && 'syscall' in first && first.syscall !== 'getaddrinfo') return osErrorText(first.code);
  return first instanceof Error ? first.message : String(first);
}
