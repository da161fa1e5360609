// fs/*: correct data or an error, never a hang, never half a file (docs/protocol.md §8; promise 20).
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { asArray, asObject, asString, base64, fromBase64, type JsonObject } from '../helpers/json.ts';
import { useServer } from '../helpers/server.ts';
import { timed, until } from '../helpers/until.ts';
import type { WireClient } from '../helpers/wire-client.ts';

const MiB = 1024 * 1024;

const server = useServer();

let folder: string;
let client: WireClient;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'files-')));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  client = await server.current.connect();
});

async function codeOf(method: string, params: JsonObject): Promise<number | undefined> {
  return (await client.request(method, params)).error?.code;
}

describe('what is no regular file', () => {
  it('is refused within 100 ms by readFile, writeFile and open, and nothing waits behind it', async () => {
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    const socketPath = join(folder, 'socket');
    const listener = createServer().listen(socketPath);
    await until('the socket', () => existsSync(socketPath));
    const special = [join(folder, 'fifo'), '/dev/zero', '/dev/null', '/dev/random', '/dev/tty', socketPath];
    const { tookMs } = await timed(async () => {
      for (const path of special) {
        expect(await codeOf('fs/readFile', { path }), path).toBe(-32600);
        expect(await codeOf('fs/writeFile', { path, dataBase64: 'eA==' }), path).toBe(-32600);
        expect(await codeOf('fs/open', { handleId: 'h', path }), path).toBe(-32600);
        expect(await codeOf('fs/open', { handleId: 'h', path, mode: 'replace' }), path).toBe(-32600);
      }
    });
    listener.close();
    // 24 requests, each of which may take 100 ms.
    expect(tookMs).toBeLessThan(2_400);
    expect(lstatSync(join(folder, 'fifo')).isFIFO()).toBe(true);
  });

  it('hungers nobody: 32 reads of a FIFO leave other file calls their time', async () => {
    execFileSync('mkfifo', [join(folder, 'hungry')]);
    await writeFile(join(folder, 'food'), 'food');
    const other = await server.current.connect();
    const reads = Array.from({ length: 32 }, () => codeOf('fs/readFile', { path: join(folder, 'hungry') }));
    const { value, tookMs } = await timed(() => other.call('fs/readFile', { path: join(folder, 'food') }));
    expect(fromBase64(value['dataBase64']).toString()).toBe('food');
    expect(tookMs).toBeLessThan(1_000);
    expect(new Set(await Promise.all(reads))).toEqual(new Set([-32600]));
  });

  it('a directory is an error of readFile and writeFile', async () => {
    expect([-32600, -32603]).toContain(await codeOf('fs/readFile', { path: folder }));
    expect(await codeOf('fs/writeFile', { path: folder, dataBase64: '' })).toBe(-32603);
    expect(await codeOf('fs/open', { handleId: 'd', path: folder })).toBe(-32600);
  });

  it('files of /proc, which say that they are empty, are read to their end', async () => {
    const status = await client.call('fs/readFile', { path: '/proc/self/status' });
    expect(fromBase64(status['dataBase64']).toString()).toMatch(/^Name:.*VmRSS:/s);
    const cpu = await client.call('fs/readFile', { path: '/proc/cpuinfo' });
    expect(fromBase64(cpu['dataBase64']).length).toBeGreaterThan(100);
  });

  it('files of /proc that never end, or are as large as the address space, are an error in a moment', async () => {
    for (const path of ['/proc/kmsg', '/proc/kcore', '/proc/self/mem']) {
      const { value, tookMs } = await timed(() => client.request('fs/readFile', { path }));
      expect(value.error, path).toBeDefined();
      expect(tookMs, path).toBeLessThan(2_000);
    }
  });
});

describe('paths', () => {
  it('with a NUL byte are an error, everywhere', async () => {
    const path = `${folder}/a\0b`;
    const calls: [string, JsonObject][] = [
      ['fs/readFile', { path }],
      ['fs/writeFile', { path, dataBase64: '' }],
      ['fs/createDirectory', { path }],
      ['fs/getMetadata', { path }],
      ['fs/readDirectory', { path }],
      ['fs/remove', { path }],
      ['fs/canonicalize', { path }],
      ['fs/copy', { sourcePath: path, destinationPath: folder, recursive: true }],
      ['fs/readFile', { path: `file://${folder}/a%00b` }],
    ];
    for (const [method, params] of calls) expect([-32600, -32602], method).toContain(await codeOf(method, params));
  });

  it('are plain or file URIs, and the answer has the form of the request', async () => {
    const odd = join(folder, 'ü # % space');
    await mkdir(odd);
    await symlink(odd, join(folder, 'to-odd'));
    const link = join(folder, 'to-odd');
    expect(await client.call('fs/canonicalize', { path: link })).toEqual({ path: odd });
    const asUri = await client.call('fs/canonicalize', { path: pathToFileURL(link).href });
    expect(new URL(asString(asUri['path'])).href).toBe(pathToFileURL(odd).href);
    for (const path of [`file:${odd.replaceAll('%', '%25').replaceAll('#', '%23')}`, pathToFileURL(odd).href]) {
      expect(await client.call('fs/getMetadata', { path })).toMatchObject({ isDirectory: true });
    }
  });

  it('that are relative, of another scheme or of another host are refused', async () => {
    for (const path of ['relative', '', '~/x', 'http://example.test/x', 'ftp:/x']) {
      expect(await codeOf('fs/readFile', { path }), path).toBe(-32602);
    }
    expect([-32600, -32602]).toContain(await codeOf('fs/readFile', { path: 'file://example.test/etc/passwd' }));
  });

  it('resolve dots in the text, before links are followed', async () => {
    await mkdir(join(folder, 'deep/er'), { recursive: true });
    await writeFile(join(folder, 'beside'), 'beside');
    await symlink(join(folder, 'deep/er'), join(folder, 'jump'));
    for (const path of [`${folder}/jump/../beside`, `${folder}/missing/.././beside`, `${folder}//beside`]) {
      expect(fromBase64((await client.call('fs/readFile', { path }))['dataBase64']).toString()).toBe('beside');
    }
  });
});

describe('fs/writeFile', () => {
  it('is atomic: a reader sees one whole version or the other, never less', async () => {
    const path = join(folder, 'versions');
    const versions = ['a', 'b'].map((letter) => letter.repeat(2 * MiB));
    await client.call('fs/writeFile', { path, dataBase64: base64(versions[0] ?? '') });
    const seen = new Set<string>();
    let looks = 0;
    let isWriting = true;
    const look = async (): Promise<void> => {
      while (isWriting) {
        const text = readFileSync(path, 'latin1');
        looks++;
        seen.add(text.length === 2 * MiB && text === (text[0] ?? '').repeat(2 * MiB) ? 'whole' : 'torn');
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const looking = look();
    for (let round = 0; round < 40; round++) {
      await client.call('fs/writeFile', { path, dataBase64: base64(versions[round % 2] ?? '') });
    }
    isWriting = false;
    await looking;
    expect(looks).toBeGreaterThan(20);
    expect([...seen]).toEqual(['whole']);
  });

  it('by many writers at once leaves one whole version and nothing beside it', async () => {
    const own = join(folder, 'writers');
    await mkdir(own);
    const writers = await Promise.all(Array.from({ length: 6 }, () => server.current.connect()));
    await Promise.all(
      writers.flatMap((writer, index) =>
        Array.from({ length: 5 }, () =>
          writer.call('fs/writeFile', {
            path: join(own, 'f'),
            dataBase64: base64(String(index).repeat(300_000)),
          }),
        ),
      ),
    );
    const text = readFileSync(join(own, 'f'), 'latin1');
    expect(text).toBe((text[0] ?? '').repeat(300_000));
    expect(readdirSync(own)).toEqual(['f']);
  });

  it('keeps the mode of what it replaces, and makes new files 0666 minus the umask', async () => {
    const path = join(folder, 'mode');
    await writeFile(path, 'old');
    await chmod(path, 0o751);
    await client.call('fs/writeFile', { path, dataBase64: base64('new') });
    expect(statSync(path).mode & 0o7777).toBe(0o751);
    expect(readFileSync(path, 'utf8')).toBe('new');
    await client.call('fs/writeFile', { path: join(folder, 'fresh'), dataBase64: '' });
    // The server has the umask of this process, which makes files the same way.
    await writeFile(join(folder, 'reference'), '');
    expect(statSync(join(folder, 'fresh')).mode).toBe(statSync(join(folder, 'reference')).mode);
  });

  it('follows links: the link stays a link, its target has the content, also when it was dangling', async () => {
    await writeFile(join(folder, 'target'), 'old');
    await symlink('target', join(folder, 'link'));
    await symlink('link', join(folder, 'link-to-link'));
    await symlink('made-by-write', join(folder, 'dangling'));
    await client.call('fs/writeFile', { path: join(folder, 'link-to-link'), dataBase64: base64('new') });
    expect(readlinkSync(join(folder, 'link'))).toBe('target');
    expect(readlinkSync(join(folder, 'link-to-link'))).toBe('link');
    expect(readFileSync(join(folder, 'target'), 'utf8')).toBe('new');
    await client.call('fs/writeFile', { path: join(folder, 'dangling'), dataBase64: base64('made') });
    expect(readlinkSync(join(folder, 'dangling'))).toBe('made-by-write');
    expect(readFileSync(join(folder, 'made-by-write'), 'utf8')).toBe('made');
  });

  it('of 16 MiB works in one message', async () => {
    const bytes = Buffer.alloc(16 * MiB, 'large ');
    await client.call('fs/writeFile', { path: join(folder, 'large'), dataBase64: base64(bytes) }, 30_000);
    expect(readFileSync(join(folder, 'large')).equals(bytes)).toBe(true);
  });

  it('that fails leaves the old version and nothing beside it', async () => {
    const own = join(folder, 'failing');
    await mkdir(own);
    await writeFile(join(own, 'f'), 'old');
    expect(await codeOf('fs/writeFile', { path: join(own, 'f'), dataBase64: '!!' })).toBe(-32600);
    expect(await codeOf('fs/writeFile', { path: join(own, 'f/below'), dataBase64: '' })).toBe(-32603);
    expect(await codeOf('fs/writeFile', { path: join(own, 'no/f'), dataBase64: '' })).toBe(-32004);
    expect(readFileSync(join(own, 'f'), 'utf8')).toBe('old');
    expect(readdirSync(own)).toEqual(['f']);
  });
});

describe('large files', () => {
  it('above the limit of readFile are -32600, and the text names fs/open', async () => {
    writeFileSync(join(folder, 'sparse'), '');
    truncateSync(join(folder, 'sparse'), 600 * MiB);
    const { value, tookMs } = await timed(() => client.request('fs/readFile', { path: join(folder, 'sparse') }));
    expect(value.error).toMatchObject({ code: -32600, message: expect.stringContaining('fs/open') as string });
    expect(tookMs).toBeLessThan(1_000);
  });

  it('are read by blocks, and eof comes with the block that is short', async () => {
    const bytes = Buffer.from(Array.from({ length: 2_500_000 }, (_value, index) => index % 251));
    await writeFile(join(folder, 'blocks'), bytes);
    expect(await client.call('fs/open', { handleId: 'h', path: join(folder, 'blocks') })).toEqual({ handleId: 'h' });
    const parts: Buffer[] = [];
    for (let offset = 0, isEnd = false; !isEnd; offset += MiB) {
      const block = await client.call('fs/readBlock', { handleId: 'h', offset, len: MiB });
      parts.push(fromBase64(block['chunk']));
      isEnd = block['eof'] === true;
    }
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    const exact = await client.call('fs/readBlock', { handleId: 'h', offset: 2_000_000, len: 500_000 });
    expect(exact['eof']).toBe(false);
    const beyond = await client.call('fs/readBlock', { handleId: 'h', offset: 2_500_000, len: 1 });
    expect(beyond).toEqual({ chunk: '', eof: true });
    expect(await client.call('fs/close', { handleId: 'h' })).toEqual({});
    expect(await codeOf('fs/readBlock', { handleId: 'h', offset: 0, len: 1 })).toBe(-32004);
  });

  it('are written by blocks, at any offset', async () => {
    const path = join(folder, 'written');
    await writeFile(path, 'was here before');
    await client.call('fs/open', { handleId: 'w', path, mode: 'replace' });
    await client.call('fs/writeBlock', { handleId: 'w', offset: 5, chunk: base64('tail') });
    await client.call('fs/writeBlock', { handleId: 'w', offset: 0, chunk: base64('ab') });
    await client.call('fs/close', { handleId: 'w' });
    expect(readFileSync(path).equals(Buffer.from('ab\0\0\0tail'))).toBe(true);
  });
});

describe('file handles', () => {
  it('have limits: 128 at a time, 32 bytes of id, blocks of 1 byte to 1 MiB', async () => {
    const path = '/etc/passwd';
    for (let index = 0; index < 128; index++) await client.call('fs/open', { handleId: `h${String(index)}`, path });
    expect(await codeOf('fs/open', { handleId: 'one-more', path })).toBe(-32600);
    expect(await codeOf('fs/open', { handleId: 'h1', path })).toBe(-32600);
    await client.call('fs/close', { handleId: 'h1' });
    expect(await codeOf('fs/open', { handleId: 'ü'.repeat(17), path })).toBeLessThan(-32599);
    await client.call('fs/open', { handleId: 'ü'.repeat(16), path });
    for (const len of [0, MiB + 1]) {
      expect(await codeOf('fs/readBlock', { handleId: 'h2', offset: 0, len })).toBe(-32600);
    }
    expect(await codeOf('fs/writeBlock', { handleId: 'h2', offset: 0, chunk: 'eA==' })).toBe(-32603);
    expect(await client.call('fs/close', { handleId: 'never opened' })).toEqual({});
  });

  it('of an opened file that was replaced meanwhile still read the old one', async () => {
    const path = join(folder, 'replaced');
    await writeFile(path, 'first');
    await client.call('fs/open', { handleId: 'r', path });
    await client.call('fs/writeFile', { path, dataBase64: base64('second') });
    const block = await client.call('fs/readBlock', { handleId: 'r', offset: 0, len: 100 });
    expect(fromBase64(block['chunk']).toString()).toBe('first');
  });
});

describe('metadata and listings', () => {
  it('getMetadata tells the size', async () => {
    await writeFile(join(folder, 'sized'), 'twelve bytes');
    expect(await client.call('fs/getMetadata', { path: join(folder, 'sized') })).toMatchObject({
      size: 12,
      isFile: true,
    });
  });

  it('10,000 entries are listed, and others do not wait for it', async () => {
    const many = join(folder, 'many');
    await mkdir(many);
    execFileSync('sh', ['-c', 'seq 10000 | xargs touch'], { cwd: many });
    const other = await server.current.connect();
    const listing = client.call('fs/readDirectory', { path: many }, 20_000);
    const times: number[] = [];
    for (let index = 0; index < 50; index++) {
      times.push((await timed(() => other.call('process/terminate', { processId: 'none' }))).tookMs);
    }
    expect(asArray((await listing)['entries'])).toHaveLength(10_000);
    expect(Math.max(...times), 'slowest round trip beside the listing, ms').toBeLessThan(500);
  });

  it('fs/walk lists breadth first within its limits and says when it stopped', async () => {
    const tree = join(folder, 'tree');
    await mkdir(join(tree, 'a/b/c'), { recursive: true });
    await mkdir(join(tree, '.hidden/x'), { recursive: true });
    await writeFile(join(tree, 'a/f'), '');
    await symlink(join(tree, 'a'), join(tree, 'link'));
    const options = { maxDepth: 6, maxDirectories: 100, maxEntries: 100, followDirectorySymlinks: false };
    const walk = async (more: JsonObject): Promise<{ paths: string[]; truncated: boolean }> => {
      const result = await client.call('fs/walk', { path: tree, options: { ...options, ...more } });
      const paths = asArray(result['entries']).map((entry) => asString(asObject(entry)['path']).slice(tree.length + 1));
      return { paths, truncated: result['truncated'] === true };
    };
    const whole = await walk({});
    expect(new Set(whole.paths)).toEqual(new Set([...whole.paths, '.hidden', '.hidden/x', 'a', 'a/b', 'a/b/c', 'a/f']));
    expect(whole.paths.indexOf('a/b/c')).toBeGreaterThan(whole.paths.indexOf('.hidden/x'));
    expect(whole.truncated).toBe(false);
    expect((await walk({ pruneHiddenDirectories: true })).paths).not.toContain('.hidden/x');
    expect((await walk({ maxEntries: 2 })).truncated).toBe(true);
    expect((await walk({ maxEntries: 2 })).paths).toHaveLength(2);
    // As 0.169 does: a link to a directory is listed, but each directory is entered once, by the name that came first.
    const followed = (await walk({ followDirectorySymlinks: true })).paths;
    expect(followed).toEqual(expect.arrayContaining(['link', 'a/f']));
    expect(followed).not.toContain('link/f');
  });

  it('a walk along links that lead up ends', async () => {
    const tree = join(folder, 'ring');
    await mkdir(join(tree, 'a'), { recursive: true });
    await symlink(tree, join(tree, 'a/up'));
    const options = { maxDepth: 1_000, maxDirectories: 1_000, maxEntries: 1_000, followDirectorySymlinks: true };
    const { tookMs } = await timed(() => client.call('fs/walk', { path: tree, options }));
    expect(tookMs).toBeLessThan(3_000);
  });

  it('fs/watchMissing tells when a missing file appears', async () => {
    const missing = [join(folder, 'appears')];
    expect(await client.call('fs/watchMissing', { watchId: 'w1', missing, present: null })).toEqual({ watching: true });
    writeFileSync(missing[0] ?? '', 'now');
    const changed = await client.waitFor('the news', (message) => message['method'] === 'fs/missingChanged');
    expect(changed['params']).toMatchObject({ watchId: 'w1' });
  });
});

describe('fs/copy', () => {
  it('of a file onto itself is -32600 and leaves it as it is, also by another name', async () => {
    await writeFile(join(folder, 'self'), 'content');
    await symlink('self', join(folder, 'self-link'));
    execFileSync('ln', [join(folder, 'self'), join(folder, 'self-hard')]);
    for (const destinationPath of ['self', './self', 'self-link', 'self-hard'].map((name) => `${folder}/${name}`)) {
      const code = await codeOf('fs/copy', { sourcePath: join(folder, 'self'), destinationPath, recursive: false });
      expect(code, destinationPath).toBe(-32600);
      expect(readFileSync(join(folder, 'self'), 'utf8')).toBe('content');
    }
  });

  it('keeps the mode, refuses special files, and leaves them out of trees', async () => {
    const tree = join(folder, 'with-fifo');
    await mkdir(tree);
    execFileSync('mkfifo', [join(tree, 'fifo')]);
    await writeFile(join(tree, 'x'), 'x');
    await chmod(join(tree, 'x'), 0o705);
    await client.call('fs/copy', { sourcePath: tree, destinationPath: `${tree}-copy`, recursive: true });
    expect(readdirSync(`${tree}-copy`)).toEqual(['x']);
    expect(statSync(join(`${tree}-copy`, 'x')).mode & 0o777).toBe(0o705);
    const params = { sourcePath: join(tree, 'fifo'), destinationPath: join(folder, 'no'), recursive: true };
    expect(await codeOf('fs/copy', params)).toBe(-32600);
  });

  it('of a directory into itself is refused, also by way of a link', async () => {
    const tree = join(folder, 'into-itself');
    await mkdir(join(tree, 'inner'), { recursive: true });
    await symlink(tree, `${tree}-link`);
    for (const destinationPath of [tree, `${tree}/inner/copy`, `${tree}-link/inner/copy`]) {
      expect(await codeOf('fs/copy', { sourcePath: tree, destinationPath, recursive: true })).toBe(-32600);
    }
    expect(readdirSync(join(tree, 'inner'))).toEqual([]);
  });
});
