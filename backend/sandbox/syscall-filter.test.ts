// The filter as the kernel would run it, for both processors: tests/integration/sandbox-escapes.test.ts runs it in truth.
import { expect, it } from 'vitest';
import { syscallFilter } from './syscall-filter.ts';

/** What the kernel does with a call: the few instructions of classic BPF that the filter is made of. */
function judge(filter: Buffer, arch: number, number: number, first = 0, second = 0): number {
  const data = new Map([
    [0, number],
    [4, arch],
    [16, first],
    [24, second],
  ]);
  let value = 0;
  for (let at = 0; at < filter.length; at += 8) {
    const [code, operand] = [filter.readUInt16LE(at), filter.readUInt32LE(at + 4)];
    const skip = (isTrue: boolean) => (at += 8 * filter.readUInt8(at + (isTrue ? 2 : 3)));
    if (code === 0x06) return operand;
    else if (code === 0x20) value = data.get(operand) ?? NaN;
    else if (code === 0x54) value &= operand;
    else if (code === 0x15) skip(value === operand);
    else if (code === 0x35) skip(value >= operand);
    else throw new Error(`instruction ${code}`);
  }
  throw new Error('the filter has no end');
}

const [allowed, killed, denied, unknown] = [0x7fff0000, 0x80000000, 0x00050001, 0x00050026];

it.each([
  { arch: 'x64', audit: 0xc000003e, read: 0, socket: 41, socketpair: 53, ioctl: 16, keyctl: 250 },
  { arch: 'arm64', audit: 0xc00000b7, read: 63, socket: 198, socketpair: 199, ioctl: 29, keyctl: 219 },
])('allows on $arch what programs need and nothing of what reaches others', (calls) => {
  for (const hasNetwork of [false, true]) {
    const filter = syscallFilter(calls.arch, hasNetwork)!;
    const of = (number: number, ...args: number[]) => judge(filter, calls.audit, number, ...args);
    expect(of(calls.read)).toBe(allowed);
    for (const family of [2, 10, 16]) expect(of(calls.socket, family)).toBe(allowed);
    for (const family of [0, 1, 17, 38, 40]) expect(of(calls.socket, family)).toBe(hasNetwork ? allowed : denied);
    // SOCK_STREAM with SOCK_CLOEXEC, SOCK_SEQPACKET; SOCK_DGRAM with SOCK_NONBLOCK, SOCK_RAW.
    for (const type of [0x80001, 5]) expect(of(calls.socketpair, 1, type)).toBe(allowed);
    for (const type of [0x802, 3]) expect(of(calls.socketpair, 1, type)).toBe(hasNetwork ? allowed : denied);
    expect(of(calls.keyctl)).toBe(denied);
    expect([of(calls.ioctl, 0, 0x5412), of(calls.ioctl, 0, 0x541c)]).toEqual([denied, denied]);
    expect(of(calls.ioctl, 0, 0x5413)).toBe(allowed);
    expect([of(425), of(0x40000000)]).toEqual([unknown, unknown]);
    expect(judge(filter, 0x40000003, calls.read)).toBe(killed);
  }
});

it('is for no processor whose calls it does not know', () => {
  expect(syscallFilter('ppc64', false)).toBeUndefined();
});
