// fs/copy: a file with its mode, a link as a link, a directory into a new or an existing one.
// Copied by blocks: a copy in one system call would hold one of libuv's four threads for as long as it takes.

import type { Stats } from 'node:fs';
import { lstat, mkdir, opendir, readlink, realpath, stat, symlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { RpcCode, RpcError } from '../../shared/errors.ts';
import { isOsError, osError } from '../process/os-error.ts';
import { assertRegular, openFlags, openRegular, readFully, writeAll } from './regular-file.ts';

const blockBytes = 1024 * 1024;
const slash = Buffer.from('/');

/**
 * @throws RpcError -32600 onto or below itself (also by another name), for a directory without `recursive`, for a special file.
 */
export async function copyPath(source: string, destination: string, recursive: boolean): Promise<void> {
  const stats = await lstat(source);
  if (stats.isDirectory()) {
    if (!recursive) {
      throw new RpcError(RpcCode.invalidRequest, 'fs/copy requires recursive: true when sourcePath is a directory');
    }
    await refuseCopyIntoItself(source, destination);
    await copyTree(Buffer.from(source), Buffer.from(destination));
  } else if (stats.isSymbolicLink()) {
    if (isSame(stats, await tryStats(lstat(destination)))) throw ontoItself();
    await copyLink(Buffer.from(source), Buffer.from(destination));
  } else if (stats.isFile()) {
    await copyFile(Buffer.from(source), Buffer.from(destination));
  } else {
    throw new RpcError(RpcCode.invalidRequest, 'fs/copy only supports regular files, directories, and symlinks');
  }
}

/** The destination may not exist yet: its nearest existing ancestor decides. */
async function refuseCopyIntoItself(source: string, destination: string): Promise<void> {
  const from = await realpath(source);
  let existing = destination;
  let rest = '';
  for (;;) {
    const real = await realpath(existing).catch((error: unknown) => {
      if (isOsError(error) && error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (real !== undefined) {
      const to = `${real === '/' ? '' : real}${rest}`;
      if (to !== from && !to.startsWith(from === '/' ? '/' : `${from}/`)) return;
      throw new RpcError(RpcCode.invalidRequest, 'fs/copy cannot copy a directory to itself or one of its descendants');
    }
    rest = `/${basename(existing)}${rest}`;
    existing = dirname(existing);
  }
}

/** Paths are bytes here: names that are no UTF-8 are copied too. Special files are skipped, as by the peers. */
async function copyTree(source: Buffer, destination: Buffer): Promise<void> {
  const pending = [{ from: source, to: destination }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { from, to } = next;
    const { mode } = await lstat(from);
    // Private directories stay private; we must be able to fill them.
    await mkdir(to, { recursive: true, mode: (mode & 0o777) | 0o700 });
    // Node's types say string, but names come in the encoding that was asked for.
    const directory = await opendir(from, { encoding: 'buffer' as BufferEncoding });
    for await (const entry of directory) {
      const name: unknown = entry.name;
      const nameBytes = Buffer.isBuffer(name) ? name : Buffer.from(entry.name);
      const fromEntry = Buffer.concat([from, slash, nameBytes]);
      const toEntry = Buffer.concat([to, slash, nameBytes]);
      if (entry.isDirectory()) pending.push({ from: fromEntry, to: toEntry });
      else if (entry.isSymbolicLink()) await copyLink(fromEntry, toEntry);
      else if (entry.isFile()) await copyFile(fromEntry, toEntry);
    }
  }
}

async function copyLink(source: Buffer, destination: Buffer): Promise<void> {
  await symlink(await readlink(source, { encoding: 'buffer' }), destination);
}

async function copyFile(source: Buffer, destination: Buffer): Promise<void> {
  const existing = await tryStats(stat(destination));
  if (existing?.isDirectory()) throw osError('EISDIR');
  if (existing) assertRegular(existing, destination);
  const from = await openRegular(source, openFlags.read);
  try {
    const mode = from.stats.mode & 0o7777;
    const to = await openRegular(destination, openFlags.create, mode & 0o777);
    try {
      // Judged on what is open, and before anything is lost: a link or a hard link may be the same file.
      if (isSame(from.stats, to.stats)) throw ontoItself();
      await to.file.truncate(0);
      const buffer = Buffer.allocUnsafe(Math.min(blockBytes, Math.max(from.stats.size, 4096) + 1));
      for (let offset = 0; ;) {
        const count = await readFully(from.file, buffer, offset);
        if (count > 0) await writeAll(to.file, buffer.subarray(0, count), offset);
        offset += count;
        if (count < buffer.length) break;
      }
      await to.file.chmod(mode);
    } finally {
      await to.file.close();
    }
  } finally {
    await from.file.close();
  }
}

async function tryStats(looking: Promise<Stats>): Promise<Stats | undefined> {
  return looking.catch(() => undefined);
}

function isSame(one: Stats, other: Stats | undefined): boolean {
  return other !== undefined && one.dev === other.dev && one.ino === other.ino;
}

function ontoItself(): RpcError {
  return new RpcError(RpcCode.invalidRequest, 'fs/copy cannot copy a file to itself');
}
