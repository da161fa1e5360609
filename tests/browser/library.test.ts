// The client library by itself in a page that is no workbench: the browser's entry as it is published, against `serve`,
// plainly and over its relay.

import { createServer, type Server } from 'node:http';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { askWayIn } from '../../shared/client/registry-api.ts';
import type * as Library from '../../shared/client/api.ts';
import { RemoteExecutorProcess } from '../helpers/remote-executor.ts';
import { startServer } from '../helpers/server.ts';
import { cuttableProxy } from './support/cuttable-proxy.ts';
import { openBarePage, useBrowser } from './support/workbench.ts';

useBrowser();

const entry = fileURLToPath(new URL('../../dist/client/browser', import.meta.url));
/** Its one dependency: bundlers find it by themselves, a bare page by an import map. */
const zod = fileURLToPath(new URL('../../node_modules/zod', import.meta.url));
const html = `<!doctype html><title>library</title>
<script type="importmap">{"imports":{"zod":"/zod/index.js"}}</script>
<script type="module">globalThis.library = import('/api.js');</script>`;

let site: Server;
let origin = '';
beforeAll(async () => {
  site = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://localhost');
    if (pathname === '/text') return response.end('from the executor’s network');
    if (!pathname.endsWith('.js')) return response.setHeader('content-type', 'text/html').end(html);
    response.setHeader('content-type', 'text/javascript');
    const file = pathname.startsWith('/zod/') ? zod + pathname.slice('/zod'.length) : entry + pathname;
    readFile(file).then(
      (text) => response.end(text),
      () => response.writeHead(404).end(),
    );
    return undefined;
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${String((site.address() as AddressInfo).port)}`;
});
afterAll(() => new Promise((resolve) => site.close(resolve)));

/** Runs, reads, fetches; then a process that goes on while `cut` breaks the connection. @returns what the page has seen. */
async function work(
  page: Page,
  url: string,
  token: string | undefined,
  fetched: string,
  cut: () => Promise<void>,
): Promise<unknown> {
  await page.exposeFunction('cut', cut);
  return page.evaluate(
    async ([url, token, fetched]) => {
      const { library, cut } = globalThis as unknown as {
        library: Promise<typeof Library>;
        cut: () => Promise<void>;
      };
      const { connectWebSocket } = await library;
      const phases: string[] = [];
      const onStatus = ({ phase }: Library.ClientStatus) => phases.push(phase);
      const client = await connectWebSocket(url, { token, onStatus });
      const { exitCode, stdoutText } = await client.run({ argv: ['sh', '-c', 'echo "$1"; exit 3', 'sh', 'é😀'] });
      const path = `/tmp/library-test-${crypto.randomUUID()}`;
      await client.fs.writeFile(path, new TextEncoder().encode('file'));
      const file = await client.fs.readText(path);
      await client.fs.remove(path);
      const body = await (await client.http.fetch(fetched)).text();

      const process = await client.exec({ argv: ['sh', '-c', 'for i in $(seq 200); do echo $i; sleep 0.005; done'] });
      let lines = '';
      const decoder = new TextDecoder();
      for await (const { bytes } of process.output) {
        if (lines === '') void cut();
        lines += decoder.decode(bytes, { stream: true });
      }
      const { sessionId } = client;
      client.close();
      return { exitCode, stdoutText, file, body, lines, hasSession: sessionId !== undefined, phases };
    },
    [url, token, fetched] as const,
  );
}

const seen = {
  exitCode: 3,
  stdoutText: 'é😀\n',
  file: 'file',
  body: 'from the executor’s network',
  lines: Array.from({ length: 200 }, (_, index) => `${index + 1}\n`).join(''),
  hasSession: true,
};

describe('exec-workbench/client in a bare page', () => {
  it('runs, reads, fetches and resumes after a cut: plainly, and over the relay', async () => {
    const server = await startServer({ command: 'serve', args: ['--allow-origin', origin] });
    const { token = '' } = server;
    await RemoteExecutorProcess.start({ remote: server.httpUrl, executorId: 'box', token });
    const proxy = await cuttableProxy(server.port);
    onTestFinished(() => proxy.close());
    const cut = async () => {
      proxy.cut();
      proxy.mend();
      return Promise.resolve();
    };
    const plain = await openBarePage(origin);
    const url = `ws://127.0.0.1:${String(proxy.port)}/exec`;
    expect(await work(plain, url, token, `${origin}/text`, cut)).toEqual({
      ...seen,
      phases: ['connecting', 'ready', 'waiting', 'connecting', 'ready', 'closed'],
    });
    const relayed = await openBarePage(origin);
    const registry = `http://127.0.0.1:${String(proxy.port)}`;
    const relayUrl = await askWayIn({ registry, token }, 'box');
    expect(relayUrl).toContain('role=harness');
    expect(await work(relayed, relayUrl, undefined, `${origin}/text`, cut)).toEqual({
      ...seen,
      // The stream goes on by itself.
      phases: ['connecting', 'ready', 'closed'],
    });
    const byRegistry = plain.evaluate(
      async ([registry, token]) => {
        const { library } = globalThis as unknown as { library: Promise<typeof Library> };
        const client = await (await library).connectRelay({ registry, executorId: 'box', token });
        const { stdoutText } = await client.run({ argv: ['echo', 'asked for from another origin'] });
        client.close();
        return stdoutText;
      },
      [registry, token] as const,
    );
    expect(await byRegistry).toBe('asked for from another origin\n');
    await expect(
      plain.evaluate(async (url) => {
        const { library } = globalThis as unknown as { library: Promise<typeof Library> };
        const { connectWebSocket, LocalError } = await library;
        const error: unknown = await connectWebSocket(url, { token: 'wrong' }).catch((reason: unknown) => reason);
        return error instanceof LocalError ? error.code : String(error);
      }, url),
    ).resolves.toBe('connect');
  });
});
