// `exec-workbench cp SRC DST`: copies a file or a folder tree to or from an executor. The side that begins with `remote:` is there.

import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, posix, relative, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ExecServerClient } from '../../shared/client/harness.ts';
import { plainPath } from '../../shared/client/path-dialect.ts';
import { LocalError, RpcCode, RpcError } from '../../shared/errors.ts';
import { UsageError } from '../config.ts';
import { modesNotKept, remoteModes, setRemoteModes } from './cp/modes.ts';
import { Progress, sizeText } from './cp/progress.ts';
import { ExitCode } from './failure.ts';
import { targetOf, type TargetFlags } from './target.ts';

export interface CopyFlags extends TargetFlags {
  readonly recursive?: boolean;
  readonly json?: boolean;
}

/** One file of a copy. */
interface CopiedFile {
  readonly from: string;
  readonly to: string;
  /** Bytes; undefined when it is not known. */
  readonly size: number | undefined;
  readonly mode: number | undefined;
}

interface Plan {
  readonly files: readonly CopiedFile[];
  /** To be made, parents first. */
  readonly directories: readonly string[];
}

const remotePrefix = 'remote:';
/** Read from our disk at a time: what a block of the protocol takes. */
const readBytes = 256 * 1024;

/** @returns the exit code. @throws UsageError, LocalError, RpcError, or what the file system says. */
export async function cp(source: string, destination: string, flags: CopyFlags): Promise<number> {
  const isDownload = source.startsWith(remotePrefix);
  if (isDownload === destination.startsWith(remotePrefix)) {
    throw new UsageError('one of the two, and only one, must be remote:PATH');
  }
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const client = await targetOf(flags).connect({ clientName: 'exec-workbench cp', reconnects: false });
  try {
    const way = isDownload ? new Download(client, stop.signal) : new Upload(client, stop.signal);
    const plan = await way.plan(stripPrefix(source), stripPrefix(destination), flags.recursive === true);
    const { files, directories } = plan;
    for (const directory of directories) await way.makeDirectory(directory);
    const sizes = files.map(({ size }) => size);
    const known = sizes.every((size) => size !== undefined) ? sizes.reduce((sum, size) => sum + size, 0) : undefined;
    const progress = new Progress(known);
    let bytes = 0;
    try {
      for (const file of files) {
        await way.copy(file, (count) => {
          bytes += count;
          progress.add(count, basename(file.from));
        });
      }
    } finally {
      progress.clear();
    }
    await way.finish(files);
    const told = { files: files.length, directories: directories.length, bytes };
    if (flags.json === true) process.stdout.write(`${JSON.stringify(told)}\n`);
    else if (process.stderr.isTTY) process.stderr.write(`${files.length} files, ${sizeText(bytes)}\n`);
    return ExitCode.ok;
  } catch (error) {
    if (stop.signal.aborted) return 128 + 2;
    throw error;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    client.close();
  }
}

class Upload {
  constructor(
    private readonly client: ExecServerClient,
    private readonly signal: AbortSignal,
  ) {}

  async plan(source: string, destination: string, isRecursive: boolean): Promise<Plan> {
    const root = resolve(source);
    const about = await stat(root);
    const target = remotePath(this.client, destination);
    const isInto = destination.endsWith('/') || (await this.#isDirectory(target));
    const to = isInto ? posix.join(target, basename(root)) : target;
    if (!about.isDirectory()) {
      if (!about.isFile()) throw new UsageError(`${source} is no regular file`);
      return { files: [{ from: root, to, size: about.size, mode: about.mode }], directories: [] };
    }
    if (!isRecursive) throw new UsageError(`${source} is a directory: use -r`);
    const files: CopiedFile[] = [];
    const directories = [to];
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      const from = join(entry.parentPath, entry.name);
      const place = posix.join(to, relative(root, from));
      if (entry.isDirectory()) {
        directories.push(place);
        continue;
      }
      // Links to files are followed, links to directories and special files are left out.
      const found = await stat(from).catch(() => undefined);
      if (found?.isFile()) files.push({ from, to: place, size: found.size, mode: found.mode });
      else process.stderr.write(`exec-workbench: left out, no regular file: ${from}\n`);
    }
    return { files, directories: directories.sort() };
  }

  async makeDirectory(path: string): Promise<void> {
    await this.client.fs.createDirectory(path, { signal: this.signal });
  }

  async copy({ from, to }: CopiedFile, onBytes: (count: number) => void): Promise<void> {
    const { signal } = this;
    const writer = this.client.fs.createWriteStream(to, { signal }).getWriter();
    try {
      for await (const bytes of createReadStream(from, { signal, highWaterMark: readBytes }) as AsyncIterable<Buffer>) {
        await writer.write(bytes);
        onBytes(bytes.length);
      }
      await writer.close();
    } catch (error) {
      await writer.abort(error).catch(() => undefined);
      throw error;
    }
  }

  async finish(files: readonly CopiedFile[]): Promise<void> {
    const modes = new Map(files.map(({ to, mode }) => [to, mode ?? 0o644]));
    await setRemoteModes(this.client, modes).catch((error: unknown) => process.stderr.write(modesNotKept(error)));
  }

  async #isDirectory(path: string): Promise<boolean> {
    try {
      return (await this.client.fs.getMetadata(path)).isDirectory;
    } catch (error) {
      if (error instanceof RpcError && error.code === RpcCode.notFound) return false;
      throw error;
    }
  }
}

class Download {
  constructor(
    private readonly client: ExecServerClient,
    private readonly signal: AbortSignal,
  ) {}

  async plan(source: string, destination: string, isRecursive: boolean): Promise<Plan> {
    const { fs } = this.client;
    const root = remotePath(this.client, source);
    const about = await fs.getMetadata(root);
    const isInto =
      destination.endsWith('/') || ((await stat(destination).catch(() => undefined))?.isDirectory() ?? false);
    const to = resolve(isInto ? join(destination, posix.basename(root)) : destination);
    if (!about.isDirectory) {
      const modes = await this.#modes([root]);
      return { files: [{ from: root, to, size: about.size, mode: modes.get(root) }], directories: [] };
    }
    if (!isRecursive) throw new UsageError(`${source} is a directory: use -r`);
    const { entries, errors, isTruncated } = await fs.walk(root, { signal: this.signal });
    if (isTruncated) throw new UsageError(`${source} has too many files, or is too deep, to be copied at once`);
    for (const { path, message } of errors) process.stderr.write(`exec-workbench: left out: ${path}: ${message}\n`);
    const paths = entries.filter(({ kind }) => kind === 'file').map(({ path }) => path);
    const modes = await this.#modes(paths);
    const files = paths.map((from) => ({
      from,
      to: localPlace(root, from, to),
      size: undefined,
      mode: modes.get(from),
    }));
    const below = entries.filter(({ kind }) => kind === 'directory').map(({ path }) => localPlace(root, path, to));
    return { files, directories: [to, ...below.sort()] };
  }

  async makeDirectory(path: string): Promise<void> {
    await mkdir(path, { recursive: true });
  }

  /** Beside its place, and moved there when it is whole. */
  async copy({ from, to, mode }: CopiedFile, onBytes: (count: number) => void): Promise<void> {
    const { signal } = this;
    const part = join(dirname(to), `.${basename(to)}.part-${process.pid}`);
    try {
      const source = this.client.fs.createReadStream(from, { signal });
      await pipeline(source, counted(onBytes), createWriteStream(part), { signal });
      if (mode !== undefined) await chmod(part, mode);
      await rename(part, to);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }

  async finish(): Promise<void> {
    // Modes were set with each file.
  }

  async #modes(paths: readonly string[]): Promise<Map<string, number>> {
    return remoteModes(this.client, paths).catch((error: unknown) => {
      process.stderr.write(modesNotKept(error));
      return new Map<string, number>();
    });
  }
}

function stripPrefix(path: string): string {
  const plain = path.startsWith(remotePrefix) ? path.slice(remotePrefix.length) : path;
  if (plain === '') throw new UsageError(`a path is missing: ${path || "''"}`);
  return plain;
}

/** Relative paths begin where the executor's processes begin. @throws UsageError */
function remotePath(client: ExecServerClient, path: string): string {
  if (path.startsWith('/') || path.startsWith('file:')) return plainPath(path).replace(/(.)\/+$/, '$1');
  const base = client.server?.environmentInfo?.cwd;
  if (typeof base === 'string') return posix.join(plainPath(base), path).replace(/(.)\/+$/, '$1');
  throw new UsageError(`this executor does not tell its directory: give an absolute path, not ${path}`);
}

/** The executor names the files: none may get out of `to`. @throws LocalError */
function localPlace(root: string, path: string, to: string): string {
  const inside = posix.relative(root, path);
  const isInside = inside !== '' && !inside.startsWith('/') && !inside.split('/').includes('..');
  if (isInside && !inside.includes('\0')) return join(to, inside);
  throw new LocalError('protocol', `the executor lists ${path}, which is not below ${root}`);
}

/** Passes bytes on and tells how many. */
function counted(onBytes: (count: number) => void) {
  return async function* (source: AsyncIterable<Uint8Array>) {
    for await (const bytes of source) {
      yield bytes;
      onBytes(bytes.length);
    }
  };
}
