import { describe, expect, it } from 'vitest';
import { auditedParams, withoutSecrets } from './audited-params.ts';

describe('the audit log keeps of a request', () => {
  it('what was started, and the names of variables without their values', () => {
    const params = {
      processId: 'p',
      argv: ['deploy', '--token=abc', 'box'],
      cwd: '/srv',
      tty: false,
      env: { PATH: '/bin', API_KEY: 'abc' },
      sandbox: null,
    };
    expect(auditedParams('process/start', params)).toEqual({
      processId: 'p',
      argv: ['deploy', '--token=[redacted]', 'box'],
      cwd: '/srv',
      tty: false,
      env: ['PATH', 'API_KEY'],
      sandbox: undefined,
    });
  });

  it('which file was changed and which URL asked for, without data and query', () => {
    expect(auditedParams('fs/writeFile', { path: '/a', dataBase64: 'c2VjcmV0' })).toEqual({ path: '/a' });
    expect(auditedParams('http/request', { method: 'GET', url: 'http://me:pw@h/p?key=1', headers: [] })).toEqual({
      verb: 'GET',
      url: 'http://h/p',
    });
  });

  it('nothing of those that only look, and no crash of nonsense', () => {
    expect(auditedParams('fs/readFile', { path: '/a' })).toBeUndefined();
    expect(auditedParams('process/write', { chunk: 'c2VjcmV0' })).toBeUndefined();
    for (const params of [null, 5, [], { argv: 'x' }, { env: [1] }, { argv: [1] }]) {
      expect(auditedParams('process/start', params)).toBeDefined();
    }
  });
});

it.each([
  [
    ['curl', '-H', 'Authorization: Bearer abc'],
    ['curl', '-H', 'Authorization: [redacted]'],
  ],
  [
    ['x', '--api-key', 'abc', 'y'],
    ['x', '--api-key', '[redacted]', 'y'],
  ],
  [
    ['git', 'clone', 'https://me:pw@host/r'],
    ['git', 'clone', 'https://[redacted]@host/r'],
  ],
  [
    ['mysql', '--password=abc', '--verbose'],
    ['mysql', '--password=[redacted]', '--verbose'],
  ],
])('arguments that hold secrets are kept without them: %j', (argv, kept) => {
  expect(withoutSecrets(argv)).toEqual(kept);
});
