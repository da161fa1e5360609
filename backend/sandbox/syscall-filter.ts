// System calls that a confined process must not make, as a filter of seccomp(2) for `bwrap --seccomp`: what neither mounts nor
// namespaces keep apart.
//
// - Without a network: sockets of other families than internet and netlink. A Unix socket reaches whoever listens in a folder
//   that may be read (a terminal multiplexer in /tmp runs what it is told), a vsock the host of a virtual machine.
// - Keyrings of the kernel (add_key, request_key, keyctl), which are the server's.
// - io_uring, which makes sockets by itself, unseen by any filter.
// - ioctl TIOCSTI and TIOCLINUX: typing into a terminal.
//
// Numbers are of <asm/unistd.h>, <linux/audit.h>, <linux/filter.h>, <linux/seccomp.h>. A call of another architecture ends the process.

import { randomUUID } from 'node:crypto';
import { openSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Calls {
  readonly auditArch: number;
  readonly socket: number;
  readonly socketpair: number;
  readonly ioctl: number;
  readonly keyrings: readonly number[];
}

const callsOf: Readonly<Record<string, Calls>> = {
  x64: { auditArch: 0xc000003e, socket: 41, socketpair: 53, ioctl: 16, keyrings: [248, 249, 250] },
  arm64: { auditArch: 0xc00000b7, socket: 198, socketpair: 199, ioctl: 29, keyrings: [217, 218, 219] },
};
const IO_URING_SETUP = 425;
/** On x64 the same calls again, of the x32 ABI, begin here. */
const X32 = 0x40000000;

const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const EPERM = 1;
const ENOSYS = 38;

/** Offsets in struct seccomp_data. */
const NUMBER = 0;
const ARCH = 4;
const FIRST_ARGUMENT = 16;
const SECOND_ARGUMENT = 24;

/** struct sock_filter: code, skipped instructions when true, when false, operand. */
type Instruction = readonly [number, number, number, number];
const load = (offset: number): Instruction => [0x20, 0, 0, offset];
const and = (mask: number): Instruction => [0x54, 0, 0, mask];
const unlessEqual = (value: number, skipped: number): Instruction => [0x15, 0, skipped, value];
const ifEqual = (value: number, skipped: number): Instruction => [0x15, skipped, 0, value];
const unlessAtLeast = (value: number, skipped: number): Instruction => [0x35, 0, skipped, value];
const answer = (value: number): Instruction => [0x06, 0, 0, value];
const allow = answer(0x7fff0000);
const killProcess = answer(0x80000000);
const fail = (errno: number): Instruction => answer(0x00050000 | errno);

/** Whether there is a filter for this processor. */
export const isFilterKnown = callsOf[process.arch] !== undefined;

/** The filter in the form that the kernel takes; undefined for a processor that is not known. */
export function syscallFilter(arch: string, hasNetwork: boolean): Buffer | undefined {
  const calls = callsOf[arch];
  if (!calls) return undefined;
  /** When it is call `number`: what follows, then allowed. */
  const inCall = (number: number, instructions: readonly Instruction[]): Instruction[] => [
    unlessEqual(number, instructions.length + 1),
    ...instructions,
    allow,
  ];
  /** Fails unless the argument is one of `values`. */
  const only = (values: readonly number[]): Instruction[] => [
    ...values.map((value, index) => ifEqual(value, values.length - index)),
    fail(EPERM),
  ];
  const program: Instruction[] = [
    load(ARCH),
    ifEqual(calls.auditArch, 1),
    killProcess,
    load(NUMBER),
    unlessAtLeast(X32, 1),
    fail(ENOSYS),
    unlessEqual(IO_URING_SETUP, 1),
    fail(ENOSYS),
    ...calls.keyrings.flatMap((number) => [unlessEqual(number, 1), fail(EPERM)]),
    ...inCall(calls.ioctl, [
      load(SECOND_ARGUMENT),
      ...[TIOCSTI, TIOCLINUX].flatMap((request) => [unlessEqual(request, 1), fail(EPERM)]),
    ]),
    ...(hasNetwork
      ? []
      : [
          ...inCall(calls.socket, [load(FIRST_ARGUMENT), ...only([AF_INET, AF_INET6, AF_NETLINK])]),
          // Datagrams of a pair can be sent to any other socket.
          ...inCall(calls.socketpair, [load(SECOND_ARGUMENT), and(0xf), ...only([SOCK_STREAM, SOCK_SEQPACKET])]),
        ]),
    allow,
  ];
  const bytes = Buffer.alloc(program.length * 8);
  for (const [index, [code, whenTrue, whenFalse, operand]] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(whenTrue, index * 8 + 2);
    bytes.writeUInt8(whenFalse, index * 8 + 3);
    bytes.writeUInt32LE(operand, index * 8 + 4);
  }
  return bytes;
}

const files = new Map<boolean, string>();

/**
 * A path by which a child of ours opens the filter, and nobody can change it: the file has no name any more.
 * @throws Error when no file can be made.
 */
export function syscallFilterFile(hasNetwork: boolean): string {
  const made = files.get(hasNetwork);
  if (made !== undefined) return made;
  const name = join(tmpdir(), `exec-workbench-filter-${randomUUID()}`);
  const fd = openSync(name, 'wx+', 0o600);
  unlinkSync(name);
  writeSync(fd, syscallFilter(process.arch, hasNetwork) ?? Buffer.alloc(0));
  const path = `/proc/${process.pid}/fd/${fd}`;
  files.set(hasNetwork, path);
  return path;
}
