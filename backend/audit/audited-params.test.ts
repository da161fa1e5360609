import { describe, expect, it } from 'vitest';
import { auditedParams, withoutQueries, withoutSecrets } from './audited-params.ts';

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
  [
    ['sh', '-c', `curl -H 'Authorization: Bearer abc' -H "X-Api-Key: abc" u; run --token abc --api-key='a b' x`],
    [
      'sh',
      '-c',
      `curl -H 'Authorization: [redacted]' -H "X-Api-Key: [redacted]" u; run --token [redacted] --api-key=[redacted] x`,
    ],
  ],
  [
    ['env', 'AWS_SECRET_ACCESS_KEY=abc', 'GITHUB_TOKEN=abc', 'PATH=/bin', 'make'],
    ['env', 'AWS_SECRET_ACCESS_KEY=[redacted]', 'GITHUB_TOKEN=[redacted]', 'PATH=/bin', 'make'],
  ],
])('arguments that hold secrets are kept without them: %j', (argv, kept) => {
  expect(withoutSecrets(argv)).toEqual(kept);
});

it('errors that repeat a URL are kept without its query', () => {
  expect(withoutQueries('error sending request for url (http://h/p?key=abc): refused')).toBe(
    'error sending request for url (http://h/p?[redacted]): refused',
  );
});

it('arguments without end, or made to be slow to look through, take little time and room', () => {
  const startedAtMs = performance.now();
  const kept = withoutSecrets(Array.from({ length: 10_000 }, () => 'a-token'.repeat(2000)));
  expect(kept).toHaveLength(5);
  expect(kept.at(-1)).toBe('[9996 more]');
  expect(performance.now() - startedAtMs).toBeLessThan(5000);
});
