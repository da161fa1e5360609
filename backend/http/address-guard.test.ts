import { expect, test } from 'vitest';
import { AddressGuard } from './address-guard.ts';

const isRefused = (address: string, deny: string, allow = '') => {
  try {
    new AddressGuard(deny, allow).check(address);
    return false;
  } catch {
    return true;
  }
};

test.each([
  '127.0.0.1',
  '0.0.0.0',
  '10.1.2.3',
  '169.254.169.254',
  '168.63.129.16',
  '192.0.2.1',
  '203.0.113.9',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:0:127.0.0.1',
  '::127.0.0.1',
  '64:ff9b::7f00:1',
  '64:ff9b:1::7f00:1',
  '2002:7f00:1::',
  '2001:0:7f00:1::',
  '2001:db8::1',
  'fc00::1',
  'fd20:ce::254',
  'fe80::1',
  'fec0::1',
  'ff02::1',
  '100::1',
  '5f00::1',
])('%s is private', (address) => expect(isRefused(address, 'private')).toBe(true));

test.each(['8.8.8.8', '100.128.0.1', '172.32.0.1', '2606:4700::1111', '2a00:1450:4001::1', '2001:4860:4860::8888'])(
  '%s is public',
  (address) => expect(isRefused(address, 'private')).toBe(false),
);

test.each(['::ffff:127.0.0.1', '::ffff:0:127.0.0.1', '64:ff9b::7f00:1', '64:ff9b:1::7f00:1', '2001:0:7f00:1::'])(
  '%s may stand for a loopback address, and for that of a metadata service',
  (address) => {
    expect(isRefused(address, 'loopback')).toBe(true);
    expect(isRefused(address.replace('127.0.0.1', '169.254.169.254'), 'metadata')).toBe(true);
  },
);

test('an exception holds for the address in every spelling', () => {
  expect(isRefused('10.1.0.1', 'private', '10.1.0.0/16')).toBe(false);
  expect(isRefused('::ffff:10.1.0.1', 'private', '10.1.0.0/16')).toBe(false);
  expect(isRefused('::ffff:10.2.0.1', 'private', '10.1.0.0/16')).toBe(true);
});
