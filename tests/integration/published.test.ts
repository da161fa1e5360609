// What `serve` publishes about itself, and how --open shows its page.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { asArray, asObject, asString, parseJson } from '../helpers/json.ts';
import { startServer, useServer } from '../helpers/server.ts';
import { until } from '../helpers/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'published-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('serve publishes', () => {
  const server = useServer({ command: 'serve' });
  const get = (path: string) => fetch(server.current.httpUrl + path);

  it('its methods as OpenRPC, the frames of the relay as .proto, and both in its OpenAPI document', async () => {
    const methods = asArray(asObject(parseJson(await (await get('/openrpc.json')).text()))['methods']);
    expect(methods.map((method) => asObject(method)['name'])).toContain('process/start');
    const path = '/proto/codex/exec_server/relay/v1/relay.proto';
    const proto = await get(path);
    expect(proto.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(await proto.text()).toBe(readFileSync(new URL(`../..${path}`, import.meta.url), 'utf8'));
    const openApi = asObject(parseJson(await (await get('/openapi.json')).text()));
    expect(Object.keys(asObject(openApi['paths']))).toEqual(expect.arrayContaining(['/openrpc.json', path]));
  });
});

describe('serve --open', () => {
  /** A browser that keeps what it is shown, as long as we look at it. */
  function browser(script: string): string {
    const program = join(folder, 'xdg-open');
    writeFileSync(program, `#!/bin/sh\n${script}\n`);
    chmodSync(program, 0o755);
    return `${folder}:/usr/bin:/bin`;
  }

  it('leads the browser to the page by a file of its user alone: the token stands on no command line', async () => {
    const seen = join(folder, 'seen');
    const PATH = browser(`printf %s "$1" > ${seen}.part && mv ${seen}.part ${seen}`);
    const server = await startServer({ command: 'serve', args: ['--open'], env: { HOME: '/', PATH } });
    const url = await until('the browser', () => (existsSync(seen) ? readFileSync(seen, 'utf8') : undefined));
    expect(url).toMatch(/^file:/);
    expect(url).not.toContain(server.token);
    const file = fileURLToPath(url);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(file)).mode & 0o777).toBe(0o700);
    const target = /url=([^"]+)"/.exec(readFileSync(file, 'utf8'))?.[1] ?? '';
    expect((await fetch(asString(target))).status).toBe(200);
    await server.stop();
    expect(existsSync(dirname(file))).toBe(false);
  });

  it('serves on where no browser can be opened, and says so', async () => {
    const PATH = browser('exit 3');
    const server = await startServer({ command: 'serve', args: ['--open'], env: { HOME: '/', PATH } });
    await until('the warning', () => server.stderr.includes('xdg-open could not open a browser') || undefined);
    expect((await fetch(`${server.httpUrl}/healthz`)).status).toBe(200);
  });
});
