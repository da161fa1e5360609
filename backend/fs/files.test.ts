// The file functions on real files in a temporary directory.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rpcErrorOf } from '../exec/rpc-error.ts';
import { writeWholeFile } from './atomic-write.ts';
import { copyPath } from './copy.ts';
import { metadataOf } from './metadata.ts';
import { readDirectory } from './read-directory.ts';
import { readWholeFile } from './read-file.ts';
import { removePath } from './remove.ts';
import { walk, type WalkOptions } from './walk.ts';

const MiB = 1024 * 1024;

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'fs-')));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string) => join(folder, name);
const put = (name: string, text = 'x') => writeFileSync(at(name), text);
const text = (name: string) => readFileSync(at(name), 'utf8');

/** The code that a harness would see. */
async function codeOf(work: Promise<unknown>): Promise<number> {
  try {
    await work;
  } catch (error) {
    return rpcErrorOf(error).code;
  }
  throw new Error('it succeeded');
}

describe('what is no regular file', () => {
  it('is refused at once by reading, writing and copying', async () => {
    execFileSync('mkfifo', [at('fifo')]);
    const listener = createServer().listen(at('socket'));
    await new Promise((resolve) => listener.once('listening', resolve));
    const startMs = performance.now();
    for (const path of [at('fifo'), at('socket'), '/dev/zero', '/dev/null', '/dev/tty']) {
      expect(await codeOf(readWholeFile(path, MiB)), path).toBe(-32600);
      expect(await codeOf(writeWholeFile(path, Buffer.from('x'))), path).toBe(-32600);
      expect(await codeOf(copyPath(path, at('copy'), false)), path).toBe(-32600);
      put('file');
      expect(await codeOf(copyPath(at('file'), path, false)), path).toBe(-32600);
    }
    expect(performance.now() - startMs).toBeLessThan(500);
    listener.close();
  });

  it('a directory is -32600 to read and -32603 to write', async () => {
    expect(await codeOf(readWholeFile(folder, MiB))).toBe(-32600);
    expect(await codeOf(writeWholeFile(folder, Buffer.from('x')))).toBe(-32603);
  });
});

describe('readWholeFile', () => {
  it('reads files of /proc, which say that they are empty, to their end', async () => {
    expect(Buffer.from(await readWholeFile('/proc/self/status', MiB)).toString()).toMatch(/^Name:.*VmRSS:/s);
  });

  it('ends with an error on files of /proc without an end', async () => {
    expect(await codeOf(readWholeFile('/proc/self/mem', MiB))).toBe(-32603);
    expect(await codeOf(readWholeFile('/proc/self/pagemap', MiB))).toBe(-32600);
  });

  it('reads up to the limit, and above it names the limit and the way out', async () => {
    put('f', 'y'.repeat(1000));
    expect(await readWholeFile(at('f'), 1000)).toHaveLength(1000);
    await expect(readWholeFile(at('f'), 999)).rejects.toThrow(
      'file is too large to read: limit is 999 bytes; use fs/open and fs/readBlock',
    );
    put('empty', '');
    expect(await readWholeFile(at('empty'), 1000)).toHaveLength(0);
  });
});

describe('writeWholeFile', () => {
  it('makes new files with mode 0666 minus the umask and leaves nothing beside them', async () => {
    await writeWholeFile(at('new'), Buffer.from('new'));
    expect(text('new')).toBe('new');
    expect(readdirSync(folder)).toEqual(['new']);
    put('plain');
    expect(statSync(at('new')).mode).toBe(statSync(at('plain')).mode);
  });

  it('keeps mode and owner of what it replaces', async () => {
    put('f', 'old');
    chmodSync(at('f'), 0o4751);
    if (process.getuid?.() === 0) execFileSync('chown', ['12:34', at('f')]);
    chmodSync(at('f'), 0o4751);
    const before = statSync(at('f'));
    await writeWholeFile(at('f'), Buffer.from('new'));
    const after = statSync(at('f'));
    expect([after.mode, after.uid, after.gid]).toEqual([before.mode, before.uid, before.gid]);
    expect(after.ino).not.toBe(before.ino);
    expect(text('f')).toBe('new');
  });

  it('follows links, also one to a target that does not exist, and leaves them links', async () => {
    mkdirSync(at('deep/er'), { recursive: true });
    symlinkSync('deep/er', at('jump'));
    symlinkSync('../made', at('deep/er/dangling'));
    await writeWholeFile(at('jump/dangling'), Buffer.from('made'));
    expect(text('deep/made')).toBe('made');
    expect(readlinkSync(at('deep/er/dangling'))).toBe('../made');
    symlinkSync('loop', at('loop'));
    expect(await codeOf(writeWholeFile(at('loop'), Buffer.from('x')))).toBe(-32603);
  });

  it('writes through all names of a file with hard links', async () => {
    put('one', 'a long old text');
    linkSync(at('one'), at('other'));
    await writeWholeFile(at('one'), Buffer.from('new'));
    expect(text('other')).toBe('new');
  });

  it('that fails leaves the old version and nothing beside it', async () => {
    put('f', 'old');
    expect(await codeOf(writeWholeFile(at('f/below'), Buffer.from('x')))).toBe(-32603);
    expect(await codeOf(writeWholeFile(at('no/f'), Buffer.from('x')))).toBe(-32004);
    expect(text('f')).toBe('old');
    expect(readdirSync(folder)).toEqual(['f']);
  });
});

describe('metadataOf', () => {
  it('tells kind, size and whole ms of the target, and whether the path is a link', async () => {
    put('f', 'twelve bytes');
    utimesSync(at('f'), 1000.5, 1000.5);
    symlinkSync('f', at('link'));
    symlinkSync('nowhere', at('dangling'));
    expect(await metadataOf(at('link'))).toMatchObject({
      isFile: true,
      isDirectory: false,
      isSymlink: true,
      size: 12,
      modifiedAtMs: 1_000_500,
    });
    expect(await metadataOf('/dev/null')).toMatchObject({ isFile: false, isDirectory: false });
    expect(await codeOf(metadataOf(at('dangling')))).toBe(-32004);
    expect(await codeOf(metadataOf(at('f/x')))).toBe(-32603);
  });
});

describe('readDirectory', () => {
  it('gives kinds after links and leaves out links to nowhere', async () => {
    mkdirSync(at('d'));
    put('f');
    symlinkSync('d', at('to-d'));
    symlinkSync('nowhere', at('dangling'));
    const entries = await readDirectory(folder, MiB);
    expect(entries.sort((one, other) => (one.fileName < other.fileName ? -1 : 1))).toEqual([
      { fileName: 'd', isDirectory: true, isFile: false },
      { fileName: 'f', isDirectory: false, isFile: true },
      { fileName: 'to-d', isDirectory: true, isFile: false },
    ]);
    expect(await codeOf(readDirectory(at('f'), MiB))).toBe(-32603);
    expect(await codeOf(readDirectory(folder, 100))).toBe(-32600);
  });

  it('gives the event loop back between batches', async () => {
    for (let index = 0; index < 2000; index++) put(`f${index}`, '');
    let turns = 0;
    const turn = (): void => {
      turns++;
      timer = setImmediate(turn);
    };
    let timer = setImmediate(turn);
    expect(await readDirectory(folder, 64 * MiB)).toHaveLength(2000);
    clearImmediate(timer);
    expect(turns).toBeGreaterThanOrEqual(3);
  });
});

describe('removePath', () => {
  const all = { recursive: true, force: true };

  it('takes trees, also with names that are no UTF-8, and of a link only the link', async () => {
    mkdirSync(at('d/e'), { recursive: true });
    writeFileSync(Buffer.concat([Buffer.from(at('d/e/')), Buffer.from([0xff, 0xfe])]), 'x');
    mkdirSync(at('target'));
    symlinkSync('target', at('link'));
    await removePath(at('link'), all);
    expect(existsSync(at('target'))).toBe(true);
    expect(await codeOf(removePath(at('d'), { recursive: false, force: true }))).toBe(-32603);
    await removePath(at('d'), all);
    expect(readdirSync(folder)).toEqual(['target']);
  });

  it('of what is missing is fine with force, which hides nothing else', async () => {
    await removePath(at('no/where'), all);
    expect(await codeOf(removePath(at('no'), { recursive: true, force: false }))).toBe(-32004);
    put('f');
    expect(await codeOf(removePath(at('f/x'), all))).toBe(-32603);
    expect(await codeOf(removePath('/', all))).toBe(-32600);
  });
});

describe('copyPath', () => {
  it('copies a file with its mode, over another one too', async () => {
    put('f', 'new');
    chmodSync(at('f'), 0o750);
    put('to', 'a long old text');
    await copyPath(at('f'), at('to'), false);
    await copyPath('/proc/self/status', at('status'), false);
    expect(text('to')).toBe('new');
    expect(statSync(at('to')).mode & 0o7777).toBe(0o750);
    expect(text('status')).toMatch(/VmRSS/);
  });

  it('copies what is larger than a block', async () => {
    const bytes = Buffer.from(Array.from({ length: 2 * MiB + 5 }, (_value, index) => index % 251));
    writeFileSync(at('f'), bytes);
    await copyPath(at('f'), at('to'), false);
    expect(readFileSync(at('to')).equals(bytes)).toBe(true);
  });

  it('of a file onto itself is -32600, by any of its names, and loses nothing', async () => {
    put('f', 'kept');
    linkSync(at('f'), at('hard'));
    symlinkSync('f', at('link'));
    for (const name of ['f', 'hard', 'link'])
      expect(await codeOf(copyPath(at('f'), at(name), false)), name).toBe(-32600);
    expect(await codeOf(copyPath(at('link'), at('link'), false))).toBe(-32600);
    expect(text('f')).toBe('kept');
  });

  it('copies links as links, and not over anything', async () => {
    symlinkSync('nowhere', at('dangling'));
    await copyPath(at('dangling'), at('again'), false);
    expect(readlinkSync(at('again'))).toBe('nowhere');
    expect(await codeOf(copyPath(at('dangling'), at('again'), false))).toBe(-32603);
  });

  it('merges trees, also with names that are no UTF-8, and skips special files', async () => {
    mkdirSync(at('d/private'), { recursive: true });
    chmodSync(at('d/private'), 0o700);
    put('d/f', 'new');
    const odd = Buffer.from([0xff, 0xfe]);
    writeFileSync(Buffer.concat([Buffer.from(at('d/private/')), odd]), 'odd');
    execFileSync('mkfifo', [at('d/fifo')]);
    symlinkSync('f', at('d/link'));
    mkdirSync(at('to'));
    put('to/f', 'old');
    put('to/other');
    await copyPath(at('d'), at('to'), true);
    expect(readdirSync(at('to')).sort()).toEqual(['f', 'link', 'other', 'private']);
    expect(text('to/f')).toBe('new');
    expect(lstatSync(at('to/link')).isSymbolicLink()).toBe(true);
    expect(statSync(at('to/private')).mode & 0o777).toBe(0o700);
    expect(readFileSync(Buffer.concat([Buffer.from(at('to/private/')), odd]), 'utf8')).toBe('odd');
  });

  it('of a directory needs recursive and another place', async () => {
    mkdirSync(at('d/e'), { recursive: true });
    symlinkSync('d', at('link'));
    expect(await codeOf(copyPath(at('d'), at('to'), false))).toBe(-32600);
    for (const name of ['d', 'd/e/inside', 'link/new/deep']) {
      expect(await codeOf(copyPath(at('d'), at(name), true)), name).toBe(-32600);
    }
    await copyPath(at('d'), at('new/parents'), true);
    expect(existsSync(at('new/parents/e'))).toBe(true);
    put('f');
    expect(await codeOf(copyPath(at('f'), at('d'), false))).toBe(-32603);
    expect(await codeOf(copyPath(at('f'), at('no/where'), false))).toBe(-32004);
    expect(await codeOf(copyPath(at('d'), at('f'), true))).toBe(-32603);
  });
});

describe('walk', () => {
  const options: WalkOptions = {
    maxDepth: 10,
    maxDirectories: 100,
    maxEntries: 100,
    followDirectorySymlinks: false,
    pruneHiddenDirectories: false,
    maxAnswerBytes: MiB,
  };
  const names = async (more: Partial<WalkOptions> = {}, root = folder) => {
    const { entries, truncated } = await walk(root, { ...options, ...more });
    return { names: entries.map(({ path }) => path.slice(root.length + 1)), truncated };
  };

  beforeEach(() => {
    mkdirSync(at('b/deep'), { recursive: true });
    mkdirSync(at('.hidden'));
    put('.hidden/x');
    put('b/deep/f');
    put('a');
    symlinkSync('a', at('link-to-file'));
    symlinkSync('b', at('c-link'));
    symlinkSync('..', at('b/up'));
    symlinkSync('nowhere', at('dangling'));
  });

  it('lists breadth first, sorted, without links', async () => {
    expect(await names()).toEqual({
      names: ['.hidden', 'a', 'b', '.hidden/x', 'b/deep', 'b/deep/f'],
      truncated: false,
    });
  });

  it('with links enters each directory once and ends in a ring', async () => {
    expect((await names({ followDirectorySymlinks: true })).names).toEqual([
      '.hidden',
      'a',
      'b',
      'c-link',
      '.hidden/x',
      'b/deep',
      'b/up',
      'b/deep/f',
    ]);
  });

  it('keeps its limits and says when they cut something off', async () => {
    expect(await names({ maxDepth: 0 })).toEqual({ names: ['.hidden', 'a', 'b'], truncated: false });
    expect(await names({ maxEntries: 2 })).toEqual({ names: ['.hidden', 'a'], truncated: true });
    expect(await names({ maxEntries: 6 })).toMatchObject({ truncated: false });
    expect(await names({ maxDirectories: 2 })).toEqual({ names: ['.hidden', 'a', 'b', '.hidden/x'], truncated: true });
    expect((await names({ pruneHiddenDirectories: true })).names).toEqual(['.hidden', 'a', 'b', 'b/deep', 'b/deep/f']);
    expect(await names({ maxAnswerBytes: 120 })).toMatchObject({ truncated: true });
    expect(await codeOf(walk(folder, { ...options, maxEntries: 0 }))).toBe(-32600);
  });

  it('of a file is empty, of a missing root -32004', async () => {
    expect(await names({}, at('a'))).toEqual({ names: [], truncated: false });
    expect(await codeOf(walk(at('nope'), options))).toBe(-32004);
  });
});

describe('sparse files', () => {
  it('above the limit are refused before anything is read', async () => {
    put('sparse', '');
    truncateSync(at('sparse'), 600 * MiB);
    const startMs = performance.now();
    expect(await codeOf(readWholeFile(at('sparse'), 512 * MiB))).toBe(-32600);
    expect(performance.now() - startMs).toBeLessThan(100);
  });
});
