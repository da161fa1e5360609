// fs/watchMissing for one connection: tells once when a path that was missing appears (or a directory on the way to it), or
// a path that was present changes. 0.169 keeps the newest watch only; here several live, so that harness parts that share
// a connection do not end each other's.
//
// Each path is watched through the nearest directory that exists. Events only make us look; where the system gives no
// watch (its number is bounded per user), looking is repeated instead.

import { watch, type FSWatcher, type Stats } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isOsError } from '../process/os-error.ts';

/** Watches of one connection; with one more the oldest ends. */
const maxWatches = 16;
/** Paths of one watch; a harness asks for about 30. */
const maxPaths = 256;
/** Time between two looks where the system gives no watch, ms. */
const pollMs = 1000;

export type WatchId = string | number;

/** The way to a missing path, as it was when the watch began. */
interface Gap {
  /** Nearest directory that exists. */
  readonly directory: string;
  /** First name below it that does not. */
  readonly name: string;
}

interface Present {
  readonly path: string;
  readonly signature: string;
}

export class MissingWatches {
  /** By id, oldest first. */
  readonly #watches = new Map<WatchId, Watch>();
  #isClosed = false;

  constructor(private readonly onChanged: (watchId: WatchId) => void) {}

  /**
   * A watch with the same id is replaced. `missing` must hold at least one path.
   * @returns false, and nothing is watched, when a path is not as claimed, or there are too many.
   */
  async add(watchId: WatchId, missing: readonly string[], present: string | undefined): Promise<boolean> {
    this.#end(watchId);
    if (missing.length === 0 || missing.length > maxPaths) return false;
    const gaps: Gap[] = [];
    for (const path of missing) {
      const gap = await tryGap(path);
      if (!gap) return false;
      gaps.push(gap);
    }
    const claimed = present === undefined ? undefined : await tryPresent(present);
    if ((present !== undefined && !claimed) || this.#isClosed) return false;
    const watching = new Watch(gaps, claimed, () => {
      // A later watch may have taken the id.
      if (this.#watches.get(watchId) !== watching) return;
      this.#end(watchId);
      this.onChanged(watchId);
    });
    this.#watches.set(watchId, watching);
    if (this.#watches.size > maxWatches) {
      for (const oldest of this.#watches.keys()) {
        this.#end(oldest);
        break;
      }
    }
    return true;
  }

  closeAll(): void {
    this.#isClosed = true;
    for (const watchId of [...this.#watches.keys()]) this.#end(watchId);
  }

  #end(watchId: WatchId): void {
    this.#watches.get(watchId)?.close();
    this.#watches.delete(watchId);
  }
}

class Watch {
  readonly #watchers: FSWatcher[] = [];
  #poll: NodeJS.Timeout | undefined;
  #isLooking = false;
  #mustLookAgain = false;
  #isClosed = false;

  /** `onChanged` is called once, never before the constructor has returned. */
  constructor(
    private readonly gaps: readonly Gap[],
    private readonly present: Present | undefined,
    private readonly onChanged: () => void,
  ) {
    const appearing = new Map<string, Set<string>>();
    for (const { directory, name } of gaps) {
      const names = appearing.get(directory) ?? new Set();
      appearing.set(directory, names.add(name));
    }
    for (const [directory, names] of appearing) {
      this.#watch(directory, (type, name) => {
        // What appeared and went again before we looked has been there all the same.
        if (type === 'rename' && name !== null && names.has(name)) this.#changed();
        else if (name === null || name === basename(directory)) this.#look();
      });
    }
    if (present) {
      const name = basename(present.path);
      this.#watch(dirname(present.path), (_type, changed) => {
        if (changed === null || changed === name) this.#look();
      });
    }
    // Between the first look and the watch something may have happened.
    this.#look();
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#poll);
    for (const watcher of this.#watchers) watcher.close();
  }

  #watch(directory: string, onEvent: (type: string, name: string | null) => void): void {
    try {
      const watcher = watch(directory, { persistent: false }, onEvent);
      watcher.on('error', () => this.#pollInstead());
      this.#watchers.push(watcher);
    } catch {
      this.#pollInstead();
    }
  }

  #pollInstead(): void {
    if (this.#isClosed) return;
    this.#poll ??= setInterval(() => this.#look(), pollMs).unref();
  }

  #look(): void {
    if (this.#isLooking) {
      this.#mustLookAgain = true;
      return;
    }
    this.#isLooking = true;
    void this.#hasChanged().then((hasChanged) => {
      this.#isLooking = false;
      if (this.#isClosed) return;
      if (hasChanged) this.#changed();
      else if (this.#mustLookAgain) {
        this.#mustLookAgain = false;
        this.#look();
      }
    });
  }

  /** Never rejects. */
  async #hasChanged(): Promise<boolean> {
    for (const { directory, name } of this.gaps) {
      if (this.#isClosed) return false;
      const own = await tryStats(lstat(join(directory, name)));
      if (own || !(await tryStats(stat(directory)))) return true;
    }
    if (!this.present) return false;
    return (await tryPresent(this.present.path))?.signature !== this.present.signature;
  }

  #changed(): void {
    if (this.#isClosed) return;
    this.close();
    this.onChanged();
  }
}

/** Undefined when `path` exists, a dangling link too, or when what it would lie in is no directory. */
async function tryGap(path: string): Promise<Gap | undefined> {
  for (let at = path; ; at = dirname(at)) {
    try {
      await lstat(at);
      return undefined;
    } catch (error) {
      if (!isOsError(error) || error.code !== 'ENOENT') return undefined;
    }
    const directory = dirname(at);
    const stats = await tryStats(stat(directory));
    if (stats) return stats.isDirectory() ? { directory, name: basename(at) } : undefined;
  }
}

async function tryPresent(path: string): Promise<Present | undefined> {
  const stats = await tryStats(stat(path));
  if (!stats) return undefined;
  // A directory's times move with its entries, which are not what was asked about.
  const parts = stats.isDirectory()
    ? [stats.dev, stats.ino]
    : [stats.dev, stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs];
  return { path, signature: parts.join(':') };
}

async function tryStats(looking: Promise<Stats>): Promise<Stats | undefined> {
  return looking.catch(() => undefined);
}
