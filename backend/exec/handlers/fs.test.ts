// The fs routes as a connection calls them: path forms, sandbox, base64, watches that end with the connection.

import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseParams } from '../../../shared/protocol/declare.ts';
import { responseText } from '../../../shared/rpc/envelope.ts';
import { FileHandles } from '../../fs/handles.ts';
import type { Session } from '../session.ts';
import type { RequestContext } from '../handler.ts';
import { BulkResult, joinParts } from '../bulk.ts';
import { rpcErrorOf } from '../rpc-error.ts';
import { sandboxReport } from '../../sandbox/bubblewrap.ts';
import { withSandbox } from './confined-fs.ts';
import { environmentInfo, environmentRoutes } from './environment.ts';
import { fsRoutes } from './fs.ts';

const routes = new Map(
  [
    ...withSandbox(fsRoutes({ maxAnswerBytes: 100_000 }), { maxTotalSandboxes: 1 }),
    ...environmentRoutes({ version: '1.2.3' }),
  ].map((route) => [route.declaration.method, route]),
);

let folder: string;
let abort: AbortController;
let context: RequestContext;
let notifications: [string, unknown][];
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'routes-')));
  abort = new AbortController();
  notifications = [];
  context = {
    // No route here asks for it.
    get session(): Session {
      throw new Error('a route asked for the session');
    },
    signal: abort.signal,
    files: new FileHandles(),
    bodyStreams: new Set(),
    notify: (method, params) => {
      notifications.push([method, params]);
      return true;
    },
    whenWritable: () => Promise.resolve(),
  };
});
afterEach(async () => {
  abort.abort();
  await context.files.closeAll();
  rmSync(folder, { recursive: true, force: true });
});

/** The result, or the code of the error. */
async function call(method: string, params: unknown): Promise<unknown> {
  try {
    const route = routes.get(method)!;
    const result = await route.handle(parseParams(route.declaration, params) as never, context);
    const answer = result instanceof BulkResult ? joinParts(result.response(1)).toString() : responseText(1, result);
    return (JSON.parse(answer) as { result: unknown }).result;
  } catch (error) {
    return rpcErrorOf(error).code;
  }
}

describe('fs routes', () => {
  it('answer paths in the form of the request', async () => {
    const odd = join(folder, 'ü # % d');
    mkdirSync(odd);
    writeFileSync(join(odd, 'f'), 'hello');
    const uri = pathToFileURL(odd).href;
    const options = { maxDepth: 1, maxDirectories: 9, maxEntries: 9, followDirectorySymlinks: false };
    expect(await call('fs/walk', { path: odd, options })).toMatchObject({
      entries: [{ path: `${odd}/f`, kind: 'file' }],
    });
    expect(await call('fs/walk', { path: uri, options })).toMatchObject({
      entries: [{ path: `${uri}/f`, kind: 'file' }],
    });
    expect(await call('fs/canonicalize', { path: `${uri}/f` })).toEqual({ path: `${uri}/f` });
    expect(await call('fs/readFile', { path: `${uri}/f` })).toEqual({ dataBase64: 'aGVsbG8=' });
  });

  it('open, read, write and close by handles', async () => {
    const path = join(folder, 'f');
    expect(await call('fs/open', { handleId: 'h', path, mode: 'replace' })).toEqual({ handleId: 'h' });
    expect(await call('fs/writeBlock', { handleId: 'h', offset: 0, chunk: 'aGVsbG8=' })).toEqual({});
    expect(await call('fs/writeBlock', { handleId: 'h', offset: 0, chunk: '!' })).toBe(-32602);
    expect(await call('fs/writeBlock', { handleId: 'h', offset: 2 ** 63, chunk: 'aGVsbG8=' })).toBe(-32602);
    expect(await call('fs/close', { handleId: 'h' })).toEqual({});
    expect(await call('fs/open', { handleId: 'h', path })).toEqual({ handleId: 'h' });
    expect(await call('fs/readBlock', { handleId: 'h', offset: 0, len: 5 })).toEqual({ chunk: 'aGVsbG8=', eof: false });
    expect(await call('fs/readBlock', { handleId: 'h', offset: 5, len: 5 })).toEqual({ chunk: '', eof: true });
  });

  it('refuse a sandbox that confines, and touch nothing', async () => {
    const path = join(folder, 'f');
    writeFileSync(path, '');
    const confining = { permissions: { type: 'managed' } };
    for (const method of ['fs/readFile', 'fs/remove', 'fs/getMetadata', 'fs/readDirectory', 'fs/canonicalize']) {
      expect(await call(method, { path, sandbox: confining }), method).toBe(-32600);
    }
    expect(await call('fs/watchMissing', { watchId: 1, missing: [join(folder, 'no')], sandbox: confining })).toBe(
      -32600,
    );
    expect(await call('fs/getMetadata', { path, sandbox: { permissions: { type: 'disabled' } } })).toMatchObject({
      isFile: true,
    });
  });

  it('bound what is read by the longest answer, and take recursive and force for true', async () => {
    const path = join(folder, 'd/e/f');
    expect(await call('fs/createDirectory', { path: join(folder, 'd/e'), recursive: null })).toEqual({});
    writeFileSync(path, Buffer.alloc(75_000));
    expect(await call('fs/readFile', { path })).toBe(-32600);
    expect(await call('fs/writeFile', { path, dataBase64: 'aGk' })).toBe(-32600);
    expect(await call('fs/remove', { path: join(folder, 'd') })).toEqual({});
    expect(await call('fs/remove', { path: join(folder, 'd') })).toEqual({});
    expect(await call('fs/createDirectory', { path: '/dev/null' })).toBe(-32603);
  });

  it('watch until the connection ends, and echo the watchId as it was', async () => {
    const missing = [pathToFileURL(join(folder, 'a')).href];
    expect(await call('fs/watchMissing', { watchId: 7, missing, present: null })).toEqual({ watching: true });
    writeFileSync(join(folder, 'a'), '');
    await expect.poll(() => notifications).toEqual([['fs/missingChanged', { watchId: 7 }]]);
    await call('fs/watchMissing', { watchId: 8, missing: [join(folder, 'b')] });
    abort.abort();
    expect(await call('fs/watchMissing', { watchId: 9, missing: [join(folder, 'b')] })).toEqual({ watching: false });
  });
});

describe('environment routes', () => {
  it('tell of the machine, in URIs', async () => {
    const info = await call('environment/info', null);
    const sandbox = await sandboxReport();
    expect(info).toEqual(JSON.parse(JSON.stringify({ ...environmentInfo({ version: '1.2.3' }), sandbox })));
    expect(info).toMatchObject({
      executorVersion: '1.2.3',
      cwd: pathToFileURL(process.cwd()).href,
      capabilities: { fsWatchMissing: true, networkProxyLaunch: false },
    });
    expect(await call('environment/status', null)).toEqual({ status: 'ready' });
  });

  it('impose no configuration, and answer in the form of cwd', async () => {
    const asked = { configPaths: [['mcp_servers']], requirementsPaths: [] };
    const none = { layers: [], cloudInsertionIndex: 0 };
    const withUri = await call('environmentConfig/read', { cwd: 'file:///tmp', ...asked });
    expect(withUri).toMatchObject({
      userHomeDir: expect.stringMatching(/^file:\/\/\//),
      config: none,
      requirements: none,
    });
    expect(await call('environmentConfig/read', { cwd: '/tmp', ...asked })).toMatchObject({
      codexHomeDir: expect.stringMatching(/^\//),
    });
  });
});
