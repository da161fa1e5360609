// fs/remove.

import { lstat, rm, rmdir, unlink } from 'node:fs/promises';
import { RpcCode, RpcError } from '../../shared/errors.ts';
import { isOsError } from '../process/os-error.ts';

export interface RemoveOptions {
  /** A directory goes with all that is in it; else it must be empty. */
  readonly recursive: boolean;
  /** A missing path is fine. Hides no other error. */
  readonly force: boolean;
}

/** A link is removed itself, never its target. */
export async function removePath(path: string, { recursive, force }: RemoveOptions): Promise<void> {
  if (path === '/') throw new RpcError(RpcCode.invalidRequest, 'fs/remove does not remove the root directory');
  try {
    const stats = await lstat(path);
    if (!stats.isDirectory()) await unlink(path);
    else if (recursive) await rm(path, { recursive: true });
    else await rmdir(path);
  } catch (error) {
    if (force && isOsError(error) && error.code === 'ENOENT') return;
    throw error;
  }
}
