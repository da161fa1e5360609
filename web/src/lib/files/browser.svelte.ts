// The files of one connection as the page shows them: the tree, the file that is open, what is on its way, and what can be
// done. Outlives the view.

import { SvelteMap } from 'svelte/reactivity';
import type { RemoteFiles } from '../../../../shared/client/files.ts';
import { RpcCode, RpcError } from '../../../../shared/errors.ts';
import type { ServerConnection } from '../../state/connections.svelte.ts';
import type { Explanation } from '../explain-error.ts';
import { explainFile } from './explain.ts';
import { OpenFile } from './open-file.svelte.ts';
import { baseName, isWithin, joinPath, parentPath } from './paths.ts';
import { FileTree } from './tree.svelte.ts';
import { Transfers } from './transfers.svelte.ts';

/** What a dialog asks before something is done. */
export type Ask =
  | { readonly kind: 'new-file' | 'new-folder'; readonly directory: string }
  | { readonly kind: 'rename' | 'copy'; readonly path: string }
  | { readonly kind: 'remove'; readonly path: string; readonly isDirectory: boolean }
  | {
      readonly kind: 'replace';
      readonly directory: string;
      readonly files: readonly File[];
      readonly taken: readonly string[];
    };

export class FileBrowser {
  /** In the tree. */
  selected = $state('');
  open = $state.raw<OpenFile | undefined>();
  ask = $state.raw<Ask | undefined>();
  problem = $state.raw<Explanation | undefined>();
  readonly tree: FileTree;
  readonly transfers: Transfers;
  /** Files with changes that are not saved, by path. */
  readonly unsaved = new SvelteMap<string, OpenFile>();

  constructor(private readonly connection: ServerConnection) {
    this.tree = new FileTree(this.#files);
    this.transfers = new Transfers(this.#files, (directory) => void this.tree.load(directory));
  }

  /** Why nothing can be made, changed or removed, in words; '' when it can. */
  get refusal(): string {
    if (this.connection.status !== 'connected') return 'there is no connection';
    return this.connection.isReadOnly ? 'the server was started with --read-only' : '';
  }

  get isReadOnly(): boolean {
    return this.connection.isReadOnly;
  }

  /** Asks, or says why there is nothing to ask. */
  begin(ask: Ask): void {
    const { refusal } = this;
    if (refusal === '') this.ask = ask;
    else this.problem = { title: 'Nothing can be changed', detail: refusal };
  }

  /** Shows the file; one that was edited and not saved is as it was left. '' shows none. */
  show(path: string): void {
    const { open } = this;
    if ((open?.path ?? '') === path) return;
    this.#leave(open);
    if (path === '') {
      this.open = undefined;
      return;
    }
    const kept = this.unsaved.get(path);
    this.open = kept ?? new OpenFile(this.#files, path);
    if (!kept) void this.open.load();
  }

  /** A link or a special file says so where it is opened. @returns whether there is something by this name */
  async exists(path: string): Promise<boolean> {
    try {
      await this.#files()?.getMetadata(path);
      return true;
    } catch (error) {
      if (error instanceof RpcError && error.code === RpcCode.notFound) return false;
      throw error;
    }
  }

  async create(kind: 'new-file' | 'new-folder', path: string): Promise<boolean> {
    const done = await this.#do(kind === 'new-file' ? 'make the file' : 'make the folder', async (files) => {
      if (kind === 'new-file') await files.writeFile(path, new Uint8Array());
      else await files.createDirectory(path, { recursive: false });
    });
    if (done) await this.#changed(path);
    return done;
  }

  async copy(from: string, to: string): Promise<boolean> {
    const done = await this.#do(`copy ${baseName(from)}`, (files) => files.copy(from, to));
    if (done) await this.#changed(to);
    return done;
  }

  /** The protocol has no rename: it is copied, and then removed where it was. */
  async rename(from: string, to: string): Promise<boolean> {
    const done = await this.#do(`rename ${baseName(from)}`, async (files) => {
      await files.copy(from, to);
      await files.remove(from);
    });
    this.tree.forget(from);
    // What was copied and could not be removed is there twice.
    if (!done) await this.tree.load(parentPath(to));
    else {
      this.#forgetFiles(from);
      await this.#changed(to);
    }
    return done;
  }

  async remove(path: string): Promise<boolean> {
    const done = await this.#do(`remove ${baseName(path)}`, (files) => files.remove(path));
    this.tree.forget(path);
    if (done) this.#forgetFiles(path);
    await this.tree.load(parentPath(path));
    if (done) this.selected = parentPath(path);
    return done;
  }

  /** Asks first when some of them are there already. */
  async upload(directory: string, files: readonly File[]): Promise<void> {
    if (files.length === 0 || this.refusal !== '') return;
    await this.#do('look into the folder', async (remote) => {
      const there = (await remote.readDirectory(directory)).map(({ fileName }) => fileName);
      const taken = files.map(({ name }) => name).filter((name) => there.includes(name));
      if (taken.length > 0) this.ask = { kind: 'replace', directory, files, taken };
      else this.send(directory, files);
    });
  }

  send(directory: string, files: readonly File[]): void {
    for (const file of files) void this.transfers.upload(directory, file);
  }

  async download(path: string): Promise<void> {
    await this.#do('look at the file', async (files) => {
      const { size } = await files.getMetadata(path);
      void this.transfers.download(path, size);
    });
  }

  readonly #files = (): RemoteFiles | undefined => this.connection.client?.fs;

  async #changed(path: string): Promise<void> {
    this.selected = path;
    await this.tree.load(parentPath(path));
  }

  #leave(open: OpenFile | undefined): void {
    if (!open) return;
    if (open.isDirty) this.unsaved.set(open.path, open);
    else {
      this.unsaved.delete(open.path);
      open.dispose();
    }
  }

  #forgetFiles(path: string): void {
    for (const [known, file] of [...this.unsaved]) {
      if (!isWithin(known, path)) continue;
      file.dispose();
      this.unsaved.delete(known);
    }
    if (this.open && isWithin(this.open.path, path)) {
      this.open.dispose();
      this.open = undefined;
    }
  }

  async #do(what: string, action: (files: RemoteFiles) => Promise<void>): Promise<boolean> {
    const files = this.#files();
    if (!files) return false;
    this.problem = undefined;
    try {
      await action(files);
      return true;
    } catch (error) {
      this.problem = explainFile(what, error);
      return false;
    }
  }
}

/** Where `name` in the directory of `path` is. */
export function siblingPath(path: string, name: string): string {
  return joinPath(parentPath(path), name);
}

const browsers = new WeakMap<ServerConnection, FileBrowser>();

export function fileBrowserOf(connection: ServerConnection): FileBrowser {
  const known = browsers.get(connection);
  if (known) return known;
  const made = new FileBrowser(connection);
  browsers.set(connection, made);
  return made;
}
