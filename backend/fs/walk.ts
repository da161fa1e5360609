// fs/walk: lists a tree breadth first, each directory sorted by name, as 0.169 does.

import type { Dirent } from 'node:fs';
import { lstat, opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { errorText, RpcCode, RpcError } from '../../shared/errors.ts';
import { isOsError, osErrorText } from '../process/os-error.ts';

/** Names of one directory that are sorted; what a directory has beyond them is left out, and `truncated` says so. */
const maxNamesPerDirectory = 200_000;
/** Entries that are looked at before others get their turn. */
const sliceEntries = 1024;
/** What an entry takes in the answer beside its path, in bytes. */
const entryBytes = 40;

export interface WalkOptions {
  /** 0 lists the root only. */
  readonly maxDepth: number;
  /** Directories that are read, the root included. At least 1. */
  readonly maxDirectories: number;
  /** At least 1. */
  readonly maxEntries: number;
  /** Links to directories are listed and entered; a directory is entered once, by whatever name comes first. */
  readonly followDirectorySymlinks: boolean;
  /** Directories whose name begins with a dot are listed, but not entered. */
  readonly pruneHiddenDirectories: boolean;
  /** The walk ends, truncated, when the answer would become about this long. */
  readonly maxAnswerBytes: number;
}

/** Types, not interfaces: they go into an answer, whose declaration lets further members be. */
export type WalkEntry = {
  readonly path: string;
  readonly kind: 'file' | 'directory';
};

export type WalkResult = {
  readonly entries: WalkEntry[];
  /** Directories that could not be read. */
  readonly errors: { readonly path: string; readonly message: string }[];
  readonly truncated: boolean;
};

/**
 * Lists regular files and directories; links to files, dangling links and special files are not listed. The root is not listed
 * either; one that is no directory has nothing below it.
 * @throws RpcError -32600 for a limit of 0, OsError when the root is missing.
 */
export async function walk(root: string, options: WalkOptions, signal?: AbortSignal): Promise<WalkResult> {
  if (options.maxDirectories === 0 || options.maxEntries === 0) {
    throw new RpcError(RpcCode.invalidRequest, 'filesystem walk limits must be greater than zero');
  }
  const entries: WalkEntry[] = [];
  const errors: { path: string; message: string }[] = [];
  let truncated = false;
  let answerBytes = 0;

  const visited = new Set<string>();
  const rootStats = options.followDirectorySymlinks ? await stat(root) : await lstat(root);
  const queue = rootStats.isDirectory() ? [{ path: root, depth: 0 }] : [];
  visited.add(identity(rootStats));

  for (let directories = 0; directories < queue.length; directories++) {
    const directory = queue[directories];
    if (!directory) break;
    if (directories === options.maxDirectories) {
      truncated = true;
      break;
    }
    let listing: Listing;
    try {
      listing = await sortedListing(directory.path, signal);
    } catch (error) {
      signal?.throwIfAborted();
      errors.push({ path: directory.path, message: isOsError(error) ? osErrorText(error.code) : errorText(error) });
      continue;
    }
    truncated ||= listing.isCut;
    for (const [index, dirent] of listing.dirents.entries()) {
      if (index % sliceEntries === sliceEntries - 1) await nextTurn();
      const path = join(directory.path, dirent.name);
      const kind = await kindOf(dirent, path, options.followDirectorySymlinks);
      if (!kind) continue;
      answerBytes += path.length + entryBytes;
      if (entries.length === options.maxEntries || answerBytes > options.maxAnswerBytes) {
        return { entries, errors, truncated: true };
      }
      entries.push({ path, kind });
      const isPruned = options.pruneHiddenDirectories && dirent.name.startsWith('.');
      if (kind !== 'directory' || isPruned || directory.depth >= options.maxDepth) continue;
      // Without links a tree has no second way to a directory.
      if (options.followDirectorySymlinks && !(await isNew(path, visited))) continue;
      queue.push({ path, depth: directory.depth + 1 });
    }
  }
  return { entries, errors, truncated };
}

interface Listing {
  readonly dirents: Dirent[];
  readonly isCut: boolean;
}

async function sortedListing(path: string, signal: AbortSignal | undefined): Promise<Listing> {
  const dirents: Dirent[] = [];
  let isCut = false;
  for await (const dirent of await opendir(path, { bufferSize: 512 })) {
    signal?.throwIfAborted();
    if (dirents.length === maxNamesPerDirectory) {
      isCut = true;
      break;
    }
    dirents.push(dirent);
  }
  dirents.sort((one, other) => (one.name < other.name ? -1 : 1));
  return { dirents, isCut };
}

async function kindOf(dirent: Dirent, path: string, followsLinks: boolean): Promise<WalkEntry['kind'] | undefined> {
  if (dirent.isFile()) return 'file';
  if (dirent.isDirectory()) return 'directory';
  if (!followsLinks || !dirent.isSymbolicLink()) return undefined;
  const stats = await stat(path).catch(() => undefined);
  return stats?.isDirectory() ? 'directory' : undefined;
}

async function isNew(path: string, visited: Set<string>): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  // What has gone meanwhile, or cannot be looked at, is told of when it is read.
  if (!stats) return true;
  const size = visited.size;
  visited.add(identity(stats));
  return visited.size > size;
}

function identity({ dev, ino }: { dev: number; ino: number }): string {
  return `${dev}:${ino}`;
}
