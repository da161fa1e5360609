// fs/getMetadata.

import { lstat, stat } from 'node:fs/promises';

/** A type, not an interface: it is an answer, whose declaration lets further members be. */
export type Metadata = {
  readonly isDirectory: boolean;
  readonly isFile: boolean;
  readonly isSymlink: boolean;
  /** Bytes. */
  readonly size: number;
  /** Since 1970; 0 where the file system does not know. */
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
};

/** Kind, size and times are the target's, `isSymlink` is of the path itself. Both kinds are false for devices, FIFOs, sockets. */
export async function metadataOf(path: string): Promise<Metadata> {
  const own = await lstat(path);
  const isSymlink = own.isSymbolicLink();
  const stats = isSymlink ? await stat(path) : own;
  return {
    isDirectory: stats.isDirectory(),
    isFile: stats.isFile(),
    isSymlink,
    size: stats.size,
    createdAtMs: wholeMs(stats.birthtimeMs),
    modifiedAtMs: wholeMs(stats.mtimeMs),
  };
}

/** Never below 0: a time before 1970 is as good as unknown. */
function wholeMs(ms: number): number {
  return Math.max(0, Math.floor(ms));
}
