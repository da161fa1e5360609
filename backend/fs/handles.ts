// The open files of one connection, by the ids that its harness chose (docs/protocol.md, "File handles").

import type { FileHandle } from 'node:fs/promises';
import { RpcCode, RpcError } from '../../shared/errors.ts';
import { limits } from '../../shared/limits.ts';
import type { Quota } from '../containment/quota.ts';
import { osError } from '../process/os-error.ts';
import { openFlags, openRegular, readFully, writeAll } from './regular-file.ts';

export type OpenMode = 'read' | 'replace';

interface OpenFile {
  readonly mode: OpenMode;
  /** Undefined while it is being opened: the id is taken, but nothing can be read yet. */
  file: FileHandle | undefined;
}

export class FileHandles {
  readonly #files = new Map<string, OpenFile>();
  #isClosed = false;

  /** @param total what all connections of the server may have open together. */
  constructor(
    private readonly maxHandles: number = limits.maxFileHandles,
    private readonly total?: Quota,
  ) {}

  has(handleId: string): boolean {
    return this.#files.has(handleId);
  }

  /**
   * `replace` creates the file or empties it at once.
   * @throws RpcError -32600 when the id is in use, too many are open, or it is no regular file; -32001 when all connections
   *   have too many open.
   */
  async open(handleId: string, path: string, mode: OpenMode): Promise<void> {
    if (this.#files.has(handleId)) {
      throw new RpcError(RpcCode.invalidRequest, `file handle \`${handleId}\` already exists`);
    }
    if (this.#files.size >= this.maxHandles) {
      throw new RpcError(
        RpcCode.invalidRequest,
        `too many open file handles: limit is ${this.maxHandles} per connection; use fs/close`,
      );
    }
    this.total?.take();
    const entry: OpenFile = { mode, file: undefined };
    this.#files.set(handleId, entry);
    try {
      const { file } = await openRegular(path, mode === 'read' ? openFlags.read : openFlags.create);
      entry.file = file;
      if (mode === 'replace') await file.truncate(0);
      // The connection ended meanwhile: nobody else will close it.
      if (this.#isClosed) await this.close(handleId);
    } catch (error) {
      await this.close(handleId);
      throw error;
    }
  }

  /** @returns fewer than `length` bytes at the end of the file only. */
  async readBlock(handleId: string, offset: number, length: number): Promise<Uint8Array> {
    assertBlockLength('read', length);
    const file = this.#fileOf(handleId, 'read');
    const buffer = Buffer.allocUnsafe(length);
    return buffer.subarray(0, await readFully(file, buffer, offset));
  }

  /** Writing beyond the end leaves a hole of zeros. */
  async writeBlock(handleId: string, offset: number, bytes: Uint8Array): Promise<void> {
    assertBlockLength('write', bytes.length);
    await writeAll(this.#fileOf(handleId, 'replace'), bytes, offset);
  }

  /** An unknown id is fine. What is being read or written is finished first. */
  async close(handleId: string): Promise<void> {
    const entry = this.#files.get(handleId);
    if (this.#files.delete(handleId)) this.total?.release();
    await entry?.file?.close();
  }

  /** Closes all, and what is still being opened once it is open. Idempotent. */
  async closeAll(): Promise<void> {
    this.#isClosed = true;
    const opened = [...this.#files].filter(([, entry]) => entry.file !== undefined);
    await Promise.all(opened.map(([handleId]) => this.close(handleId)));
  }

  #fileOf(handleId: string, mode: OpenMode): FileHandle {
    const entry = this.#files.get(handleId);
    if (!entry?.file) throw new RpcError(RpcCode.notFound, `unknown file handle \`${handleId}\``);
    if (entry.mode !== mode) throw osError('EBADF');
    return entry.file;
  }
}

function assertBlockLength(verb: 'read' | 'write', length: number): void {
  if (length >= 1 && length <= limits.maxBlockBytes) return;
  throw new RpcError(
    RpcCode.invalidRequest,
    `file ${verb} block length must be between 1 and ${limits.maxBlockBytes}, got ${length}`,
  );
}
