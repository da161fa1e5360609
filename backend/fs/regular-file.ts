// Opens regular files and nothing else. A FIFO, a device or a socket is refused before it is opened: opening one can block a
// libuv thread for good (there are four), or do something (a tape rewinds, a watchdog starts).

import { constants, type PathLike, type Stats } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { RpcCode, RpcError } from '../../shared/errors.ts';

/** Kept on every open: what was a regular file a moment ago may be a FIFO or a terminal now. */
const neverWait = constants.O_NONBLOCK | constants.O_NOCTTY;

export const openFlags = {
  read: constants.O_RDONLY,
  /** Keeps the content: who replaces it truncates once it is sure which file this is. */
  write: constants.O_WRONLY,
  create: constants.O_WRONLY | constants.O_CREAT,
} as const;

export interface RegularFile {
  readonly file: FileHandle;
  readonly stats: Stats;
}

/**
 * Links are followed. The caller closes `file`.
 * @param mode permissions of a file that is created, before the umask.
 * @throws RpcError -32600 when it is no regular file (also for a directory), OsError for the rest.
 */
export async function openRegular(path: PathLike, flags: number, mode = 0o666): Promise<RegularFile> {
  // Only a file that may be created may be missing here; open() tells why it cannot be.
  const before = await stat(path).catch((error: unknown) => {
    if ((flags & constants.O_CREAT) === 0) throw error;
    return undefined;
  });
  if (before) assertRegular(before, path);
  const file = await open(path, flags | neverWait, mode);
  try {
    const stats = await file.stat();
    assertRegular(stats, path);
    return { file, stats };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** @throws RpcError -32600 */
export function assertRegular(stats: Stats, path: PathLike): void {
  if (!stats.isFile()) throw new RpcError(RpcCode.invalidRequest, `path \`${path.toString()}\` is not a file`);
}

/** Writes all of `bytes`; one write(2) may take only a part. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** Reads until `buffer` is full or the file ends. @returns how many bytes came. */
export async function readFully(file: FileHandle, buffer: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await file.read(buffer, done, buffer.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}
