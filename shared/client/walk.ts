// A walk over a directory tree for servers that have none: by listing one directory after the other.

import { errorText, LocalError } from '../errors.ts';
import type { Abortable, RemoteFiles } from './files.ts';

export interface WalkOptions {
  /** Directories below the root; default 64. */
  readonly maxDepth?: number;
  /** Directories listed; default 10,000. */
  readonly maxDirectories?: number;
  /** Default 50,000. */
  readonly maxEntries?: number;
}

export interface WalkResult {
  /** Without the root; links to directories are not followed. */
  readonly entries: readonly { readonly path: string; readonly kind: 'file' | 'directory' }[];
  /** Directories that could not be listed. */
  readonly errors: readonly { readonly path: string; readonly message: string }[];
  /** A limit was reached. */
  readonly isTruncated: boolean;
}

/** @param root a plain path */
export async function walkByListing(
  files: RemoteFiles,
  root: string,
  { maxDepth, maxDirectories, maxEntries }: Required<WalkOptions>,
  options: Abortable,
): Promise<WalkResult> {
  const entries: { path: string; kind: 'file' | 'directory' }[] = [];
  const errors: { path: string; message: string }[] = [];
  let isTruncated = false;
  const waiting = [{ path: root, depth: 0 }];
  for (let listed = 0; ; listed++) {
    const directory = waiting[listed];
    if (!directory) return { entries, errors, isTruncated };
    if (listed >= maxDirectories) return { entries, errors, isTruncated: true };
    try {
      for (const { fileName, isDirectory, isFile } of await files.readDirectory(directory.path, options)) {
        if (!isDirectory && !isFile) continue;
        if (entries.length >= maxEntries) return { entries, errors, isTruncated: true };
        const path = `${directory.path === '/' ? '' : directory.path}/${fileName}`;
        if (isDirectory && (await files.getMetadata(path, options)).isSymlink) continue;
        entries.push({ path, kind: isDirectory ? 'directory' : 'file' });
        if (!isDirectory) continue;
        if (directory.depth + 1 < maxDepth) waiting.push({ path, depth: directory.depth + 1 });
        else isTruncated = true;
      }
    } catch (error) {
      if (directory.path === root || error instanceof LocalError) throw error;
      errors.push({ path: directory.path, message: errorText(error) });
    }
  }
}
