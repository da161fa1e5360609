// Reads what a pipe or a terminal holds right now. Reading is synchronous and never blocks: the descriptors are non-blocking.

import { isOsError } from './os-error.ts';
import { readNow } from './posix.ts';

/**
 * One buffer for all readers of the process: libuv asks for memory, reads and calls back without a break, so nobody
 * else can use it meanwhile. A child costs no read buffer that way.
 * A pipe holds 64 KiB; with one byte more libuv never finds the buffer full, so it reads a pipe once per turn of the event
 * loop, and a flood leaves the turns to others.
 */
export const readBuffer = Buffer.allocUnsafeSlow(64 * 1024 + 1);

/** What a read found at the end. `empty`: nothing for now; `ended`: nobody holds the other side any more. */
export type DrainResult = 'empty' | 'ended' | 'more';

/**
 * Appends to `readBuffer` from `offset` until it is full or nothing is left.
 * A terminal gives at most 4 KiB per read; the kernel hands over everything that was written before it says EAGAIN
 * (n_tty_read flushes the other side's buffer first), so `empty` after the exit of a child means: that was all.
 */
export function drainInto(fd: number, offset: number): { length: number; result: DrainResult } {
  let length = offset;
  while (length < readBuffer.length) {
    const count = tryRead(fd, length);
    if (count === undefined) return { length, result: 'empty' };
    if (count === 0) return { length, result: 'ended' };
    length += count;
  }
  return { length, result: 'more' };
}

/** Undefined: nothing for now. 0: end of file, or EIO, which is how a terminal says it. */
function tryRead(fd: number, offset: number): number | undefined {
  try {
    return readNow(fd, readBuffer.subarray(offset));
  } catch (error) {
    if (isOsError(error)) return 0;
    throw error;
  }
}
