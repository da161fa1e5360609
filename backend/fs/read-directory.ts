// fs/readDirectory: reads in batches and looks up links a few at a time, so that a large directory holds up nobody else.

import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RpcCode, RpcError } from '../../shared/errors.ts';

/** Entries per read: the event loop is free between two. */
const batchEntries = 512;
/** Lookups at a time; more would only queue before libuv's four threads, and keep others from them. */
const parallelLookups = 4;
/** What an entry takes in the answer beside its name, in bytes. */
const entryBytes = 64;

/** A type, not an interface: it goes into an answer, whose declaration lets further members be. */
export type DirectoryEntry = {
  readonly fileName: string;
  readonly isDirectory: boolean;
  readonly isFile: boolean;
};

/**
 * In the directory's order, without `.` and `..`; kinds after following links; an entry whose link leads nowhere is left out.
 * @param maxAnswerBytes an answer that would be about this long is refused.
 * @throws RpcError -32600 when the directory is too large to list.
 */
export async function readDirectory(
  path: string,
  maxAnswerBytes: number,
  signal?: AbortSignal,
): Promise<DirectoryEntry[]> {
  const entries: DirectoryEntry[] = [];
  let links: string[] = [];
  let bytes = 0;
  for await (const entry of await opendir(path, { bufferSize: batchEntries })) {
    signal?.throwIfAborted();
    bytes += entry.name.length + entryBytes;
    if (bytes > maxAnswerBytes) throw tooLarge(path, maxAnswerBytes);
    if (entry.isSymbolicLink()) {
      links.push(entry.name);
      if (links.length === batchEntries) {
        entries.push(...(await lookUp(path, links)));
        links = [];
      }
    } else {
      entries.push({ fileName: entry.name, isDirectory: entry.isDirectory(), isFile: entry.isFile() });
    }
  }
  entries.push(...(await lookUp(path, links)));
  return entries;
}

async function lookUp(directory: string, names: readonly string[]): Promise<DirectoryEntry[]> {
  const found: DirectoryEntry[] = [];
  const rest = names.values();
  const worker = async (): Promise<void> => {
    for (const fileName of rest) {
      const stats = await stat(join(directory, fileName)).catch(() => undefined);
      if (stats) found.push({ fileName, isDirectory: stats.isDirectory(), isFile: stats.isFile() });
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallelLookups, names.length) }, worker));
  return found;
}

function tooLarge(path: string, maxAnswerBytes: number): RpcError {
  return new RpcError(
    RpcCode.invalidRequest,
    `directory \`${path}\` is too large to list: the answer would be longer than ${maxAnswerBytes} bytes; use fs/walk with maxEntries`,
  );
}
