// The directories that were looked into, and the rows that the tree shows of them. A directory is read when it is opened, and
// again when something in it was changed from here.

import { SvelteMap, SvelteSet } from 'svelte/reactivity';
import type { RemoteFiles } from '../../../../shared/client/files.ts';
import type { Explanation } from '../explain-error.ts';
import { explainFile } from './explain.ts';
import { baseName, isWithin, joinPath, parentPath } from './paths.ts';

export interface Entry {
  readonly name: string;
  readonly isDirectory: boolean;
  /** Neither file nor directory: a device, a FIFO, a socket. */
  readonly isSpecial: boolean;
}

export interface Directory {
  readonly entries: readonly Entry[];
  readonly isLoading: boolean;
  /** Why it could not be read. */
  readonly problem?: Explanation;
}

export interface TreeRow extends Entry {
  readonly path: string;
  /** From 1. */
  readonly depth: number;
  readonly isExpanded: boolean;
  /** In the place of entries: why there are none. */
  readonly note?: 'loading' | 'empty' | 'problem';
}

const order = new Intl.Collator(undefined, { numeric: true });

export class FileTree {
  readonly #directories = new SvelteMap<string, Directory>();
  readonly #expanded = new SvelteSet<string>();

  /** @param files of the present client; undefined without a connection */
  constructor(private readonly files: () => RemoteFiles | undefined) {}

  directory(path: string): Directory | undefined {
    return this.#directories.get(path);
  }

  isExpanded(path: string): boolean {
    return this.#expanded.has(path);
  }

  expand(path: string): void {
    this.#expanded.add(path);
    const known = this.#directories.get(path);
    if (!known || known.problem) void this.load(path);
  }

  collapse(path: string): void {
    this.#expanded.delete(path);
  }

  /** Opens the folders between `root` and `path`, so that it is seen. */
  reveal(path: string, root: string): void {
    for (let above = parentPath(path); above !== root && isWithin(above, root); above = parentPath(above)) {
      this.expand(above);
    }
  }

  /** Reads it, again if it was read before. What goes wrong is told in its place. */
  async load(path: string): Promise<void> {
    const files = this.files();
    if (!files) return;
    const before = this.#directories.get(path)?.entries ?? [];
    this.#directories.set(path, { entries: before, isLoading: true });
    try {
      const found = await files.readDirectory(path);
      const entries = found.map(({ fileName, isDirectory, isFile }) => ({
        name: fileName,
        isDirectory,
        isSpecial: !isDirectory && !isFile,
      }));
      entries.sort((a, b) => Number(b.isDirectory) - Number(a.isDirectory) || order.compare(a.name, b.name));
      this.#directories.set(path, { entries, isLoading: false });
    } catch (error) {
      this.#directories.set(path, {
        entries: [],
        isLoading: false,
        problem: { ...explainFile('read the folder', error), title: 'This folder cannot be read' },
      });
    }
  }

  /** Reads again what is open below `root`, and forgets the rest. */
  async refresh(root: string): Promise<void> {
    const open = [...this.#directories.keys()].filter((path) => isWithin(path, root) && this.#expanded.has(path));
    for (const path of [...this.#directories.keys()]) {
      if (path !== root && !open.includes(path)) this.#directories.delete(path);
    }
    await Promise.all([root, ...open.filter((path) => path !== root)].map((path) => this.load(path)));
  }

  /** Its path means something else now, or nothing. */
  forget(path: string): void {
    for (const known of [...this.#directories.keys()]) if (isWithin(known, path)) this.#directories.delete(known);
    for (const known of [...this.#expanded]) if (isWithin(known, path)) this.#expanded.delete(known);
  }

  /** What is seen below `root`, top to bottom. */
  rows(root: string): readonly TreeRow[] {
    const rows: TreeRow[] = [];
    this.#addRows(root, 1, rows);
    return rows;
  }

  #addRows(path: string, depth: number, rows: TreeRow[]): void {
    const directory = this.#directories.get(path);
    const note = (kind: 'loading' | 'empty' | 'problem', text: string): TreeRow => {
      return {
        path: `${path}\0`,
        name: text,
        depth,
        note: kind,
        isDirectory: false,
        isSpecial: false,
        isExpanded: false,
      };
    };
    if (!directory) return;
    if (directory.problem) rows.push(note('problem', directory.problem.detail));
    else if (directory.entries.length === 0) {
      rows.push(directory.isLoading ? note('loading', 'Reading…') : note('empty', 'Nothing in here'));
    }
    for (const entry of directory.entries) {
      const entryPath = joinPath(path, entry.name);
      const isExpanded = entry.isDirectory && this.#expanded.has(entryPath);
      rows.push({ ...entry, path: entryPath, depth, isExpanded });
      if (isExpanded) this.#addRows(entryPath, depth + 1, rows);
    }
  }
}

/** A name like `name` that is not among `taken`: `notes copy.md`, `notes copy 2.md`. */
export function freeName(name: string, taken: ReadonlySet<string>): string {
  const [, stem = name, extension = ''] = /^(.+?)(\.[^.]+)?$/.exec(baseName(name)) ?? [];
  for (let count = 1; ; count++) {
    const next = `${stem} copy${count === 1 ? '' : ` ${count}`}${extension}`;
    if (!taken.has(next)) return next;
  }
}
