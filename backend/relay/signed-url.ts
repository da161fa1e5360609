// Signed, expiring relay URLs: who holds one may use `/relay/{id}` in one role until it expires. Any node that knows the
// secret can sign and verify; nothing is stored.
//
// The signature is the last parameter and covers the path and everything before it, byte for byte:
//   /relay/ID?role=harness&exp=1767225600&peer=…&resume=1&sig=BASE64URL(HMAC-SHA256(secret, all before "&sig="))

import { createHmac, timingSafeEqual } from 'node:crypto';

export type RelayRole = 'executor' | 'harness';

/** What a signed URL allows. */
export interface RelayGrant {
  readonly executorId: string;
  readonly role: RelayRole;
  /** In seconds since 1970. */
  readonly expiresAtSec: number;
  /** Tells one peer from others; connections with the same one are the same peer, come back. */
  readonly peer: string;
  /** The peer can resume its streams on a new connection, so they outlive this one for a while. */
  readonly resume: boolean;
  /** What people call the executor; '' if nothing. */
  readonly name: string;
  /** Public key of an executor that speaks Noise, packed (noise.ts); '' of one that speaks plain frames. */
  readonly noiseKey: string;
}

/** Why a URL is refused: a label for counters. */
export type SignedUrlFault = 'no_signature' | 'bad_signature' | 'expired' | 'bad_grant';

/** Clocks of two machines may differ by this, in seconds (docs/relay.md). */
export const clockSkewSec = 60;
/** Room for the longest id and name, each character three escaped bytes, and a key. */
const maxTargetLength = 8192;
/** 128 characters: enough for any name, short enough for logs, subjects and tables. */
const maxExecutorIdLength = 128;

/** One path segment of printable characters. */
export function isExecutorId(id: string): boolean {
  return (
    /^[^/\\\p{Cc}\s]([^/\\\p{Cc}]*[^/\\\p{Cc}\s])?$/u.test(id) &&
    id.length <= maxExecutorIdLength &&
    !/^\.\.?$/.test(id)
  );
}

/** @returns path and query, to be put behind `ws://host`. */
export function signedTarget(grant: RelayGrant, secret: Uint8Array): string {
  const query = new URLSearchParams({ role: grant.role, exp: String(grant.expiresAtSec), peer: grant.peer });
  if (grant.name !== '') query.set('name', grant.name);
  if (grant.noiseKey !== '') query.set('noise', grant.noiseKey);
  if (grant.resume) query.set('resume', '1');
  const signed = `/relay/${encodeURIComponent(grant.executorId)}?${query.toString()}`;
  return `${signed}&sig=${signature(signed, secret).toString('base64url')}`;
}

/** The grant of a request target as it came on the wire, or why it is refused. Never throws. */
export function verifyTarget(target: string, secret: Uint8Array, nowMs: number): RelayGrant | SignedUrlFault {
  const [, signed, sig] =
    target.length > maxTargetLength ? [] : (/^(\/relay\/[^/?#]+\?[^#]*)&sig=([\w-]{43})$/.exec(target) ?? []);
  if (signed === undefined || sig === undefined) return 'no_signature';
  // Both have 32 bytes, whatever came.
  if (!timingSafeEqual(signature(signed, secret), Buffer.from(sig, 'base64url'))) return 'bad_signature';
  const { pathname, searchParams } = new URL(signed, 'http://relay');
  const executorId = tryDecode(pathname.slice('/relay/'.length));
  const role = searchParams.get('role');
  const expiresAtSec = Number(searchParams.get('exp'));
  if (executorId === undefined || !isExecutorId(executorId) || (role !== 'executor' && role !== 'harness'))
    return 'bad_grant';
  if (!Number.isSafeInteger(expiresAtSec)) return 'bad_grant';
  if (nowMs / 1000 > expiresAtSec + clockSkewSec) return 'expired';
  return {
    executorId,
    role,
    expiresAtSec,
    peer: searchParams.get('peer') ?? '',
    resume: searchParams.get('resume') === '1',
    name: searchParams.get('name') ?? '',
    noiseKey: searchParams.get('noise') ?? '',
  };
}

/** HMAC-SHA256, 32 bytes. */
export function signature(signed: string, secret: Uint8Array): Buffer {
  return createHmac('sha256', secret).update(signed).digest();
}

function tryDecode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
