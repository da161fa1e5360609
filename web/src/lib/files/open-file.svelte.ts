// The file that is looked at or edited. Small texts are edited whole; of all else a part at a time is read, as it is wanted.

import type { Metadata, RemoteFiles } from '../../../../shared/client/files.ts';
import { concatBytes, tryUtf8Decode, utf8Encode } from '../../../../shared/bytes.ts';
import { RpcCode, RpcError } from '../../../../shared/errors.ts';
import type { Explanation } from '../explain-error.ts';
import { hexPageBytes } from '../inspect/hex.ts';
import { explainFile } from './explain.ts';
import { imageType, looksLikeText } from './content.ts';
import { baseName } from './paths.ts';

/** A text of more is shown by parts and not edited, in bytes. */
const maxEditBytes = 4 * 1024 * 1024;
/** A picture of more is shown as bytes, in bytes. */
const maxImageBytes = 32 * 1024 * 1024;
/** Most that is kept of a file whose server gives it only as a whole (0.131), in bytes: some message has to hold it. */
const maxWholeBytes = 64 * 1024 * 1024;
/** Size of a part, in bytes: what a hex view shows at once. */
export const partBytes = hexPageBytes;

/** Of a file of `size` bytes, which is more than none: where the last part begins, when parts begin at the first byte. */
export function lastPartStart(size: number): number {
  return Math.floor((size - 1) / partBytes) * partBytes;
}

export type FileKind = 'directory' | 'text' | 'image' | 'bytes' | 'special';

export class OpenFile {
  kind = $state<FileKind | undefined>();
  metadata = $state.raw<Metadata | undefined>();
  /** Where a link leads, if the server tells; else ''. */
  linkedPath = $state('');
  problem = $state.raw<Explanation | undefined>();
  /** `text`: what was read or saved last. */
  savedText = $state('');
  /** `text`: as it is edited. */
  text = $state('');
  /** `image`: where the page finds it. */
  imageUrl = $state('');
  /** `bytes`: the part that is shown. */
  part = $state.raw<Uint8Array>(new Uint8Array());
  partStart = $state(0);
  isPartText = $state(false);
  isBusy = $state(false);
  /** The file was changed by somebody else since it was read. */
  hasConflict = $state(false);
  #base: Uint8Array = new Uint8Array();
  /** `bytes`: all of them, of a server that gives no parts. */
  #whole = $state.raw<Uint8Array | undefined>();
  readonly #stopped = new AbortController();

  constructor(
    private readonly files: () => RemoteFiles | undefined,
    readonly path: string,
  ) {}

  get name(): string {
    return baseName(this.path);
  }

  get isDirty(): boolean {
    return this.kind === 'text' && this.text !== this.savedText;
  }

  /** In bytes; undefined where the server does not tell (0.131) until it was read. */
  get size(): number | undefined {
    return this.metadata?.size ?? this.#whole?.length;
  }

  /** Reads it, or reads it again: what was edited and not saved is gone then. */
  async load(): Promise<void> {
    await this.#do('open the file', async (files, signal) => {
      const metadata = await files.getMetadata(this.path, { signal });
      this.metadata = metadata;
      this.hasConflict = false;
      this.#whole = undefined;
      this.linkedPath = metadata.isSymlink ? await files.canonicalize(this.path, { signal }).catch(() => '') : '';
      if (metadata.isDirectory) this.kind = 'directory';
      else if (!metadata.isFile) this.kind = 'special';
      else await this.#loadFile(files, metadata.size, signal);
    });
  }

  /** `bytes`: shows the part that begins at `wanted`, or at the last byte if that is beyond the end. */
  async showPart(wanted: number): Promise<void> {
    // A size of 0 may not be true (/proc).
    const start = Math.max(0, this.size ? Math.min(wanted, this.size - 1) : wanted);
    await this.#do('read the file', async (files, signal) => {
      const part =
        this.#whole?.subarray(start, start + partBytes) ?? (await read(files, this.path, start, partBytes, signal));
      this.partStart = start;
      this.part = part;
      this.isPartText = looksLikeText(part);
    });
  }

  /** @param isForced what somebody else wrote meanwhile is replaced. @returns whether it is saved */
  async save(isForced = false): Promise<boolean> {
    const { text } = this;
    const bytes = utf8Encode(text);
    return this.#do('save the file', async (files, signal) => {
      if (!isForced && (await this.#isChanged(files, signal))) {
        this.hasConflict = true;
        return false;
      }
      await files.writeFile(this.path, bytes, { signal });
      this.#base = bytes;
      this.savedText = text;
      this.hasConflict = false;
      this.metadata = await files.getMetadata(this.path, { signal });
      return true;
    });
  }

  dispose(): void {
    this.#stopped.abort();
    if (this.imageUrl !== '') URL.revokeObjectURL(this.imageUrl);
  }

  async #loadFile(files: RemoteFiles, size: number | undefined, signal: AbortSignal): Promise<void> {
    const type = imageType(this.name);
    const limit = type === undefined ? maxEditBytes : maxImageBytes;
    // One byte more than the limit tells whether there is more, also where the size is not true (/proc).
    const length = size !== undefined && size > limit ? partBytes : (size === undefined ? maxWholeBytes : limit) + 1;
    const bytes = await read(files, this.path, 0, length, signal);
    const isWhole = bytes.length <= limit && bytes.length >= (size ?? 0);
    if (isWhole && type !== undefined && bytes.length > 0) {
      if (this.imageUrl !== '') URL.revokeObjectURL(this.imageUrl);
      this.imageUrl = URL.createObjectURL(new Blob([new Uint8Array(bytes)], { type }));
      this.kind = 'image';
      return;
    }
    const text = isWhole && !bytes.includes(0) ? tryUtf8Decode(bytes) : undefined;
    if (text !== undefined) {
      this.#base = bytes;
      this.savedText = text;
      this.text = text;
      this.kind = 'text';
      return;
    }
    this.#whole = size === undefined && bytes.length <= maxWholeBytes ? bytes : undefined;
    this.part = bytes.subarray(0, partBytes);
    this.partStart = 0;
    this.isPartText = looksLikeText(this.part);
    this.kind = 'bytes';
  }

  /** By its time and size, and if those differ by what is in it: who only touched it changed nothing. */
  async #isChanged(files: RemoteFiles, signal: AbortSignal): Promise<boolean> {
    try {
      const now = await files.getMetadata(this.path, { signal });
      if (now.modifiedAtMs === this.metadata?.modifiedAtMs && now.size === this.metadata.size) return false;
      const bytes = await read(files, this.path, 0, this.#base.length + 1, signal);
      return bytes.length !== this.#base.length || bytes.some((byte, index) => byte !== this.#base[index]);
    } catch (error) {
      // Removed meanwhile: saving would bring it back.
      if (error instanceof RpcError && error.code === RpcCode.notFound) return true;
      throw error;
    }
  }

  async #do<T>(what: string, action: (files: RemoteFiles, signal: AbortSignal) => Promise<T>): Promise<T | false> {
    const files = this.files();
    const { signal } = this.#stopped;
    if (!files) return false;
    this.isBusy = true;
    this.problem = undefined;
    try {
      return await action(files, signal);
    } catch (error) {
      if (!signal.aborted)
        this.problem = explainFile(what, error, this.metadata !== undefined && this.metadata.size === undefined);
      return false;
    } finally {
      this.isBusy = false;
    }
  }
}

async function read(
  files: RemoteFiles,
  path: string,
  start: number,
  length: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const reader = files.createReadStream(path, { start, end: start + length, signal }).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return concatBytes(parts);
    parts.push(value);
  }
}
