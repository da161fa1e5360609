// fs/writeFile: a reader, or a crash, sees the old version or the new one, never half of it (a file is written beside the
// old one and renamed over it). It is not synced to the disk: that guards against a loss of power, and costs milliseconds.

import { randomUUID } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { access, lstat, open, readlink, rename, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, isAbsolute } from 'node:path';
import { isOsError, osError } from '../process/os-error.ts';
import { assertRegular, openFlags, openRegular, writeAll } from './regular-file.ts';

/** As many links as Linux follows. */
const maxLinks = 40;

/**
 * Creates (mode 0666 minus the umask) or replaces (mode and owner are kept). Through a link its target is written, also one
 * that does not exist yet.
 *
 * Written in place, and so not atomic, is a file whose identity a rename would break, or that it cannot replace: one with
 * further hard links, one whose owner cannot be given to a new file, a mount point, a file of /proc or /sys, a file in a
 * directory that we may not write. Access control lists and extended attributes are not carried over.
 * @throws RpcError -32600 for what is no regular file, OsError EISDIR for a directory, EACCES for a read-only file.
 */
export async function writeWholeFile(path: string, bytes: Uint8Array): Promise<void> {
  const target = await resolveTarget(path);
  const { stats } = target;
  if (stats) {
    if (stats.isDirectory()) throw osError('EISDIR');
    assertRegular(stats, path);
    // A rename would not ask for it. What is ours and writable needs no question to the system.
    const isOurs = stats.uid === process.geteuid?.() && (stats.mode & constants.S_IWUSR) !== 0;
    if (!isOurs) await access(target.path, constants.W_OK);
    if (stats.nlink > 1 || !(await tryReplace(target.path, stats, bytes))) await writeInPlace(target.path, bytes);
    return;
  }
  await replace(target.path, undefined, bytes);
}

interface Target {
  readonly path: string;
  /** Undefined when it does not exist. */
  readonly stats: Stats | undefined;
}

/** Follows links by hand, since a dangling one has a target too. */
async function resolveTarget(path: string): Promise<Target> {
  let target = path;
  for (let links = 0; links <= maxLinks; links++) {
    const stats = await lstat(target).catch((error: unknown) => {
      if (isOsError(error) && error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (!stats?.isSymbolicLink()) return { path: target, stats };
    const link = await readlink(target);
    // Not normalised: `..` behind a link to a directory is the system's to resolve.
    target = isAbsolute(link) ? link : `${dirname(target)}/${link}`;
  }
  throw osError('ELOOP');
}

/** Why a file that exists cannot be replaced though it may be writable. */
const cannotReplace: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'EBUSY', 'ENOENT']);

async function tryReplace(path: string, old: Stats, bytes: Uint8Array): Promise<boolean> {
  try {
    await replace(path, old, bytes);
    return true;
  } catch (error) {
    if (isOsError(error) && cannotReplace.has(error.code)) return false;
    throw error;
  }
}

async function replace(path: string, old: Stats | undefined, bytes: Uint8Array): Promise<void> {
  const temporary = `${dirname(path)}/.exec-workbench-${randomUUID()}.tmp`;
  // What replaces a private file is never more open than that one.
  const file = await open(temporary, 'wx', old ? old.mode & 0o777 : 0o666);
  try {
    try {
      await writeAll(file, bytes, 0);
      if (old) await takeOver(file, old);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}

/** Owner before mode: a change of owner clears the set-id bits. */
async function takeOver(file: FileHandle, old: Stats): Promise<void> {
  const stats = await file.stat();
  const isSameOwner = stats.uid === old.uid && stats.gid === old.gid;
  if (!isSameOwner) await file.chown(old.uid, old.gid);
  if (!isSameOwner || stats.mode !== old.mode) await file.chmod(old.mode & 0o7777);
}

async function writeInPlace(path: string, bytes: Uint8Array): Promise<void> {
  const { file, stats } = await openRegular(path, openFlags.write);
  try {
    await writeAll(file, bytes, 0);
    if (stats.size > bytes.length) await file.truncate(bytes.length);
  } finally {
    await file.close();
  }
}
