// A request that asks to be confined is never run unconfined (docs/protocol.md §8; DESIGN: sandbox).
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../helpers/json.ts';
import { useServer } from '../helpers/server.ts';

const server = useServer();

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sandbox-'));
  await writeFile(join(folder, 'f'), 'x');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const confining: JsonObject[] = [
  { permissions: { type: 'managed', file_system: { type: 'restricted', entries: [] }, network: 'restricted' } },
  { permissions: { type: 'read-only' }, windowsSandboxLevel: 'disabled' },
  { permissions: { type: 'something new' } },
];
const plain: (JsonObject | null)[] = [
  null,
  { permissions: { type: 'disabled' }, windowsSandboxLevel: 'disabled' },
  { permissions: { type: 'disabled' } },
];

describe('a sandbox that confines', () => {
  it('is refused with -32600 by process/start, and nothing is run', async () => {
    const client = await server.current.connect();
    for (const sandbox of confining) {
      for (const tty of [true, false]) {
        const argv = ['sh', '-c', `touch ${folder}/ran`];
        const answer = await client.request('process/start', {
          processId: 'c',
          argv,
          cwd: '/',
          env: client.env(),
          tty,
          sandbox,
        });
        expect(answer.error).toMatchObject({ code: -32600, message: expect.stringMatching(/sandbox/i) as string });
      }
    }
    // The id is free: nothing was started under it.
    await client.run(['true'], { processId: 'c' });
    expect(existsSync(join(folder, 'ran'))).toBe(false);
  });

  it('is refused with -32600 by every fs method that takes one, and nothing is touched', async () => {
    const client = await server.current.connect();
    const path = join(folder, 'f');
    const walk = { maxDepth: 1, maxDirectories: 1, maxEntries: 1, followDirectorySymlinks: false };
    const calls: [string, JsonObject][] = [
      ['fs/readFile', { path }],
      ['fs/writeFile', { path: join(folder, 'made'), dataBase64: '' }],
      ['fs/createDirectory', { path: join(folder, 'made') }],
      ['fs/getMetadata', { path }],
      ['fs/readDirectory', { path: folder }],
      ['fs/remove', { path }],
      ['fs/copy', { sourcePath: path, destinationPath: join(folder, 'made'), recursive: false }],
      ['fs/canonicalize', { path }],
      ['fs/walk', { path: folder, options: walk }],
      ['fs/open', { handleId: 'h', path }],
    ];
    for (const [method, params] of calls) {
      for (const sandbox of confining) {
        const answer = await client.request(method, { ...params, sandbox });
        expect(answer.error, method).toMatchObject({
          code: -32600,
          message: expect.stringMatching(/sandbox/i) as string,
        });
      }
    }
    expect(existsSync(join(folder, 'made'))).toBe(false);
    expect(existsSync(path)).toBe(true);
  });
});

describe('a sandbox that does not confine', () => {
  it('is plain access', async () => {
    const client = await server.current.connect();
    for (const sandbox of plain) {
      expect((await client.run(['echo', 'free'], { sandbox })).text()).toBe('free\n');
      expect(await client.call('fs/readFile', { path: join(folder, 'f'), sandbox })).toEqual({ dataBase64: 'eA==' });
    }
  });

  it('but is malformed is -32602', async () => {
    const client = await server.current.connect();
    for (const sandbox of [{}, { permissions: {} }, { permissions: 'disabled' }, 'disabled', 5, []]) {
      const answer = await client.request('fs/readFile', { path: join(folder, 'f'), sandbox });
      expect(answer.error?.code, JSON.stringify(sandbox)).toBe(-32602);
    }
  });
});
