// fs/readFile: a whole regular file, bounded.

import { RpcCode, RpcError } from '../../shared/errors.ts';
import { isOsError } from '../process/os-error.ts';
import { openFlags, openRegular } from './regular-file.ts';

/** First buffer for a file that says it is empty, as those of /proc do. */
const unknownSizeBytes = 64 * 1024;
/** Largest file that says it is empty: those of /proc that never end stop here. */
const maxUnknownSizeBytes = 16 * 1024 * 1024;

/**
 * @param allocate gives the memory that is read into
 * @throws RpcError -32600 above `maxBytes`, for what is no regular file, and for a file whose data never end.
 */
export async function readWholeFile(
  path: string,
  maxBytes: number,
  allocate: (bytes: number) => Buffer = Buffer.allocUnsafe,
): Promise<Buffer> {
  const { file, stats } = await openRegular(path, openFlags.read);
  try {
    if (stats.size > maxBytes) throw tooLarge(maxBytes);
    const bound = stats.size > 0 ? maxBytes : Math.min(maxBytes, maxUnknownSizeBytes);
    // One byte more than the file had: when it stays free, that was the end, with no growing and no copy.
    let buffer = allocate(Math.min(stats.size > 0 ? stats.size : unknownSizeBytes, bound) + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      length += bytesRead;
      // A short read is the end once all is there that the file said it has; of a file of /proc only an empty one is.
      const isShort = length < buffer.length && stats.size > 0 && length >= stats.size;
      if (bytesRead === 0 || isShort) return buffer.subarray(0, length);
      if (length < buffer.length) continue;
      if (length > bound) throw tooLarge(bound);
      const larger = allocate(Math.min(buffer.length * 2, bound + 1));
      buffer.copy(larger);
      buffer = larger;
    }
  } catch (error) {
    // A regular file has its data at hand; one that would wait for them (/proc/kmsg, a trace pipe) has no end.
    if (isOsError(error) && error.code === 'EAGAIN') {
      throw new RpcError(RpcCode.invalidRequest, `path \`${path}\` cannot be read as a file: its data never end`);
    }
    throw error;
  } finally {
    await file.close();
  }
}

function tooLarge(maxBytes: number): RpcError {
  return new RpcError(
    RpcCode.invalidRequest,
    `file is too large to read: limit is ${maxBytes} bytes; use fs/open and fs/readBlock`,
  );
}
