// --read-only: files can be looked at, and nothing else happens (docs/security.md, "Read-only").
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { methods } from '../../shared/protocol/methods.ts';
import type { JsonObject } from '../helpers/json.ts';
import { startServer } from '../helpers/server.ts';

const folder = mkdtempSync(join(tmpdir(), 'read-only-'));
const path = join(folder, 'seen.txt');
const other = join(folder, 'other.txt');
writeFileSync(path, 'as it was\n');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A good request for every method that may not be served. */
const refused: readonly (readonly [string, JsonObject])[] = [
  ['process/start', { processId: 'p', argv: ['/usr/bin/touch', other], cwd: '/', env: {}, tty: false }],
  ['process/write', { processId: 'p', chunk: '' }],
  ['process/terminate', { processId: 'p' }],
  ['process/signal', { processId: 'p', signal: 'interrupt' }],
  ['process/closeStdin', { processId: 'p' }],
  ['process/resize', { processId: 'p', rows: 10, cols: 10 }],
  ['fs/writeFile', { path, dataBase64: '' }],
  ['fs/createDirectory', { path: join(folder, 'new'), recursive: false }],
  ['fs/remove', { path, recursive: false, force: false }],
  ['fs/copy', { sourcePath: path, destinationPath: other, recursive: false }],
  ['fs/open', { handleId: 'w', path, mode: 'replace' }],
  ['fs/writeBlock', { handleId: 'r', offset: 0, chunk: 'AAAA' }],
  ['http/request', { method: 'GET', url: 'http://127.0.0.1:1/', requestId: 'r' }],
];

describe.each(['serve', 'exec-server'] as const)('%s --read-only', (command) => {
  it('shows files, refuses all that starts or changes something, and says so', async () => {
    const server = await startServer({ command, args: ['--read-only'] });
    const client = await server.connect();
    for (const [method, params] of refused) {
      const { result, error } = await client.request(method, params);
      expect(result, method).toBeUndefined();
      expect(error, method).toEqual({
        code: -32003,
        message: `${method} is refused: this server only shows (--read-only)`,
      });
    }
    expect(await client.call('fs/readFile', { path })).toEqual({
      dataBase64: Buffer.from('as it was\n').toString('base64'),
    });
    await client.call('fs/open', { handleId: 'r', path });
    expect(await client.call('fs/readBlock', { handleId: 'r', offset: 0, len: 2 })).toMatchObject({ chunk: 'YXM=' });
    await client.call('fs/readDirectory', { path: folder });
    await client.call('environment/info', {});
    expect(readFileSync(path, 'utf8')).toBe('as it was\n');
    expect(readdirSync(folder)).toEqual(['seen.txt']);
  });
});

it('each method of the protocol is either tried above, or only looks', () => {
  const looking = [...methods.keys()].filter((method) => !refused.some(([name]) => name === method));
  expect(looking.sort()).toEqual([
    'environment/info',
    'environment/status',
    'environmentConfig/read',
    'fs/canonicalize',
    'fs/close',
    'fs/getMetadata',
    'fs/readBlock',
    'fs/readDirectory',
    'fs/readFile',
    'fs/walk',
    'fs/watchMissing',
    'initialize',
    'process/read',
    'process/snapshot',
    'process/wait',
  ]);
});

it('a read-only server has no bridge, which could start programs', async () => {
  const server = await startServer({ command: 'serve', args: ['--read-only'] });
  const answer = await fetch(`${server.httpUrl}/api/bridge`, {
    headers: { Authorization: `Bearer ${server.token ?? ''}` },
  });
  expect(answer.status).toBe(403);
  expect(await answer.json()).toMatchObject({ error: { code: 'read_only' } });
});
