// Who gets in: Origin and Host, judged from the raw headers, and the token. One judgement for HTTP requests and upgrades.

import type { IncomingMessage } from 'node:http';
import type { FailureLimit } from './failure-limit.ts';
import { openGrant, type Grant, type Scope } from './grant.ts';
import type { TokenVerifier } from './tokens.ts';

export interface OriginRules {
  /** Exact origins let in, beside the one that serves the page. */
  readonly allowedOrigins: ReadonlySet<string>;
  /** Names taken in Host beside loopback names and the bound address. */
  readonly allowedHosts: ReadonlySet<string>;
  /** The address that the server is bound to. */
  readonly boundAddress: string;
  /** Pages of ours come from https:// then, else from http://. */
  readonly hasTls: boolean;
  /** False: every request with an Origin header is refused, as `exec-server --listen` does. */
  readonly servesPages: boolean;
  /** False: Host is not looked at (nobody gets in by a page, as every Origin is refused). */
  readonly checksHost: boolean;
}

export interface Refusal {
  readonly status: 401 | 403 | 429;
  readonly code: string;
  readonly reason: string;
  readonly retryAfterSec?: number;
}

const tokenCookie = 'exec_workbench_token';

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]']);

/** The doorkeeper of one listener. */
export class Access {
  readonly #grants = new WeakMap<IncomingMessage, { readonly grant: Grant; readonly token: string }>();

  /** @param tokens undefined: nobody is asked for one. */
  constructor(
    private readonly rules: OriginRules,
    private readonly tokens: TokenVerifier | undefined,
    private readonly failures: FailureLimit,
    private readonly onRefused: (request: IncomingMessage, refusal: Refusal) => void = () => undefined,
  ) {}

  judgeOrigin(request: IncomingMessage): Refusal | undefined {
    const refusal = judgeOrigin(request, this.rules);
    if (refusal) this.onRefused(request, refusal);
    return refusal;
  }

  /**
   * Looks for a token that is known: Bearer, `?token=`, or the cookie of the page.
   * @param scope what it has to allow; undefined: any will do.
   */
  async judgeToken(request: IncomingMessage, scope?: Scope): Promise<Refusal | undefined> {
    const refusal = await this.#judgeToken(request, scope);
    if (refusal) this.onRefused(request, refusal);
    return refusal;
  }

  async #judgeToken(request: IncomingMessage, scope: Scope | undefined): Promise<Refusal | undefined> {
    if (!this.tokens) return undefined;
    const address = request.socket.remoteAddress ?? '';
    const waitSec = this.failures.waitSec(address);
    if (waitSec > 0) return tooManyFailures(waitSec);
    const candidates = tokensOf(request);
    let isKnown = false;
    for (const { token } of candidates) {
      const grant = await this.tokens.verify(token);
      if (!grant) continue;
      isKnown = true;
      if (scope !== undefined && !grant.scopes.has(scope)) continue;
      this.#grants.set(request, { grant, token });
      return undefined;
    }
    if (isKnown && scope !== undefined) return missingScope(scope);
    for (const { token, isCookie } of candidates) this.failures.failed(address, isCookie ? token : undefined);
    // The same for none and for a wrong one: whoever guesses learns nothing.
    return {
      status: 401,
      code: 'unauthorized',
      reason: 'a token is needed: Authorization: Bearer TOKEN, or ?token=TOKEN; the server printed it at start',
    };
  }

  /** What the token of a request that was let in allows. */
  grantOf(request: IncomingMessage): Grant {
    return this.#grants.get(request)?.grant ?? openGrant;
  }

  /** The token that let a request in; undefined where none is asked for. */
  tokenOf(request: IncomingMessage): string | undefined {
    return this.#grants.get(request)?.token;
  }

  /** `Set-Cookie` for the page that a token has opened; undefined where none is asked for. */
  cookieFor(request: IncomingMessage): string | undefined {
    const token = this.tokenOf(request);
    if (token === undefined) return undefined;
    return `${tokenCookie}=${token}; HttpOnly; SameSite=Strict; Path=/${this.rules.hasTls ? '; Secure' : ''}`;
  }
}

function missingScope(scope: Scope): Refusal {
  return { status: 403, code: 'missing_scope', reason: `this token does not allow it: it lacks the scope ${scope}` };
}

function tooManyFailures(waitSec: number): Refusal {
  return {
    status: 429,
    code: 'too_many_failures',
    reason: `too many wrong tokens from this address; try again in ${waitSec} s`,
    retryAfterSec: waitSec,
  };
}

/** Refuses foreign pages and rebound names. Never throws, whatever the headers hold. */
export function judgeOrigin(request: IncomingMessage, rules: OriginRules): Refusal | undefined {
  const { origin, host } = request.headers;
  if (rules.checksHost && !isKnownHost(host, rules)) {
    return { status: 403, code: 'foreign_host', reason: 'this Host is not served here; use --allow-host to let it in' };
  }
  if (origin === undefined) return undefined;
  // Equality only: a prefix, a suffix or a pattern would let look-alikes in. `null` is foreign.
  const ownOrigin = `${rules.hasTls ? 'https' : 'http'}://${host}`;
  if (rules.servesPages && (origin === ownOrigin || rules.allowedOrigins.has(origin))) return undefined;
  return { status: 403, code: 'foreign_origin', reason: 'this Origin is not let in; use --allow-origin to let it in' };
}

interface Candidate {
  readonly token: string;
  readonly isCookie: boolean;
}

/** One of each kind: a request is not a list of guesses. */
function tokensOf(request: IncomingMessage): Candidate[] {
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const query = (request.url ?? '').split('?', 2)[1];
  const fromQuery = query === undefined ? null : new URLSearchParams(query).get('token');
  const cookie = (request.headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim().split('=', 2))
    .find(([name]) => name === tokenCookie)?.[1];
  return [bearer, fromQuery, cookie].flatMap((token, index) => (token == null ? [] : { token, isCookie: index === 2 }));
}

function isKnownHost(host: string | undefined, rules: OriginRules): boolean {
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
