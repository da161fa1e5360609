import { describe, expect, it } from 'vitest';
import { isExecutorId, signedTarget, verifyTarget, type RelayGrant } from './signed-url.ts';

const secret = Buffer.from('a secret of more than sixteen bytes');
const nowMs = Date.parse('2030-01-01T00:00:00Z');
const grant: RelayGrant = {
  executorId: 'exec 1/ü'.replace('/', '-'),
  role: 'harness',
  expiresAtSec: nowMs / 1000 + 10,
  peer: 'p',
  resume: true,
  name: 'Büro & co',
  noiseKey: 'x'.repeat(1622),
};

describe('signed relay URLs', () => {
  it('grant what was signed', () => {
    expect(verifyTarget(signedTarget(grant, secret), secret, nowMs)).toEqual(grant);
    const plain = { ...grant, resume: false, name: '', noiseKey: '' };
    expect(verifyTarget(signedTarget(plain, secret), secret, nowMs)).toEqual(plain);
  });

  it('are taken for 60 s after they expire, since clocks differ, and no longer', () => {
    const target = signedTarget(grant, secret);
    expect(verifyTarget(target, secret, nowMs + 70_000)).toEqual(grant);
    expect(verifyTarget(target, secret, nowMs + 70_001)).toBe('expired');
  });

  it('are refused when any byte differs: id, role, expiry, resume, order, signature, or what is appended', () => {
    const target = signedTarget(grant, secret);
    const forged = [
      target.replace('/relay/exec', '/relay/other'),
      target.replace('role=harness', 'role=executor'),
      target.replace(/exp=\d+/, 'exp=99999999999'),
      target.replace('&resume=1', ''),
      target.replace('?role=harness&', '?').replace('&sig=', '&role=harness&sig='),
      target.replace(/.$/, (last) => (last === 'A' ? 'E' : 'A')),
    ];
    for (const other of forged) expect(verifyTarget(other, secret, nowMs), other).toBe('bad_signature');
    const shapeless = [
      `${target}&resume=1`,
      `${target}#x`,
      target.replace(/&sig=.*/, ''),
      `${target}A`,
      '/relay/x',
      '',
      '//relay/x?a&sig=',
    ];
    for (const other of shapeless) expect(verifyTarget(other, secret, nowMs), other).toBe('no_signature');
  });

  it('are refused when signed with another secret, and when the signed content makes no sense', () => {
    expect(verifyTarget(signedTarget(grant, Buffer.from('other')), secret, nowMs)).toBe('bad_signature');
    const odd = { ...grant, role: 'admin' as 'harness' };
    expect(verifyTarget(signedTarget(odd, secret), secret, nowMs)).toBe('bad_grant');
    expect(verifyTarget(signedTarget({ ...grant, executorId: '..' }, secret), secret, nowMs)).toBe('bad_grant');
  });

  it('an executor id is one path segment of printable characters', () => {
    for (const id of ['a', 'exec-1', 'Ω.x', 'a b']) expect(isExecutorId(id), id).toBe(true);
    for (const id of ['', '.', '..', 'a/b', 'a\\b', ' a', 'a\n', 'x'.repeat(129)])
      expect(isExecutorId(id), id).toBe(false);
  });
});
