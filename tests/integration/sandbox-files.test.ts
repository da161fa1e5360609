// fs/* under a sandbox: what the policy does not allow fails, whatever way it is tried (docs/protocol.md, "Sandbox").
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fromBase64, type JsonObject } from '../helpers/json.ts';
import { startServer, useServer } from '../helpers/server.ts';
import type { WireClient } from '../helpers/wire-client.ts';

const server = useServer();
const top = mkdtempSync(join(tmpdir(), 'sandbox-files-'));
const work = join(top, 'work');
const outside = join(top, 'outside');
const secret = join(outside, 'secret');
afterAll(() => rmSync(top, { recursive: true, force: true }));

const entry = (path: string, access: string): JsonObject => ({ path: { type: 'path', path }, access });
const root = (access: string): JsonObject => ({ path: { type: 'special', value: { kind: 'root' } }, access });
function sandbox(...entries: JsonObject[]): JsonObject {
  return {
    permissions: { type: 'managed', file_system: { type: 'restricted', entries }, network: 'restricted' },
    windowsSandboxLevel: 'disabled',
  };
}
const readOnly = sandbox(root('read'));
const workspace = sandbox(root('read'), entry(work, 'write'), entry(join(work, 'guarded'), 'read'));

let client: WireClient;
beforeAll(async () => {
  mkdirSync(join(work, 'guarded'), { recursive: true });
  mkdirSync(outside);
  writeFileSync(secret, 'secret');
  writeFileSync(join(work, 'guarded', 'hook'), 'guarded');
});
beforeEach(async () => {
  client = await server.current.connect();
});

const base64 = (text: string) => Buffer.from(text).toString('base64');
const write = (path: string, policy: JsonObject) =>
  client.request('fs/writeFile', { path, dataBase64: base64('new'), sandbox: policy });

describe('a read-only sandbox', () => {
  it('reads, in the words of the plain methods, and changes nothing', async () => {
    const read = await client.call('fs/readFile', { path: secret, sandbox: readOnly });
    expect(fromBase64(read['dataBase64']).toString()).toBe('secret');
    const missing = await client.request('fs/readFile', { path: join(top, 'none'), sandbox: readOnly });
    expect(missing.error).toMatchObject({ code: -32004, message: 'No such file or directory (os error 2)' });
    const attempts: [string, JsonObject][] = [
      ['fs/writeFile', { path: join(outside, 'made'), dataBase64: '' }],
      ['fs/writeFile', { path: secret, dataBase64: '' }],
      ['fs/createDirectory', { path: join(outside, 'made') }],
      ['fs/remove', { path: secret }],
      ['fs/copy', { sourcePath: secret, destinationPath: join(outside, 'made'), recursive: false }],
      ['fs/open', { handleId: 'h', path: secret, mode: 'replace' }],
    ];
    for (const [method, params] of attempts) {
      const { error } = await client.request(method, { ...params, sandbox: readOnly });
      expect(error, method).toMatchObject({ message: expect.stringContaining('Read-only file system') });
    }
    expect(existsSync(join(outside, 'made'))).toBe(false);
    expect(readFileSync(secret, 'utf8')).toBe('secret');
  });
});

describe('a workspace sandbox', () => {
  it('writes in the workspace only, and not where an entry takes that back', async () => {
    expect(await write(join(work, 'mine'), workspace)).toMatchObject({ result: {} });
    expect(readFileSync(join(work, 'mine'), 'utf8')).toBe('new');
    for (const path of [secret, join(outside, 'made'), join(work, 'guarded', 'hook'), join(work, 'guarded', 'made')]) {
      expect((await write(path, workspace)).error, path).toBeDefined();
    }
    expect(readFileSync(join(work, 'guarded', 'hook'), 'utf8')).toBe('guarded');
    expect(
      (await client.request('fs/remove', { path: join(work, 'guarded'), sandbox: workspace })).error,
    ).toBeDefined();
  });

  it('takes large files and blocks whole', async () => {
    const bytes = randomBytes(1024 * 1024);
    const [path, dataBase64] = [join(work, 'large'), bytes.toString('base64')];
    await client.call('fs/writeFile', { path, dataBase64, sandbox: workspace });
    expect(readFileSync(path).equals(bytes)).toBe(true);
    await client.call('fs/open', { handleId: 'large', path: `${path}2`, mode: 'replace', sandbox: workspace });
    await client.call('fs/writeBlock', { handleId: 'large', offset: 0, chunk: dataBase64 });
    await client.call('fs/close', { handleId: 'large' });
    expect(readFileSync(`${path}2`).equals(bytes)).toBe(true);
  });

  it('lets no link, hard link, .. or /proc lead out of it', async () => {
    symlinkSync(outside, join(work, 'out'));
    symlinkSync(secret, join(work, 'file-out'));
    linkSync(secret, join(outside, 'hard'));
    const ways = [
      join(work, 'out', 'secret'),
      join(work, 'out', 'made'),
      join(work, 'file-out'),
      `${work}/../outside/secret`,
      `/proc/self/root${secret}`,
      `/proc/1/root${secret}`,
      `/proc/self/cwd${secret}`,
    ];
    for (const path of ways) expect((await write(path, workspace)).error, path).toBeDefined();
    const link = await client.request('fs/copy', {
      sourcePath: secret,
      destinationPath: join(work, 'copy'),
      recursive: false,
      sandbox: workspace,
    });
    expect(link.error).toBeUndefined();
    expect(readFileSync(secret, 'utf8')).toBe('secret');
  });

  it('keeps what was opened confined to its policy; the plain handles of the connection are others', async () => {
    await client.call('fs/open', { handleId: 'in', path: join(work, 'streamed'), mode: 'replace', sandbox: workspace });
    await client.call('fs/writeBlock', { handleId: 'in', offset: 0, chunk: base64('block') });
    await client.call('fs/close', { handleId: 'in' });
    expect(readFileSync(join(work, 'streamed'), 'utf8')).toBe('block');
    await client.call('fs/open', { handleId: 'in', path: secret, sandbox: workspace });
    const twice = await client.request('fs/open', { handleId: 'in', path: secret });
    expect(twice.error).toMatchObject({ code: -32600, message: expect.stringContaining('already exists') });
    expect(await client.call('fs/readBlock', { handleId: 'in', offset: 0, len: 100 })).toMatchObject({
      chunk: base64('secret'),
      eof: true,
    });
    const other = await server.current.connect();
    expect((await other.request('fs/readBlock', { handleId: 'in', offset: 0, len: 1 })).error).toMatchObject({
      code: -32004,
    });
  });
});

describe('other policies', () => {
  it('hide what may not be seen', async () => {
    const hidden = sandbox(root('read'), entry(outside, 'none'));
    expect((await client.request('fs/readFile', { path: secret, sandbox: hidden })).error).toMatchObject({
      message: expect.stringContaining('Permission denied'),
    });
    const narrow = sandbox(entry(work, 'write'));
    expect((await client.request('fs/readFile', { path: secret, sandbox: narrow })).error).toMatchObject({
      code: -32004,
    });
    expect(await client.call('fs/readFile', { path: join(work, 'guarded', 'hook'), sandbox: narrow })).toBeDefined();
  });

  it('that guard what is missing keep it from coming into being, and leave nothing behind', async () => {
    const guarding = sandbox(root('read'), entry(work, 'write'), entry(join(work, '.git'), 'read'));
    expect((await write(join(work, '.git', 'config'), guarding)).error).toBeDefined();
    expect((await write(join(work, 'fine'), guarding)).error).toBeUndefined();
    await client.carrier.close();
    await expect.poll(() => existsSync(join(work, '.git')), { timeout: 5000 }).toBe(false);
  });

  it('that go through a link which can be moved are refused', async () => {
    symlinkSync(join(work, 'guarded'), join(work, 'movable'));
    const movable = sandbox(root('read'), entry(work, 'write'), entry(join(work, 'movable'), 'read'));
    expect((await write(join(work, 'any'), movable)).error).toMatchObject({
      code: -32600,
      message: expect.stringContaining('is a link in a folder that may be written'),
    });
    expect(lstatSync(join(work, 'movable')).isSymbolicLink()).toBe(true);
  });

  it('that are not understood are refused', async () => {
    const strange: JsonObject[] = [
      { permissions: { type: 'something new' } },
      { permissions: { type: 'managed', file_system: { type: 'restricted', entries: [] } } },
      sandbox(entry(work, 'append')),
      sandbox({ path: { type: 'glob_pattern', pattern: '**/*.env' }, access: 'none' }),
      sandbox({ path: { type: 'special', value: { kind: 'somewhere' } }, access: 'read' }),
    ];
    for (const policy of strange) {
      expect((await write(join(work, 'any'), policy)).error, JSON.stringify(policy)).toMatchObject({
        code: -32600,
        message: expect.stringContaining('sandbox'),
      });
    }
  });
});

it('is done by so many confined servers and no more: the one that nobody needs makes room', async () => {
  const own = await startServer({ args: ['--max-total-sandboxes', '2'] });
  const [first, second, third] = await Promise.all([own.connect(), own.connect(), own.connect()]);
  const policyOf = (name: string) => sandbox(root('read'), entry(join(work, name), 'write'));
  const open = (by: WireClient, policy: JsonObject) =>
    by.request('fs/open', { handleId: 'h', path: secret, sandbox: policy });
  const [one, two, three] = ['one', 'two', 'three'].map((name) => {
    mkdirSync(join(work, name));
    return policyOf(name);
  });
  expect((await first.request('fs/readFile', { path: secret, sandbox: one! })).error).toBeUndefined();
  expect((await open(second, two!)).error).toBeUndefined();
  // That of the first is idle, and makes room.
  expect((await open(third, three!)).error).toBeUndefined();
  expect((await first.request('fs/readFile', { path: secret, sandbox: one! })).error).toMatchObject({
    code: -32001,
    message: expect.stringContaining('--max-total-sandboxes'),
  });
  expect((await second.request('fs/readBlock', { handleId: 'h', offset: 0, len: 6 })).error).toBeUndefined();
  await third.request('fs/close', { handleId: 'h' });
  expect((await first.request('fs/readFile', { path: secret, sandbox: one! })).error).toBeUndefined();
});
