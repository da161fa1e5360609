// The client library against a server of ours, over everything that can lie between: processes, files, HTTP requests.

import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startHttpFixture } from '../../../backend/cli/conform/http-fixture.ts';
import type { ExecServerClient } from '../../../shared/client/harness.ts';
import { LocalError } from '../../../shared/errors.ts';
import { isRunning } from '../../helpers/proc.ts';
import { until, within } from '../../helpers/until.ts';
import { olderServer } from './older-server.ts';
import { testEnv, useWays } from './ways.ts';

const { ways } = useWays();
const clients = new Set<ExecServerClient>();
const folders = new Set<string>();

afterEach(async () => {
  for (const client of clients) client.close();
  for (const client of clients) await client.whenClosed;
  clients.clear();
  for (const folder of folders) rmSync(folder, { recursive: true });
  folders.clear();
});

function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'client-'));
  folders.add(folder);
  return folder;
}

function wayBy(name: string) {
  const connect = ways.find(([way]) => way === name)![1];
  return async (...options: Parameters<typeof connect>) => {
    const client = await connect(...options);
    clients.add(client);
    return client;
  };
}
const connect = wayBy('in process');
const shell = (script: string) => ['sh', '-c', script];
const textOf = (stream: ReadableStream<Uint8Array>) => new Response(stream).text();

it.each(ways.map(([name]) => name))('runs, writes, reads and fetches: %s', async (name) => {
  const client = await wayBy(name)();
  const folder = tempFolder();
  const http = await startHttpFixture();

  const result = await client.run({
    argv: shell('cat; echo $A >&2; exit 3'),
    env: { ...testEnv, A: 'b' },
    cwd: folder,
    input: 'ünlucky',
  });
  expect([result.exitCode, result.stdoutText, result.stderrText]).toEqual([3, 'ünlucky', 'b\n']);

  const big = new Uint8Array(1_500_000).map((_, index) => index % 251);
  const writer = client.fs.createWriteStream(`${folder}/big`).getWriter();
  await writer.write(big);
  await writer.close();
  expect(readFileSync(`${folder}/big`).equals(big)).toBe(true);
  const read = await new Response(client.fs.createReadStream(`${folder}/big`)).arrayBuffer();
  expect(Buffer.from(read).equals(big)).toBe(true);

  const response = await client.http.fetch(`${http.url}/echo`, { method: 'POST', body: 'question' });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ method: 'POST', bodyBase64: btoa('question') });
  expect((await client.http.fetch(`${http.url}/empty`)).status).toBe(204);
  expect((await client.http.fetch(`${http.url}/redirect`, { redirect: 'manual' })).status).toBe(302);
  await http.close();
});

describe('a process', () => {
  it('gives its output in order, to one loop after the other, and its exit code', async () => {
    const client = await connect();
    const handle = await client.exec({ argv: ['sh'], stdin: 'open', env: testEnv });
    await handle.write('echo one$((1))\n');
    for await (const { bytes } of handle.output) if (Buffer.from(bytes).includes('one1')) break;
    await handle.write('echo two$((2)); exit 7\n');
    expect(await handle.exited).toBe(7);
    let rest = '';
    for await (const { bytes, stream } of handle.output) rest += `${stream} ${Buffer.from(bytes).toString()}`;
    expect(rest).toBe('stdout two2\n');
    expect(await handle.wait()).toBe(7);
  });

  it('gives stdout and stderr apart; who reads one only is not held up by the other', async () => {
    const client = await connect();
    const both = await client.exec({ argv: shell('echo out; echo err >&2'), env: testEnv });
    expect(await Promise.all([textOf(both.stdout), textOf(both.stderr)])).toEqual(['out\n', 'err\n']);
    expect(() => both.output).toThrow(/apart/);

    const noisy = await client.exec({ argv: shell('seq 300000 >&2; echo done'), env: testEnv });
    expect(await textOf(noisy.stdout)).toBe('done\n');
    await expect(textOf(noisy.stderr)).rejects.toMatchObject({ code: 'output-lost' });
  });

  it('ends though nobody reads it; what is gone then is told in its place, and reading goes on', async () => {
    const client = await connect();
    const handle = await client.exec({ argv: shell('seq 1000000'), env: testEnv });
    expect(await handle.wait()).toBe(0);
    const chunks: Buffer[] = [];
    const lost: number[] = [];
    for (let isOver = false; !isOver;) {
      try {
        for await (const { bytes } of handle.output) chunks.push(Buffer.from(bytes));
        isOver = true;
      } catch (error) {
        if (!(error instanceof LocalError) || error.code !== 'output-lost') throw error;
        lost.push(Number(/^\d+/.exec(error.message)?.[0]));
      }
    }
    const read = Buffer.concat(chunks);
    expect(lost).toHaveLength(1);
    expect(read.length + lost[0]!).toBe(6_888_896);
    expect(read.length).toBeGreaterThan(1_500_000);
    expect(read.toString().startsWith('1\n2\n')).toBe(true);
    expect(read.toString().endsWith('\n1000000\n')).toBe(true);
  });

  it('loses nothing to a reader that is a little behind, and tells onLost instead of the reader', async () => {
    const client = await connect();
    const handle = await client.exec({ argv: shell('seq 100000'), env: testEnv, maxUnreadBytes: 20_000 });
    let text = '';
    for await (const { bytes } of handle.output) {
      text += Buffer.from(bytes).toString();
      await new Promise(setImmediate);
    }
    expect(text).toBe(Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join(''));

    let lostBytes = 0;
    const flood = await client.exec({
      argv: shell('seq 400000'),
      env: testEnv,
      maxUnreadBytes: 10_000,
      onLost: ({ bytes = 0 }) => (lostBytes += bytes),
    });
    await flood.wait();
    let readBytes = 0;
    for await (const { bytes } of flood.output) readBytes += bytes.length;
    expect(lostBytes).toBeGreaterThan(0);
    expect(readBytes + lostBytes).toBe(2_688_895);
  });

  it('keeps output up to a cap and counts the rest', async () => {
    const client = await connect();
    const result = await client.run({ argv: shell('seq 100000'), env: testEnv, maxBytes: 10 });
    expect([result.exitCode, result.stdoutText, result.droppedBytes]).toEqual([0, '1\n2\n3\n4\n5\n', 588_885]);
  });

  it('is ended by a time limit, by a signal that is aborted, and by terminate with a grace', async () => {
    const client = await connect();
    const argv = shell('echo $$; exec sleep 1000');
    const run = client.run({ argv, env: testEnv, timeoutMs: 100 });
    await expect(run).rejects.toMatchObject({ code: 'timeout' });

    const abort = new AbortController();
    const aborted = client.run({ argv, env: testEnv, signal: abort.signal });
    setImmediate(() => abort.abort());
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' });

    const handle = await client.exec({
      argv: shell('trap "exit 9" TERM; echo $$; while :; do sleep 0.02; done'),
      env: testEnv,
    });
    const first = await handle.output[Symbol.asyncIterator]().next();
    expect(await handle.terminate({ graceMs: 5000 })).toBe(true);
    expect(await handle.wait()).toBe(9);
    const pid = Number(Buffer.from(first.value?.bytes ?? []).toString());
    await until('it to be gone', () => !isRunning(pid));
    await expect(handle.wait({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'aborted' });
  });

  it('has a terminal of the asked size, which can be resized and interrupted', async () => {
    const client = await connect();
    const argv = shell('trap "exit 5" INT; stty size; while read line; do stty size; done');
    const handle = await client.exec({ argv, tty: { rows: 11, cols: 22 }, env: testEnv });
    const output = handle.output[Symbol.asyncIterator]();
    let seen = '';
    const see = async (text: string) => {
      while (!seen.includes(text)) seen += Buffer.from((await output.next()).value?.bytes ?? []).toString();
    };
    await see('11 22');
    expect(await handle.resize(33, 44)).toBe('accepted');
    await handle.write('\n');
    await see('33 44');
    await handle.signal('interrupt');
    expect(await within('its end', 5000, handle.wait())).toBe(5);
  });

  it('that cannot be started says why, with the code of the server', async () => {
    const client = await connect();
    await expect(client.exec({ argv: ['/no/such'] })).rejects.toMatchObject({ name: 'RpcError', code: -32603 });
    await expect(client.exec({ argv: ['sh'], cwd: 'relative' })).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('gives up its readers and waiters when the client is closed', async () => {
    const client = await connect();
    const handle = await client.exec({ argv: ['sleep', '1000'], env: testEnv });
    const failed = { code: 'closed' };
    const reading = expect(textOf(handle.stdout)).rejects.toMatchObject(failed);
    const waiting = expect(handle.wait()).rejects.toMatchObject(failed);
    client.close();
    await Promise.all([reading, waiting]);
    await expect(client.run({ argv: ['true'] })).rejects.toMatchObject(failed);
  });
});

describe.each([
  ['ours', undefined],
  ['one as old as 0.131', olderServer],
] as const)('files of a server: %s', (_name, wrap) => {
  it('are written, read, listed, copied, walked and removed, whatever is in their names', async () => {
    const client = await connect({ ...(wrap && { wrap }) });
    const { fs } = client;
    const root = `${tempFolder()}/ä b%20#?`;
    await fs.createDirectory(`${root}/deep/er`);
    await fs.writeText(`${root}/deep/a.txt`, 'héllo');
    await fs.copy(root, `${root}-copy`);
    symlinkSync(root, `${root}-copy/loop`);

    expect(await fs.readText(`${root}-copy/deep/a.txt`)).toBe('héllo');
    expect(await fs.readText(`file://${encodeURI(root).replaceAll(/[#?]/g, encodeURIComponent)}/deep/a.txt`)).toBe(
      'héllo',
    );
    expect(await fs.getMetadata(`${root}/deep`)).toMatchObject({ isDirectory: true });
    const { entries, isTruncated } = await fs.walk(`${root}-copy`);
    expect(entries.map(({ path, kind }) => [path.slice(root.length), kind]).sort()).toEqual([
      ['-copy/deep', 'directory'],
      ['-copy/deep/a.txt', 'file'],
      ['-copy/deep/er', 'directory'],
    ]);
    expect(isTruncated).toBe(false);
    expect((await fs.walk(root, { maxEntries: 1 })).isTruncated).toBe(true);

    const writer = fs.createWriteStream(`${root}/s`).getWriter();
    for (const part of ['one ', 'two ', 'three']) await writer.write(Buffer.from(part));
    await writer.close();
    expect(await textOf(fs.createReadStream(`${root}/s`, { start: 4, end: 9 }))).toBe('two t');
    expect(await textOf(fs.createReadStream(`${root}/s`))).toBe('one two three');
    await expect(textOf(fs.createReadStream(`${root}/none`))).rejects.toMatchObject({ code: -32004 });
    await expect(fs.readFile('relative')).rejects.toMatchObject({ code: 'invalid-argument' });

    await fs.remove(root);
    await expect(fs.readDirectory(root)).rejects.toMatchObject({ code: -32004 });
  });
});

it('watches for what is missing, until it is there or the watch is aborted', async () => {
  const client = await connect();
  const folder = tempFolder();
  const watching = client.fs.watch({ missing: [`${folder}/soon`], present: folder });
  await client.fs.writeText(`${folder}/soon`, '');
  expect(await watching).toBe(true);
  const abort = new AbortController();
  const second = client.fs.watch({ missing: [`${folder}/never`], present: folder }, { signal: abort.signal });
  setImmediate(() => abort.abort());
  await expect(second).rejects.toMatchObject({ code: 'aborted' });
});

it('says at once that an old server cannot close stdin, instead of waiting for ever', async () => {
  const client = await connect({ wrap: olderServer });
  await expect(client.run({ argv: ['cat'], input: 'x' })).rejects.toMatchObject({ code: 'invalid-argument' });
  expect((await client.run({ argv: ['pwd'], cwd: '/tmp', env: testEnv })).stdoutText).toBe('/tmp\n');
});

it('fails a body that is aborted, and one that comes faster than it is read', async () => {
  const client = await connect();
  const http = await startHttpFixture({
    '/stall': (_request, response) => response.write('a'),
    '/big': (_request, response) => response.end(Buffer.alloc(100_000)),
  });
  const abort = new AbortController();
  const slow = await client.http.fetch(`${http.url}/stall`, { signal: abort.signal });
  abort.abort();
  await expect(slow.text()).rejects.toMatchObject({ code: 'aborted' });
  const big = await client.http.fetch(`${http.url}/big`, { maxUnreadBytes: 1000 });
  await expect(big.text()).rejects.toMatchObject({ code: 'output-lost' });
  await expect(client.http.fetch('gopher://x/')).rejects.toMatchObject({ code: -32602 });
  await http.close();
});
