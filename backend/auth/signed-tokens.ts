// Signed bearer tokens: JWTs with HS256 by a shared secret (RFC 7519). Claims: `exp` must be there; `nbf`, `iss` and `aud`
// are checked; `sub` names the bearer; `scope`, words with spaces between (RFC 8693), limits it, and without it all is allowed.

import { errors, jwtVerify } from 'jose';
import { UsageError } from '../config.ts';
import { everyScope, newRevocation, scopes, type Grant, type Scope } from './grant.ts';
import type { TokenVerifier } from './tokens.ts';

export interface SignedTokenRules {
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly maxClockSkewSec: number;
}

/** RFC 7518 section 3.2: a key of the hash's size or larger. */
const minSecretBytes = 32;

export class SignedTokens implements TokenVerifier {
  #secret: Uint8Array = new Uint8Array();
  #revocation = newRevocation();

  constructor(private readonly rules: SignedTokenRules) {}

  /** Revokes what the former secret has signed. @throws UsageError when it is too short. */
  setSecret(secret: string, source: string): void {
    const bytes = Buffer.from(secret);
    if (bytes.length < minSecretBytes) {
      throw new UsageError(`signed websocket bearer secret ${source} must be at least ${minSecretBytes} bytes`);
    }
    if (bytes.equals(this.#secret)) return;
    this.#secret = bytes;
    this.#revocation.abort();
    this.#revocation = newRevocation();
  }

  async verify(candidate: string): Promise<Grant | undefined> {
    const { issuer, audience, maxClockSkewSec } = this.rules;
    const { signal } = this.#revocation;
    try {
      const { payload } = await jwtVerify(candidate, this.#secret, {
        algorithms: ['HS256'],
        requiredClaims: ['exp'],
        clockTolerance: maxClockSkewSec,
        ...(issuer === undefined ? {} : { issuer }),
        ...(audience === undefined ? {} : { audience }),
      });
      return {
        tokenId: bearerOf(payload.sub, payload.jti),
        scopes: scopesOf(payload['scope']),
        expiresAtMs: ((payload.exp ?? 0) + maxClockSkewSec) * 1000,
        revoked: signal,
      };
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }

  close(): void {
    this.#secret = new Uint8Array();
  }
}

/** What a claim holds is its issuer's to say: it may be no text at all. */
function bearerOf(...claims: readonly unknown[]): string {
  return (
    claims
      .find((claim) => typeof claim === 'string' && claim !== '')
      ?.toString()
      .slice(0, 64) ?? 'signed'
  );
}

/** Unknown words allow nothing. */
function scopesOf(claim: unknown): ReadonlySet<Scope> {
  if (claim === undefined) return everyScope;
  const words = typeof claim === 'string' ? claim.split(' ') : [];
  return new Set(scopes.filter((scope) => words.includes(scope)));
}
