// Files of the executor's machine. Paths are plain absolute ones or file:// URIs on the way in, and plain on the way out.

import { base64Encode, tryBase64Decode, utf8Decode, utf8Encode } from '../bytes.ts';
import { LocalError, RpcCode, RpcError } from '../errors.ts';
import type { ResultOf } from '../protocol/declare.ts';
import * as protocol from '../protocol/fs.ts';
import { openReadStream, openWriteStream, type ReadStreamOptions } from './file-streams.ts';
import type { ExecServerClient } from './harness.ts';
import { plainPath, type ToWire } from './path-dialect.ts';
import { walkByListing, type WalkOptions, type WalkResult } from './walk.ts';

export type Metadata = ResultOf<typeof protocol.fsGetMetadata>;
export type DirectoryEntry = ResultOf<typeof protocol.fsReadDirectory>['entries'][number];

export interface Abortable {
  /** Gives up waiting; what the server has begun it finishes. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * All of it throws RpcError as the server answers: -32004 what does not exist, -32600 what is not allowed or no regular file,
 * -32603 what the system refuses; LocalError `invalid-argument` for a path that is not absolute, `closed`, `aborted`.
 */
export class RemoteFiles {
  /** @param connect the client, or how to come by it */
  constructor(private readonly connect: () => ExecServerClient | Promise<ExecServerClient>) {}

  /** A whole regular file. Servers have a limit (some 35 MiB here); `createReadStream` has none. */
  async readFile(path: string, options?: Abortable): Promise<Uint8Array> {
    const { dataBase64 } = await this.#ask((client, wire) =>
      client.call(protocol.fsReadFile, { path: wire(path) }, options),
    );
    const bytes = tryBase64Decode(dataBase64);
    if (!bytes) throw new LocalError('protocol', 'the answer to fs/readFile holds no base64');
    return bytes;
  }

  /** As `readFile`, as UTF-8; invalid sequences become U+FFFD. */
  async readText(path: string, options?: Abortable): Promise<string> {
    return utf8Decode(await this.readFile(path, options));
  }

  /** Creates or replaces a file; its directory must exist. */
  async writeFile(path: string, data: Uint8Array, options?: Abortable): Promise<void> {
    const dataBase64 = base64Encode(data);
    await this.#ask((client, wire) => client.call(protocol.fsWriteFile, { path: wire(path), dataBase64 }, options));
  }

  /** As `writeFile`, as UTF-8. */
  async writeText(path: string, text: string, options?: Abortable): Promise<void> {
    await this.writeFile(path, utf8Encode(text), options);
  }

  /** The bytes of a file, read as they are needed; from servers without file handles (0.131) the whole file at once. */
  createReadStream(path: string, options: ReadStreamOptions = {}): ReadableStream<Uint8Array> {
    return openReadStream(this, this.connect, path, options);
  }

  /** Replaces a file by what is written; on servers without file handles (0.131) at the end, at once. */
  createWriteStream(path: string, options: Abortable = {}): WritableStream<Uint8Array> {
    return openWriteStream(this, this.connect, path, options);
  }

  /** In no order; entries whose link leads nowhere are left out. */
  async readDirectory(path: string, options?: Abortable): Promise<DirectoryEntry[]> {
    const answer = await this.#ask((client, wire) =>
      client.call(protocol.fsReadDirectory, { path: wire(path) }, options),
    );
    return answer.entries;
  }

  /** Links are followed; `isSymlink` tells of the path itself. `size` is missing on 0.131. Times in ms since 1970. */
  async getMetadata(path: string, options?: Abortable): Promise<Metadata> {
    return this.#ask((client, wire) => client.call(protocol.fsGetMetadata, { path: wire(path) }, options));
  }

  /** Makes a directory, by default with its parents. */
  async createDirectory(path: string, { recursive = true, ...options }: Recursive = {}): Promise<void> {
    await this.#ask((client, wire) =>
      client.call(protocol.fsCreateDirectory, { path: wire(path), recursive }, options),
    );
  }

  /** Removes a file, a link, or a directory with all that is in it. `force` (default): what does not exist is fine. */
  async remove(path: string, { recursive = true, force = true, ...options }: RemoveOptions = {}): Promise<void> {
    await this.#ask((client, wire) => client.call(protocol.fsRemove, { path: wire(path), recursive, force }, options));
  }

  /** On the executor's machine: a file, a link, or a directory with all that is in it. */
  async copy(source: string, destination: string, { recursive = true, ...options }: Recursive = {}): Promise<void> {
    await this.#ask((client, wire) =>
      client.call(
        protocol.fsCopy,
        { sourcePath: wire(source), destinationPath: wire(destination), recursive },
        options,
      ),
    );
  }

  /** The path with all links resolved. Not on 0.131 (RpcError -32601). */
  async canonicalize(path: string, options?: Abortable): Promise<string> {
    const answer = await this.#ask((client, wire) =>
      client.call(protocol.fsCanonicalize, { path: wire(path) }, options),
    );
    return plainPath(answer.path);
  }

  /** All below a directory, breadth first, within limits; by listing each directory where the server has no walk (0.131). */
  async walk(path: string, options: WalkOptions & Abortable = {}): Promise<WalkResult> {
    const { signal, maxDepth = 64, maxDirectories = 10_000, maxEntries = 50_000 } = options;
    const bounds = { maxDepth, maxDirectories, maxEntries };
    try {
      const answer = await this.#ask((client, wire) =>
        client.call(
          protocol.fsWalk,
          { path: wire(path), options: { ...bounds, followDirectorySymlinks: false } },
          { signal },
        ),
      );
      return {
        entries: answer.entries.map(({ path: entry, kind }) => ({ path: plainPath(entry), kind })),
        errors: answer.errors.map(({ path: entry, message }) => ({ path: plainPath(entry), message })),
        isTruncated: answer.truncated,
      };
    } catch (error) {
      if (!isMethodNotFound(error)) throw error;
      return walkByListing(this, plainPath(path), bounds, { signal });
    }
  }

  /**
   * Waits until one of the `missing` paths appears, or `present` changes or goes: what the protocol can watch
   * (`fs/watchMissing`, not on 0.131).
   * @returns false when the server does not watch, e.g. since things are not as said
   */
  async watch(
    { missing, present }: { readonly missing: readonly string[]; readonly present?: string },
    { signal }: Abortable = {},
  ): Promise<boolean> {
    const client = await this.connect();
    const watchId = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
    let changed: () => void = () => undefined;
    const change = new Promise<void>((resolve) => (changed = resolve));
    let fail: (error: LocalError) => void = () => undefined;
    const failure = new Promise<never>((_, reject) => (fail = reject));
    failure.catch(() => undefined);
    const unsubscribe = client.subscribe((method, params) => {
      const told = method === protocol.fsMissingChanged.method && protocol.fsMissingChanged.params.safeParse(params);
      if (told && told.data?.watchId === watchId) changed();
    });
    const onAbort = () => fail(new LocalError('aborted', 'the watch was aborted'));
    signal?.addEventListener('abort', onAbort);
    // A watch belongs to its connection.
    const unfollow = client.onceLost((reason) => fail(new LocalError('closed', `the watch has ended: ${reason}`)));
    try {
      const { watching } = await client.paths.use((wire) =>
        client.call(
          protocol.fsWatchMissing,
          { watchId, missing: missing.map(wire), ...(present !== undefined && { present: wire(present) }) },
          { signal },
        ),
      );
      if (watching) await Promise.race([change, failure]);
      return watching;
    } finally {
      unsubscribe();
      unfollow();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #ask<T>(request: (client: ExecServerClient, toWire: ToWire) => Promise<T>): Promise<T> {
    const client = await this.connect();
    return client.paths.use((toWire) => request(client, toWire));
  }
}

export interface Recursive extends Abortable {
  readonly recursive?: boolean;
}

export interface RemoveOptions extends Recursive {
  readonly force?: boolean;
}

export function isMethodNotFound(error: unknown): boolean {
  return error instanceof RpcError && error.code === RpcCode.methodNotFound;
}
