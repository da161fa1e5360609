// http/request, buffered and streamed (docs/protocol.md §9). Argument errors are in the golden sessions.
import { createHash, randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHttpFixture, type HttpFixture } from '../../backend/cli/conform/http-fixture.ts';
import { asArray, asNumber, asObject, base64, fromBase64, type JsonObject } from '../helpers/json.ts';
import { rssBytes } from '../helpers/proc.ts';
import { startServer, useServer } from '../helpers/server.ts';
import { timed, until, within } from '../helpers/until.ts';
import type { WireClient } from '../helpers/wire-client.ts';

const MiB = 1024 * 1024;

const server = useServer();
const body = randomBytes(5 * MiB);
const zipped = gzipSync('zipped text');

let http: HttpFixture;
/** How an endless response ended, as the fixture saw it. */
let endlessEnded = 0;
beforeAll(async () => {
  http = await startHttpFixture({
    '/large': (_request, response) => response.end(body),
    '/gzip': (_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(zipped);
    },
    '/endless': (_request, response) => {
      const piece = Buffer.alloc(64 * 1024, 'e');
      const push = (): void => {
        while (!response.destroyed && response.write(piece));
      };
      response.on('drain', push);
      response.on('close', () => endlessEnded++);
      push();
    },
    '/loop': (_request, response) => {
      response.writeHead(302, { location: '/loop' });
      response.end();
    },
    '/headers': (request, response) => response.end(JSON.stringify(request.rawHeaders)),
    '/post-redirect': (_request, response) => {
      response.writeHead(302, { location: '/echo' });
      response.end();
    },
    '/trickle': (_request, response) => {
      response.write('a');
      const timer = setInterval(() => response.write('b'), 50);
      response.on('close', () => {
        clearInterval(timer);
      });
    },
  });
});
afterAll(() => http.close());

let counter = 0;
function params(path: string, more: JsonObject = {}): JsonObject {
  return { method: 'GET', url: `${http.url}${path}`, requestId: `r${String(counter++)}`, ...more };
}

/** The deltas of a stream until the last one. */
async function stream(client: WireClient, requestId: string): Promise<{ bytes: Buffer; error: unknown }> {
  const isOurs = (message: JsonObject): boolean => asObject(message['params'] ?? {})['requestId'] === requestId;
  const last = await client.waitFor(
    'the last delta',
    (message) =>
      message['method'] === 'http/request/bodyDelta' && isOurs(message) && asObject(message['params'])['done'] === true,
    20_000,
  );
  const deltas = client.messages.filter((message) => message['method'] === 'http/request/bodyDelta' && isOurs(message));
  return {
    bytes: Buffer.concat(deltas.map((delta) => fromBase64(asObject(delta['params'])['deltaBase64']))),
    error: asObject(last['params'])['error'],
  };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe('http/request', () => {
  it('gives 5 MiB whole, at once and streamed', async () => {
    const client = await server.current.connect();
    const buffered = await client.call('http/request', params('/large'), 20_000);
    expect(sha256(fromBase64(buffered['bodyBase64']))).toBe(sha256(body));
    const streamed = params('/large', { streamResponse: true, requestId: 'stream' });
    expect(await client.call('http/request', streamed)).toMatchObject({ status: 200, bodyBase64: '' });
    const { bytes, error } = await stream(client, 'stream');
    expect(error).toBeNull();
    expect(sha256(bytes)).toBe(sha256(body));
  });

  it('leaves a compressed body as it came', async () => {
    const client = await server.current.connect();
    const result = await client.call('http/request', params('/gzip'));
    expect(fromBase64(result['bodyBase64']).equals(zipped)).toBe(true);
    expect(asArray(result['headers'])).toContainEqual({ name: 'content-encoding', value: 'gzip' });
  });

  it('sends the headers that were given, host and accept, and none of its own', async () => {
    const client = await server.current.connect();
    const headers = [{ name: 'X-One', value: '1' }];
    const result = await client.call('http/request', params('/headers', { headers }));
    const raw = asArray(JSON.parse(fromBase64(result['bodyBase64']).toString()) as string[]).map(String);
    const names = raw.filter((_value, index) => index % 2 === 0).map((name) => name.toLowerCase());
    expect(names.filter((name) => name !== 'connection').sort()).toEqual(['accept', 'host', 'x-one']);
  });

  it('follows redirects, turns a POST that meets a 302 into a GET, and with redirectPolicy stop does neither', async () => {
    const client = await server.current.connect();
    const posted = params('/post-redirect', { method: 'POST', bodyBase64: base64('x') });
    const followed = await client.call('http/request', posted);
    expect(JSON.parse(fromBase64(followed['bodyBase64']).toString())).toMatchObject({ method: 'GET', bodyBase64: '' });
    const stopped = await client.call('http/request', params('/redirect', { redirectPolicy: 'stop' }));
    expect(stopped['status']).toBe(302);
    const loop = await client.request('http/request', params('/loop'));
    expect(loop.error?.code).toBe(-32603);
  });

  it('that waits for headers holds up nothing behind it, and ends at timeoutMs', async () => {
    const client = await server.current.connect();
    const waiting = timed(() => client.request('http/request', params('/slow', { timeoutMs: 700 })));
    const { tookMs } = await timed(() => client.terminate('none'));
    expect(tookMs).toBeLessThan(400);
    const { value, tookMs: waitedMs } = await waiting;
    expect(value.error).toMatchObject({
      code: -32603,
      message: expect.stringContaining('http/request failed') as string,
    });
    expect(waitedMs).toBeGreaterThan(600);
    expect(waitedMs).toBeLessThan(1_900);
    const atOnce = await client.request('http/request', params('/text', { timeoutMs: 0 }));
    expect(atOnce.error?.code).toBe(-32603);
  });

  it('ends a running stream at timeoutMs, with an error in the last delta', async () => {
    const client = await server.current.connect();
    await client.call('http/request', params('/trickle', { streamResponse: true, requestId: 't', timeoutMs: 400 }));
    const { bytes, error } = await stream(client, 't');
    expect(bytes.toString()).toMatch(/^ab*$/);
    expect(error).toEqual(expect.any(String));
  });

  it('refuses the requestId of an active stream and takes it again after the last delta', async () => {
    const client = await server.current.connect();
    const first = params('/stream', { streamResponse: true, requestId: 'same' });
    await client.call('http/request', first);
    const second = await client.request('http/request', first);
    expect(second.error).toEqual({
      code: -32602,
      message: 'http/request streamResponse requestId `same` is already active',
    });
    expect((await stream(client, 'same')).bytes.toString()).toBe('abc');
    expect((await client.call('http/request', first))['status']).toBe(200);
  });

  it('keeps the streams of two connections apart', async () => {
    const clients = await Promise.all([server.current.connect(), server.current.connect()]);
    await Promise.all(
      clients.map((client) => client.call('http/request', params('/stream', { streamResponse: true, requestId: 's' }))),
    );
    const bodies = await Promise.all(clients.map((client) => stream(client, 's')));
    expect(bodies.map(({ bytes }) => bytes.toString())).toEqual(['abc', 'abc']);
  });

  it('an endless body for a client that does not read stays bounded, and ends with the connection', async () => {
    const own = await startServer();
    const client = await own.connect({ keepsOutput: false });
    const endedBefore = endlessEnded;
    await client.call('http/request', params('/endless', { streamResponse: true }));
    await until('some of it', () => client.messageCount > 20);
    const baseBytes = rssBytes(own.pid);
    client.carrier.pause();
    const other = await own.connect();
    for (let index = 0; index < 200; index++) await other.terminate('none');
    await other.call('http/request', params('/slow', { timeoutMs: 800 })).catch(() => undefined);
    expect(rssBytes(own.pid) - baseBytes).toBeLessThan(64 * MiB);
    client.carrier.drop();
    await until('the server to give up the request', () => endlessEnded > endedBefore);
  });

  it('reports no connection and a host that does not exist as -32603', async () => {
    const client = await server.current.connect();
    for (const url of ['http://127.0.0.1:1/', 'http://does-not-exist.invalid/', 'https://127.0.0.1:1/']) {
      const answer = await within(url, 10_000, client.request('http/request', params('', { url })));
      expect(answer.error?.code, url).toBe(-32603);
      expect(asNumber(answer.error?.message.length)).toBeGreaterThan(20);
    }
  });
});
