// Who gets in: Origin and Host, judged from the raw headers, and the token. One judgement for HTTP requests and upgrades.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface AccessRules {
  /** Undefined: nobody is asked for one. */
  readonly token: string | undefined;
  /** Exact origins let in, beside the one that serves the page. */
  readonly allowedOrigins: ReadonlySet<string>;
  /** Names taken in Host beside loopback names and the bound address. */
  readonly allowedHosts: ReadonlySet<string>;
  /** The address that the server is bound to. */
  readonly boundAddress: string;
  /** False: every request with an Origin header is refused, as `exec-server --listen` does. */
  readonly servesPages: boolean;
  /** False: Host is not looked at (nobody gets in by a page, as every Origin is refused). */
  readonly checksHost: boolean;
}

export interface Refusal {
  readonly status: 401 | 403;
  readonly code: string;
  readonly reason: string;
}

export const tokenCookie = 'exec_workbench_token';

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Refuses foreign pages and rebound names. Never throws, whatever the headers hold. */
export function judgeOrigin(request: IncomingMessage, rules: AccessRules): Refusal | undefined {
  const { origin, host } = request.headers;
  if (rules.checksHost && !isKnownHost(host, rules)) {
    return { status: 403, code: 'foreign_host', reason: 'this Host is not served here; use --allow-host to let it in' };
  }
  if (origin === undefined) return undefined;
  // Equality only: a prefix, a suffix or a pattern would let look-alikes in. `null` is foreign.
  if (
    rules.servesPages &&
    (origin === `http://${host}` || origin === `https://${host}` || rules.allowedOrigins.has(origin))
  ) {
    return undefined;
  }
  return { status: 403, code: 'foreign_origin', reason: 'this Origin is not let in; use --allow-origin to let it in' };
}

/** @returns undefined when the request carries the token (Bearer, `?token=`, or the cookie of the page). */
export function judgeToken(request: IncomingMessage, rules: AccessRules): Refusal | undefined {
  if (rules.token === undefined) return undefined;
  for (const candidate of tokensOf(request)) if (isSameSecret(candidate, rules.token)) return undefined;
  return {
    status: 401,
    code: 'unauthorized',
    reason: 'a token is needed: Authorization: Bearer TOKEN, or ?token=TOKEN; the server printed it at start',
  };
}

/** Constant time, whatever the lengths. */
export function isSameSecret(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function* tokensOf(request: IncomingMessage): Generator<string> {
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (bearer !== undefined) yield bearer;
  const query = (request.url ?? '').split('?', 2)[1];
  const fromQuery = query === undefined ? null : new URLSearchParams(query).get('token');
  if (fromQuery !== null) yield fromQuery;
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [name, value] = pair.trim().split('=', 2);
    if (name === tokenCookie && value !== undefined) yield value;
  }
}

function isKnownHost(host: string | undefined, rules: AccessRules): boolean {
  if (host === undefined) return false;
  const name = hostName(host);
  if (name === undefined) return false;
  return (
    loopbackNames.has(name) ||
    name === rules.boundAddress ||
    name === `[${rules.boundAddress}]` ||
    rules.allowedHosts.has(name)
  );
}

/** The name without the port, lower case; undefined when it is no host. IPv6 stays in brackets. */
function hostName(host: string): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?$/.exec(host.toLowerCase())?.[1];
}
