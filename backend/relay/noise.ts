// What the registry knows of Noise peers (Codex 0.169): the shape of their public keys, and whether a harness's key was let
// in. The handshake and everything after it is between the endpoints: nothing here decrypts, and no private key comes by.

import { timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import { clockSkewSec, signature } from './signed-url.ts';

/** The only one that 0.169 speaks; both sides refuse any other. */
export const securityProfile = 'noise_hybrid_ik_v1';

const suite = 'Noise_hybridIK_X25519+MLKEM768_AESGCM_SHA256';
/** Raw sizes of the two public keys, bytes (RFC 7748, FIPS 203). */
const x25519Bytes = 32;
const mlkem768Bytes = 1184;

const base64Of = (bytes: number) =>
  z
    .string()
    .refine(
      (text) => text.length === 4 * Math.ceil(bytes / 3) && isBase64Of(text, bytes),
      `expected base64 of ${bytes} bytes`,
    );

function isBase64Of(text: string, bytes: number): boolean {
  const decoded = Buffer.from(text, 'base64');
  return decoded.length === bytes && decoded.toString('base64') === text;
}

/** Strict: the peers refuse keys with further members, so they must not be passed on. */
export const publicKeySchema = z.strictObject({
  suite: z.literal(suite),
  x25519_public_key: base64Of(x25519Bytes),
  mlkem768_public_key: base64Of(mlkem768Bytes),
});
export type NoisePublicKey = z.infer<typeof publicKeySchema>;

/** Both keys as one word of 1622 characters, for URLs and between nodes. */
export function packKey(key: NoisePublicKey): string {
  const parts = [key.x25519_public_key, key.mlkem768_public_key].map((part) => Buffer.from(part, 'base64'));
  return Buffer.concat(parts).toString('base64url');
}

/** The reverse of `packKey`, for what this server has signed. */
export function unpackKey(packed: string): NoisePublicKey {
  const bytes = Buffer.from(packed, 'base64url');
  return {
    suite,
    x25519_public_key: bytes.toString('base64', 0, x25519Bytes),
    mlkem768_public_key: bytes.toString('base64', x25519Bytes),
  };
}

/** What an authorization is about: that key may speak to the executor of that registration. */
export interface HarnessKeyClaim {
  readonly executorId: string;
  readonly registrationId: string;
  readonly harnessKey: NoisePublicKey;
}

/** `EXPIRY.BASE64URL(HMAC-SHA256)`, so any node that knows the secret can judge it and nothing is stored. */
export function authorizeHarnessKey(claim: HarnessKeyClaim, expiresAtSec: number, secret: Uint8Array): string {
  return `${expiresAtSec}.${signature(claimText(claim, expiresAtSec), secret).toString('base64url')}`;
}

/** Whether `authorization` was made by `authorizeHarnessKey` for this very claim and holds still. Never throws. */
export function isAuthorized(
  claim: HarnessKeyClaim,
  authorization: string,
  secret: Uint8Array,
  nowMs: number,
): boolean {
  const [, expiry, mac] = /^(\d{1,12})\.([\w-]{43})$/.exec(authorization) ?? [];
  if (expiry === undefined || mac === undefined) return false;
  const isOurs = timingSafeEqual(signature(claimText(claim, Number(expiry)), secret), Buffer.from(mac, 'base64url'));
  return isOurs && nowMs / 1000 <= Number(expiry) + clockSkewSec;
}

/** As JSON, so that no member can run into the next; begins unlike what is signed for URLs. */
function claimText({ executorId, registrationId, harnessKey }: HarnessKeyClaim, expiresAtSec: number): string {
  return JSON.stringify(['harness key', executorId, registrationId, packKey(harnessKey), expiresAtSec]);
}
