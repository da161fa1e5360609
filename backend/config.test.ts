import { expect, test } from 'vitest';
import { envName, execConfig, flagName, isLoopbackAddress, serveConfig, UsageError } from './config.ts';

test('a flag wins over the environment, the environment over the default', () => {
  const env = { EXEC_WORKBENCH_DETACHED_SESSION_TTL_MS: '5', EXEC_WORKBENCH_MAX_SESSIONS: '7' };
  const config = execConfig({ detachedSessionTtlMs: '6' }, env);
  expect([config.detachedSessionTtlMs, config.maxSessions, config.closedProcessRetentionMs]).toEqual([6, 7, 80_000]);
});

test('names follow from the key', () => {
  expect(flagName('detachedSessionTtlMs')).toBe('--detached-session-ttl-ms');
  expect(envName('detachedSessionTtlMs')).toBe('EXEC_WORKBENCH_DETACHED_SESSION_TTL_MS');
});

test.each(['x', '', '-1', '1.5', '99999999999999999999'])(
  'refuses %j for a number and names where it came from',
  (value) => {
    expect(() => execConfig({ maxSessions: value }, {})).toThrow(UsageError);
    expect(() => execConfig({ maxSessions: value }, {})).toThrow('--max-sessions: expected a whole number from 1');
    expect(() => execConfig({}, { EXEC_WORKBENCH_MAX_SESSIONS: value })).toThrow(
      'EXEC_WORKBENCH_MAX_SESSIONS: expected',
    );
  },
);

test('no token is for loopback addresses only', () => {
  expect(() => serveConfig({ auth: false, host: '0.0.0.0' }, {})).toThrow('--no-auth is for loopback only');
  expect(serveConfig({ auth: false, host: '127.0.0.1' }, {}).auth).toBe(false);
  expect(() => serveConfig({}, { EXEC_WORKBENCH_TOKEN: ' ' })).toThrow('EXEC_WORKBENCH_TOKEN is empty');
});

test.each([
  ['127.0.0.1', true],
  ['127.9.8.7', true],
  ['::1', true],
  ['127.evil.example', false],
  ['127.0.0.1.evil.example', false],
  ['localhost', false],
  ['0.0.0.0', false],
])('%s is a loopback address: %s', (host, isLoopback) => {
  expect(isLoopbackAddress(host)).toBe(isLoopback);
});

test('drops those who trickle their headers, or fall silent, within a minute', () => {
  const { headersTimeoutMs, pingIntervalMs } = execConfig({}, {});
  expect(headersTimeoutMs * 1.25).toBeLessThanOrEqual(60_000);
  expect(pingIntervalMs * 2).toBeLessThanOrEqual(60_000);
});
