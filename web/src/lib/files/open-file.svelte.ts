// The file that is looked at or edited. Small texts are edited whole; of all else a part at a time is read, as it is wanted.

import type { Metadata, RemoteFiles } from '../../../../shared/client/files.ts';
import { concatBytes, tryUtf8Decode, utf8Encode } from '../../../../shared/bytes.ts';
import { RpcCode, RpcError } from '../../../../shared/errors.ts';
import { explainAction, type Explanation } from '../explain-error.ts';
import { imageType, looksLikeText } from './content.ts';
import { baseName } from './paths.ts';

/** A text of more is shown by parts and not edited, in bytes. */
const maxEditBytes = 4 * 1024 * 1024;
/** A picture of more is shown as bytes, in bytes. */
const maxImageBytes = 32 * 1024 * 1024;
/** Size of a part, in bytes. */
export const partBytes = 512 * 1024;

export type FileKind = 'directory' | 'text' | 'image' | 'bytes' | 'special';

export class OpenFile {
  kind = $state<FileKind | undefined>();
  metadata = $state.raw<Metadata | undefined>();
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

  /** In bytes; undefined where the server does not tell (0.131). */
  get size(): number | undefined {
    return this.metadata?.size;
  }

  /** Reads it, or reads it again: what was edited and not saved is gone then. */
  async load(): Promise<void> {
    await this.#do('open the file', async (files, signal) => {
      const metadata = await files.getMetadata(this.path, { signal });
      this.metadata = metadata;
      this.hasConflict = false;
      if (metadata.isDirectory) this.kind = 'directory';
      else if (!metadata.isFile) this.kind = 'special';
      else await this.#loadFile(files, metadata.size, signal);
    });
  }

  /** `bytes`: shows the part that begins at `start`. */
  async showPart(start: number): Promise<void> {
    await this.#do('read the file', async (files, signal) => {
      const part = await read(files, this.path, start, partBytes, signal);
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
    // One byte more than the limit tells whether there is more, also where the size is not told or not true (/proc).
    const bytes = await read(files, this.path, 0, size !== undefined && size > limit ? partBytes : limit + 1, signal);
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
      if (!signal.aborted) this.problem = explainAction(what, error);
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
