// fs/*: files of the executor's machine (docs/protocol.md, "Files").

import * as z from 'zod';
import { RpcCode } from '../errors.ts';
import { limits } from '../limits.ts';
import { base64, declareMethod, declareNotification, optional, unsigned } from './declare.ts';
import { sandboxContext } from './sandbox.ts';

const path = z.string().meta({ description: 'Absolute path or file:// URI.' });
const sandbox = optional(sandboxContext);
const notFound = { code: RpcCode.notFound, when: 'it does not exist' };
const refused = { code: RpcCode.invalidRequest, when: 'no permission, no regular file, or too large' };
const noSandbox = { code: RpcCode.invalidRequest, when: 'the sandbox that is asked for cannot be had' };
const tooManySandboxes = { code: RpcCode.overloaded, when: 'too many sandboxes are in use' };
/** Of every method that takes a sandbox. */
const ofSandboxes = [noSandbox, tooManySandboxes];
const nothing = z.looseObject({});
/** Peers send up to 2^64-1, but beyond 2^53-1 JSON has lost the number. */
const offset = unsigned.refine((value) => Number.isSafeInteger(value), {
  message: `must be at most ${Number.MAX_SAFE_INTEGER}`,
});
const handleId = z.string().refine((id) => new TextEncoder().encode(id).length <= limits.maxHandleIdBytes, {
  message: `must be at most ${limits.maxHandleIdBytes} bytes`,
});

export const fsReadFile = declareMethod({
  method: 'fs/readFile',
  family: 'filesystem',
  since: '0.131',
  doc: 'Reads a whole regular file.',
  params: z.looseObject({ path, sandbox }),
  result: z.looseObject({ dataBase64: base64 }),
  errors: [notFound, refused, ...ofSandboxes],
});

export const fsWriteFile = declareMethod({
  method: 'fs/writeFile',
  family: 'filesystem',
  since: '0.131',
  doc: 'Creates or replaces a file, atomically; its parent must exist.',
  params: z.looseObject({ path, dataBase64: base64, sandbox }),
  result: nothing,
  errors: [notFound, refused, { code: RpcCode.invalidRequest, when: 'dataBase64 is no base64' }, ...ofSandboxes],
});

export const fsCreateDirectory = declareMethod({
  method: 'fs/createDirectory',
  family: 'filesystem',
  since: '0.131',
  doc: 'Makes a directory, by default with its parents.',
  params: z.looseObject({ path, recursive: optional(z.boolean()), sandbox }),
  result: nothing,
  errors: [notFound, refused, ...ofSandboxes],
});

export const fsGetMetadata = declareMethod({
  method: 'fs/getMetadata',
  family: 'filesystem',
  since: '0.131',
  doc: 'Kind, size and times; links are followed, isSymlink tells of the path itself.',
  params: z.looseObject({ path, sandbox }),
  result: z.looseObject({
    isDirectory: z.boolean(),
    isFile: z.boolean(),
    isSymlink: z.boolean(),
    size: unsigned.optional(),
    createdAtMs: z.number(),
    modifiedAtMs: z.number(),
  }),
  errors: [notFound, refused, ...ofSandboxes],
});

export const fsReadDirectory = declareMethod({
  method: 'fs/readDirectory',
  family: 'filesystem',
  since: '0.131',
  doc: 'Lists a directory, in no order; entries whose link leads nowhere are left out.',
  params: z.looseObject({ path, sandbox }),
  result: z.looseObject({
    entries: z.array(z.looseObject({ fileName: z.string(), isDirectory: z.boolean(), isFile: z.boolean() })),
  }),
  errors: [notFound, refused, ...ofSandboxes],
});

export const fsRemove = declareMethod({
  method: 'fs/remove',
  family: 'filesystem',
  since: '0.131',
  doc: 'Removes a file, a link or a directory tree.',
  params: z.looseObject({ path, recursive: optional(z.boolean()), force: optional(z.boolean()), sandbox }),
  result: nothing,
  errors: [{ code: RpcCode.notFound, when: 'it does not exist and force is false' }, refused, ...ofSandboxes],
});

export const fsCopy = declareMethod({
  method: 'fs/copy',
  family: 'filesystem',
  since: '0.131',
  doc: 'Copies a file, a link or a directory tree.',
  params: z.looseObject({ sourcePath: path, destinationPath: path, recursive: z.boolean(), sandbox }),
  result: nothing,
  errors: [
    notFound,
    { code: RpcCode.invalidRequest, when: 'onto or below itself, a directory without recursive, a special file' },
    ...ofSandboxes,
  ],
});

export const fsCanonicalize = declareMethod({
  method: 'fs/canonicalize',
  family: 'filesystem',
  since: '0.169',
  doc: 'The path with all links resolved.',
  params: z.looseObject({ path, sandbox }),
  result: z.looseObject({ path: z.string() }),
  errors: [notFound, refused, ...ofSandboxes],
});

export const fsWalk = declareMethod({
  method: 'fs/walk',
  family: 'filesystem',
  since: '0.169',
  doc: 'Lists a tree breadth first, within limits; the root is not listed.',
  params: z.looseObject({
    path,
    options: z.looseObject({
      maxDepth: unsigned,
      maxDirectories: unsigned,
      maxEntries: unsigned,
      followDirectorySymlinks: z.boolean(),
      pruneHiddenDirectories: optional(z.boolean()),
    }),
    sandbox,
  }),
  result: z.looseObject({
    entries: z.array(z.looseObject({ path: z.string(), kind: z.enum(['file', 'directory']) })),
    errors: z.array(z.looseObject({ path: z.string(), message: z.string() })),
    truncated: z.boolean(),
  }),
  errors: [notFound, refused, ...ofSandboxes],
});

export const fsOpen = declareMethod({
  method: 'fs/open',
  family: 'filesystem',
  since: '0.169',
  doc: 'Opens a regular file for blocks; the handle belongs to the connection.',
  params: z.looseObject({ handleId, path, mode: optional(z.enum(['read', 'replace'])), sandbox }),
  result: z.looseObject({ handleId: z.string() }),
  errors: [
    notFound,
    refused,
    { code: RpcCode.invalidRequest, when: 'the handleId is in use, or the connection has too many open' },
    { code: RpcCode.overloaded, when: 'all connections together have too many open' },
    ...ofSandboxes,
  ],
});

export const fsReadBlock = declareMethod({
  method: 'fs/readBlock',
  family: 'filesystem',
  since: '0.169',
  doc: `Reads 1 to ${limits.maxBlockBytes} bytes; eof when fewer came than were asked for.`,
  params: z.looseObject({ handleId: z.string(), offset, len: unsigned }),
  result: z.looseObject({ chunk: base64, eof: z.boolean() }),
  errors: [{ code: RpcCode.notFound, when: 'the handle is unknown' }, refused],
});

export const fsWriteBlock = declareMethod({
  method: 'fs/writeBlock',
  family: 'filesystem',
  since: '0.169',
  doc: `Writes 1 to ${limits.maxBlockBytes} bytes at an offset.`,
  params: z.looseObject({ handleId: z.string(), offset, chunk: base64 }),
  result: nothing,
  errors: [{ code: RpcCode.notFound, when: 'the handle is unknown' }, refused],
});

export const fsClose = declareMethod({
  method: 'fs/close',
  family: 'filesystem',
  since: '0.169',
  doc: 'Closes a handle; an unknown one is fine.',
  params: z.looseObject({ handleId: z.string() }),
  result: nothing,
});

/** 0.169 takes numbers only; echoed as it was sent. */
const watchId = z.union([unsigned, z.string()]);

export const fsWatchMissing = declareMethod({
  method: 'fs/watchMissing',
  family: 'filesystem',
  since: '0.169',
  doc: 'Tells once, by fs/missingChanged, when one of the missing paths appears, or the present one changes or goes.',
  params: z.looseObject({
    watchId,
    missing: z.array(path).meta({ description: 'Paths that do not exist.' }),
    present: optional(path).meta({ description: 'A path that exists.' }),
    sandbox,
  }),
  result: z.looseObject({
    watching: z.boolean().meta({ description: 'False when the paths are not as the request says, or too many.' }),
  }),
  errors: ofSandboxes,
});

export const fsMissingChanged = declareNotification({
  method: 'fs/missingChanged',
  from: 'executor',
  since: '0.169',
  doc: 'What was watched is no longer as it was; the watch has ended.',
  params: z.looseObject({ watchId }),
});
