import { createHash } from 'node:crypto';
import { SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { FailureLimit } from './failure-limit.ts';
import { watchGrant, type Grant } from './grant.ts';
import { SignedTokens } from './signed-tokens.ts';
import { CapabilityTokens } from './tokens.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const sorted = (grant: Grant | undefined) => [...(grant?.scopes ?? [])].sort();

describe('capability tokens', () => {
  test('a file may hold one token, which allows everything', () => {
    const tokens = new CapabilityTokens();
    tokens.setFromFile('secret-one');
    expect(sorted(tokens.verify('secret-one'))).toHaveLength(6);
    expect(tokens.verify('secret-two')).toBeUndefined();
    expect(tokens.verify('')).toBeUndefined();
  });

  test('a file may name several, with scopes and an end', () => {
    const tokens = new CapabilityTokens();
    const at = (ms: number) => new Date(Date.now() + ms).toISOString();
    tokens.setFromFile(
      JSON.stringify({
        tokens: [
          { id: 'ci', sha256: sha256('one'), scopes: ['exec', 'fs'], expiresAt: at(60_000) },
          { id: 'old', sha256: sha256('two'), expiresAt: at(-1) },
        ],
      }),
    );
    expect(tokens.verify('one')).toMatchObject({ tokenId: 'ci' });
    expect(sorted(tokens.verify('one'))).toEqual(['exec', 'fs']);
    expect(tokens.verify('two')).toBeUndefined();
  });

  test.each([
    ['{', 'begins like JSON'],
    ['{}', 'tokens'],
    ['{"tokens":[]}', 'tokens'],
    [`{"tokens":[{"id":"a","sha256":"00"}]}`, 'tokens.0.sha256'],
    [`{"tokens":[{"id":"a","sha256":"${sha256('x')}","scopes":["root"]}]}`, 'tokens.0.scopes'],
    [`{"tokens":[{"id":"a","sha256":"${sha256('x')}","expiresAt":"soon"}]}`, 'tokens.0.expiresAt'],
  ])('a file %j is refused by its member', (content, why) => {
    expect(() => new CapabilityTokens().setFromFile(content)).toThrow(why);
  });

  test('a token that leaves the file is revoked; one that stays keeps its grant', () => {
    const tokens = new CapabilityTokens();
    const [one, two] = ['one', 'two'].map((text) => ({ id: text, sha256: sha256(text) }));
    tokens.setFromFile(JSON.stringify({ tokens: [one, two] }));
    const grants = { one: tokens.verify('one'), two: tokens.verify('two') };
    const ends: string[] = [];
    watchGrant(grants.one!, (reason) => ends.push(`one: ${reason}`));
    watchGrant(grants.two!, (reason) => ends.push(`two: ${reason}`));
    tokens.setFromFile(JSON.stringify({ tokens: [two] }));
    expect(ends).toEqual(['one: the token was revoked']);
    expect(tokens.verify('one')).toBeUndefined();
    expect(tokens.verify('two')).toBe(grants.two);
  });
});

describe('signed tokens', () => {
  const secret = 'a secret of more than thirty-two bytes';
  const key = new TextEncoder().encode(secret);
  const nowSec = Math.floor(Date.now() / 1000);
  const sign = (claims: Record<string, unknown>, signKey = key, alg = 'HS256') =>
    new SignJWT(claims).setProtectedHeader({ alg }).sign(signKey);
  const valid = { exp: nowSec + 60, iss: 'us', aud: 'box', sub: 'ada' };
  const tokens = () => {
    const signed = new SignedTokens({ issuer: 'us', audience: 'box', maxClockSkewSec: 5 });
    signed.setSecret(secret, 'FILE');
    return signed;
  };

  test('let their bearer in, by name and scope', async () => {
    expect(await tokens().verify(await sign(valid))).toMatchObject({
      tokenId: 'ada',
      expiresAtMs: (valid.exp + 5) * 1000,
    });
    expect(sorted(await tokens().verify(await sign(valid)))).toHaveLength(6);
    expect(sorted(await tokens().verify(await sign({ ...valid, scope: 'fs http root' })))).toEqual(['fs', 'http']);
    expect(sorted(await tokens().verify(await sign({ ...valid, scope: '' })))).toEqual([]);
    expect(await tokens().verify(await sign({ ...valid, exp: nowSec - 3 }))).toBeDefined();
  });

  test.each([
    ['has expired', { ...valid, exp: nowSec - 6 }],
    ['never expires', { iss: 'us', aud: 'box' }],
    ['is of tomorrow', { ...valid, nbf: nowSec + 60 }],
    ['is of another issuer', { ...valid, iss: 'them' }],
    ['names no issuer', { exp: valid.exp, aud: 'box' }],
    ['is for another audience', { ...valid, aud: 'other' }],
  ])('one that %s is refused', async (_, claims) => {
    expect(await tokens().verify(await sign(claims))).toBeUndefined();
  });

  test('a foreign key, another algorithm, no algorithm and garbage are refused', async () => {
    const foreign = new TextEncoder().encode('another secret of thirty-two bytes!!!');
    expect(await tokens().verify(await sign(valid, foreign))).toBeUndefined();
    expect(await tokens().verify(await sign(valid, key, 'HS384'))).toBeUndefined();
    expect(await tokens().verify(new UnsecuredJWT(valid).encode())).toBeUndefined();
    for (const garbage of ['', '.', '..', 'a.b.c', 'x'.repeat(10_000)]) {
      expect(await tokens().verify(garbage)).toBeUndefined();
    }
  });

  test('a changed secret revokes what the former one has signed', async () => {
    const signed = tokens();
    const grant = await signed.verify(await sign(valid));
    const ended = new Promise((resolve) => watchGrant(grant!, resolve));
    signed.setSecret('a newer secret of thirty-two bytes!!', 'FILE');
    expect(await ended).toBe('the token was revoked');
    expect(await signed.verify(await sign(valid))).toBeUndefined();
  });

  test('a short secret is none', () => {
    expect(() => tokens().setSecret('short', 'FILE')).toThrow('FILE must be at least 32 bytes');
  });
});

test('the failure limit counts by address, a /64 for IPv6, and forgets after a minute', () => {
  let nowMs = 0;
  const limit = new FailureLimit(2, () => nowMs);
  const fail = (address: string) => limit.failed(address);
  fail('10.0.0.1');
  fail('10.0.0.1');
  fail('2001:db8:1:2::5');
  fail('2001:db8:1:2:3:4:5:6');
  expect(limit.waitSec('10.0.0.1')).toBe(60);
  expect(limit.waitSec('10.0.0.2')).toBe(0);
  expect(limit.waitSec('2001:db8:1:2::ffff')).toBe(60);
  expect(limit.waitSec('2001:db8:1:3::5')).toBe(0);
  nowMs = 60_000;
  expect(limit.waitSec('10.0.0.1')).toBe(0);
});
