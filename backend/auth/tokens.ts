// Who bears a token that is known here: fixed ones (capability tokens) by their digests, signed ones by their signature.
//
// A token file holds one token, or JSON that names several:
//   {"tokens": [{"id": "ci", "sha256": "…64 hex digits…", "scopes": ["exec", "fs"], "expiresAt": "2027-01-01T00:00:00Z"}]}

import { createHash, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import { UsageError } from '../config.ts';
import { everyScope, newRevocation, scopes, type Grant } from './grant.ts';

/** Judges what a peer has sent as a token. Takes as long for a wrong one, whatever it is. */
export interface TokenVerifier {
  verify(candidate: string): Grant | undefined | Promise<Grant | undefined>;
  close(): void;
}

interface KnownToken {
  readonly digest: Buffer;
  readonly grant: Grant;
  readonly revocation: AbortController;
}

const tokenFileSchema = z.strictObject({
  tokens: z
    .array(
      z.strictObject({
        id: z.string().regex(/^[\w.-]{1,64}$/, 'expected 1 to 64 letters, digits, dots, dashes'),
        sha256: z.string().regex(/^[0-9a-f]{64}$/i, 'expected the 64 hex digits of a SHA-256 digest'),
        scopes: z.array(z.enum(scopes)).min(1).optional(),
        expiresAt: z.iso.datetime({ offset: true }).optional(),
      }),
    )
    .min(1)
    .max(1000),
});

export class CapabilityTokens implements TokenVerifier {
  #tokens: readonly KnownToken[] = [];

  /** @param content of a token file. @throws UsageError when it is JSON of another shape. */
  setFromFile(content: string): void {
    if (!content.startsWith('{')) {
      this.#replace([{ id: 'token-file', sha256: sha256(content).toString('hex') }]);
      return;
    }
    let json: unknown;
    try {
      json = JSON.parse(content);
    } catch {
      throw new UsageError('the token file begins like JSON and is none');
    }
    const parsed = tokenFileSchema.safeParse(json);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new UsageError(`the token file: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as expected'}`);
    }
    this.#replace(parsed.data.tokens);
  }

  setToken(id: string, token: string): void {
    this.setDigest(id, sha256(token).toString('hex'));
  }

  /** @param hex 64 hex digits. */
  setDigest(id: string, hex: string): void {
    this.#replace([{ id, sha256: hex }]);
  }

  verify(candidate: string): Grant | undefined {
    const digest = sha256(candidate);
    // All are compared, so that time tells nothing of which.
    let found: Grant | undefined;
    for (const token of this.#tokens) if (timingSafeEqual(token.digest, digest)) found = token.grant;
    return found && found.expiresAtMs > Date.now() ? found : undefined;
  }

  close(): void {
    this.#tokens = [];
  }

  /** Tokens that stay as they were keep their grants, and so their connections. */
  #replace(listed: z.infer<typeof tokenFileSchema>['tokens']): void {
    const former = this.#tokens;
    this.#tokens = listed.map(({ id, sha256: hex, scopes: allowed, expiresAt }) => {
      const digest = Buffer.from(hex, 'hex');
      const revocation = newRevocation();
      const grant: Grant = {
        tokenId: id,
        scopes: allowed ? new Set(allowed) : everyScope,
        expiresAtMs: expiresAt === undefined ? Infinity : Date.parse(expiresAt),
        revoked: revocation.signal,
      };
      return (
        former.find((token) => token.digest.equals(digest) && isSameGrant(token.grant, grant)) ?? {
          digest,
          grant,
          revocation,
        }
      );
    });
    for (const token of former) if (!this.#tokens.includes(token)) token.revocation.abort();
  }
}

function isSameGrant(a: Grant, b: Grant): boolean {
  const hasSameScopes = a.scopes.size === b.scopes.size && [...a.scopes].every((scope) => b.scopes.has(scope));
  return a.tokenId === b.tokenId && a.expiresAtMs === b.expiresAtMs && hasSameScopes;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
