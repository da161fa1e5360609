// Files on their way to the executor or from it: one after the other, with progress, each can be cancelled.

import type { RemoteFiles } from '../../../../shared/client/files.ts';
import { LocalError } from '../../../../shared/errors.ts';
import { downloadBlob } from '../download.ts';
import type { Explanation } from '../explain-error.ts';
import { explainFile } from './explain.ts';
import { baseName, joinPath, parentPath } from './paths.ts';

export type TransferState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';

/** Up to here a file is sent in one message, which replaces the old one at once, in bytes. */
const maxWholeBytes = 4 * 1024 * 1024;
/** Progress is shown this often, ms. */
const showMs = 100;

export class Transfer {
  state = $state<TransferState>('waiting');
  doneBytes = $state(0);
  problem = $state.raw<Explanation | undefined>();
  readonly #abort = new AbortController();
  #shownAtMs = 0;
  #bytes = 0;

  constructor(
    readonly direction: 'upload' | 'download',
    /** On the executor. */
    readonly path: string,
    /** Undefined where the server does not tell. */
    readonly totalBytes: number | undefined,
    private readonly work: (transfer: Transfer, signal: AbortSignal) => Promise<void>,
  ) {}

  get name(): string {
    return baseName(this.path);
  }

  get isOver(): boolean {
    return this.state !== 'waiting' && this.state !== 'running';
  }

  cancel(): void {
    if (this.isOver) return;
    this.#abort.abort();
    if (this.state === 'waiting') this.state = 'cancelled';
  }

  /** Never rejects. */
  async run(): Promise<void> {
    if (this.state !== 'waiting') return;
    this.state = 'running';
    const { signal } = this.#abort;
    try {
      await this.work(this, signal);
      this.state = signal.aborted ? 'cancelled' : 'done';
    } catch (error) {
      this.state = signal.aborted ? 'cancelled' : 'failed';
      const isWhole = this.direction === 'download' && this.totalBytes === undefined;
      if (!signal.aborted) this.problem = explainFile(`${this.direction} ${this.name}`, error, isWhole);
    }
    this.doneBytes = this.#bytes;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    const nowMs = performance.now();
    if (nowMs - this.#shownAtMs < showMs) return;
    this.#shownAtMs = nowMs;
    this.doneBytes = this.#bytes;
  }
}

export class Transfers {
  /** Newest first. */
  list = $state.raw<readonly Transfer[]>([]);
  #running: Promise<void> = Promise.resolve();

  /** @param files of the present client. @param onUploaded told the directory in which something is new */
  constructor(
    private readonly files: () => RemoteFiles | undefined,
    private readonly onUploaded: (directory: string) => void,
  ) {}

  get hasRunning(): boolean {
    return this.list.some((transfer) => !transfer.isOver);
  }

  get hasOver(): boolean {
    return this.list.some((transfer) => transfer.isOver);
  }

  upload(directory: string, file: File): Promise<void> {
    const path = joinPath(directory, file.name);
    return this.#add(
      new Transfer('upload', path, file.size, async (transfer, signal) => {
        await sendFile(this.#filesNow(), file, path, transfer, signal);
        this.onUploaded(directory);
      }),
    );
  }

  download(path: string, totalBytes: number | undefined): Promise<void> {
    return this.#add(
      new Transfer('download', path, totalBytes, async (transfer, signal) => {
        const parts: Blob[] = [];
        const reader = this.#filesNow().createReadStream(path, { signal }).getReader();
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          // The browser may keep a blob outside of the page's memory.
          parts.push(new Blob([new Uint8Array(value)]));
          transfer.add(value.length);
        }
        downloadBlob(baseName(path), new Blob(parts, { type: 'application/octet-stream' }));
      }),
    );
  }

  /** Takes those out of the list that are over. */
  clear(): void {
    this.list = this.list.filter((transfer) => !transfer.isOver);
  }

  #add(transfer: Transfer): Promise<void> {
    this.list = [transfer, ...this.list];
    this.#running = this.#running.then(() => transfer.run());
    return this.#running;
  }

  #filesNow(): RemoteFiles {
    const files = this.files();
    if (!files) throw new LocalError('closed', 'there is no connection');
    return files;
  }
}

/**
 * Large files go into a new one beside the old, which is replaced when all of it has arrived: what is cancelled or breaks off
 * changes nothing.
 */
async function sendFile(
  files: RemoteFiles,
  file: File,
  path: string,
  transfer: Transfer,
  signal: AbortSignal,
): Promise<void> {
  if (file.size <= maxWholeBytes) {
    await files.writeFile(path, new Uint8Array(await file.arrayBuffer()), { signal });
    transfer.add(file.size);
    return;
  }
  const partPath = joinPath(
    parentPath(path),
    `.${baseName(path).slice(0, 60)}.${crypto.randomUUID().slice(0, 8)}.part`,
  );
  try {
    const writer = files.createWriteStream(partPath, { signal }).getWriter();
    const reader = file.stream().getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      await writer.write(value);
      transfer.add(value.length);
    }
    await writer.close();
    signal.throwIfAborted();
    await files.copy(partPath, path);
  } finally {
    // What cannot be removed is left: the failure itself is what is told.
    await files.remove(partPath).catch(() => undefined);
  }
}
