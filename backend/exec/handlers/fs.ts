// fs/*: params → result. The files themselves are backend/fs's work; a sandbox is confined-fs.ts's.

import { mkdir, realpath } from 'node:fs/promises';
import { base64Encode, tryBase64Decode } from '../../../shared/bytes.ts';
import { RpcCode, RpcError } from '../../../shared/errors.ts';
import * as declared from '../../../shared/protocol/fs.ts';
import { formatPath, parseAbsolutePath } from '../../../shared/protocol/path.ts';
import { writeWholeFile } from '../../fs/atomic-write.ts';
import { copyPath } from '../../fs/copy.ts';
import { metadataOf } from '../../fs/metadata.ts';
import { MissingWatches } from '../../fs/missing-watches.ts';
import { readDirectory } from '../../fs/read-directory.ts';
import { readWholeFile } from '../../fs/read-file.ts';
import { removePath } from '../../fs/remove.ts';
import { walk } from '../../fs/walk.ts';
import { isOsError } from '../../process/os-error.ts';
import { release } from '../../released-memory.ts';
import { allocateForBase64, BulkResult, encodeInPlace, tryDecodeInPlace } from '../bulk.ts';
import { route, type RequestContext, type Route } from '../handler.ts';

export interface FsRouteOptions {
  /**
   * Longest answer in bytes, which is what bounds `fs/readFile` and listings: an answer is one message. Reading a file of
   * n bytes takes 4n/3 of memory for a moment, for its base64 text, and, at 1 to 2 GB/s, n ns of the event loop.
   */
  readonly maxAnswerBytes: number;
}

/** What an answer has around its data, in bytes: envelope, id, member names. */
const envelopeBytes = 1024;

export function fsRoutes(options: FsRouteOptions): Route[] {
  const maxListingBytes = options.maxAnswerBytes - envelopeBytes;
  const maxReadFileBytes = Math.floor(maxListingBytes / 4) * 3;
  const watchesOf = watchesByConnection();

  return [
    route(declared.fsReadFile, async (params) => {
      const { path } = pathOf(params);
      const bytes = await readWholeFile(path, maxReadFileBytes, allocateForBase64);
      return new BulkResult(['{"dataBase64":"', encodeInPlace(bytes), '"}']);
    }),

    route(
      declared.fsWriteFile,
      async (params, _context, bulk) => {
        const { path } = pathOf(params);
        const bytes = bulk ? tryDecodeInPlace(bulk.base64) : tryBase64Decode(params.dataBase64);
        if (!bytes) {
          throw new RpcError(
            RpcCode.invalidRequest,
            'fs/writeFile requires valid base64 dataBase64: not standard base64 with padding',
          );
        }
        await writeWholeFile(path, bytes);
        if (bulk) release(bulk.base64);
        return {};
      },
      { bulkMember: 'dataBase64' },
    ),

    route(declared.fsCreateDirectory, async (params) => {
      const { path } = pathOf(params);
      await makeDirectory(path, params.recursive ?? true);
      return {};
    }),

    route(declared.fsGetMetadata, (params) => metadataOf(pathOf(params).path)),

    route(declared.fsReadDirectory, async (params, { signal }) => ({
      entries: await readDirectory(pathOf(params).path, maxListingBytes, signal),
    })),

    route(declared.fsRemove, async (params) => {
      await removePath(pathOf(params).path, { recursive: params.recursive ?? true, force: params.force ?? true });
      return {};
    }),

    route(declared.fsCopy, async (params) => {
      const source = parseAbsolutePath(params.sourcePath, 'sourcePath');
      const destination = parseAbsolutePath(params.destinationPath, 'destinationPath');
      await copyPath(source.path, destination.path, params.recursive);
      return {};
    }),

    route(declared.fsCanonicalize, async (params) => {
      const { path, style } = pathOf(params);
      return { path: formatPath(await realpath(path), style) };
    }),

    route(declared.fsWalk, async (params, { signal }) => {
      const { path, style } = pathOf(params);
      const { pruneHiddenDirectories, ...limits } = params.options;
      const result = await walk(
        path,
        { ...limits, pruneHiddenDirectories: pruneHiddenDirectories ?? false, maxAnswerBytes: maxListingBytes },
        signal,
      );
      if (style === 'plain') return result;
      const inStyle = <T extends { readonly path: string }>(item: T): T => ({
        ...item,
        path: formatPath(item.path, style),
      });
      return { ...result, entries: result.entries.map(inStyle), errors: result.errors.map(inStyle) };
    }),

    route(declared.fsOpen, async (params, { files }) => {
      const { path } = pathOf(params);
      await files.open(params.handleId, path, params.mode ?? 'read');
      return { handleId: params.handleId };
    }),

    route(declared.fsReadBlock, async ({ handleId, offset, len }, { files }) => {
      const bytes = await files.readBlock(handleId, offset, len);
      return new BulkResult(['{"chunk":"', base64Encode(bytes), `","eof":${bytes.length < len}}`]);
    }),

    route(
      declared.fsWriteBlock,
      async ({ handleId, offset, chunk }, { files }, bulk) => {
        const bytes = bulk ? tryDecodeInPlace(bulk.base64) : tryBase64Decode(chunk);
        if (!bytes) throw new RpcError(RpcCode.invalidParams, 'params.chunk: not standard base64 with padding');
        await files.writeBlock(handleId, offset, bytes);
        if (bulk) release(bulk.base64);
        return {};
      },
      { bulkMember: 'chunk' },
    ),

    route(declared.fsClose, async ({ handleId }, { files }) => {
      await files.close(handleId);
      return {};
    }),

    route(declared.fsWatchMissing, async (params, context) => {
      const missing = params.missing.map((path, index) => parseAbsolutePath(path, `missing[${index}]`).path);
      const present = params.present == null ? undefined : parseAbsolutePath(params.present, 'present').path;
      return { watching: await watchesOf(context).add(params.watchId, missing, present) };
    }),
  ];
}

/** What every method with one path does first. */
function pathOf(params: { readonly path: string }) {
  return parseAbsolutePath(params.path);
}

/** A directory that is there is fine for `recursive`, a file never is. */
async function makeDirectory(path: string, recursive: boolean): Promise<void> {
  try {
    await mkdir(path, { recursive });
  } catch (error) {
    // Node says ENOENT for other refusals too, e.g. a dangling link in the way: the plain call tells which.
    if (!recursive || !isOsError(error) || error.code !== 'ENOENT') throw error;
    await mkdir(path);
  }
}

/** Watches end with their connection, so they are found by its signal. */
function watchesByConnection(): (context: RequestContext) => MissingWatches {
  const watches = new WeakMap<AbortSignal, MissingWatches>();
  return ({ signal, notify }) => {
    let ours = watches.get(signal);
    if (!ours) {
      const created = new MissingWatches((watchId) => notify(declared.fsMissingChanged.method, { watchId }));
      if (signal.aborted) created.closeAll();
      signal.addEventListener('abort', () => created.closeAll(), { once: true });
      watches.set(signal, created);
      ours = created;
    }
    return ours;
  };
}
