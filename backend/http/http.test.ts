// http/request through its route, against real sockets.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseParams, type ParamsInput, type ParamsOf, type ResultOf } from '../../shared/protocol/declare.ts';
import { httpRequest, type httpBodyDelta } from '../../shared/protocol/http.ts';
import type { Session } from '../exec/session.ts';
import type { RequestContext } from '../exec/handler.ts';
import { httpRoutes } from '../exec/handlers/http.ts';
import { FileHandles } from '../fs/handles.ts';

type Delta = ParamsOf<typeof httpBodyDelta>;
type Result = ResultOf<typeof httpRequest>;

const maxBufferedBodyBytes = 300_000;
const permissive = { maxBufferedBodyBytes, maxStreamedBodyBytes: 0, maxMs: 0, guard: undefined };
const [route] = httpRoutes(permissive);

/** What the servers saw: request line and raw headers. */
let seen: { method: string; url: string; rawHeaders: string[]; body: string }[] = [];
let bytesWritten = 0;
let endlessEnded = false;
let server: Server;
let other: Server;
let url: string;
let otherUrl: string;

const answers: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  '/many': (_request, response) => {
    response.writeHead(200, ['X-Many', 'a', 'Other', '1', 'x-many', 'b', 'Odd', 'caf\u00e9']);
    response.end('hello');
  },
  '/302': (_request, response) => response.writeHead(302, { location: '/seen' }).end(),
  '/307-away': (_request, response) => response.writeHead(307, { location: `${otherUrl}/seen` }).end(),
  '/nowhere': (_request, response) => response.writeHead(302, { location: 'ftp://x/' }).end(),
  '/loop': (_request, response) => response.writeHead(302, { location: '/loop' }).end(),
  '/late': (_request, response) => void setTimeout(() => response.end('late'), 300),
  '/broken': (_request, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('partial');
    setTimeout(() => response.destroy(), 20);
  },
  '/trickle': (_request, response) => {
    const timer = setInterval(() => response.write('b'), 20);
    response.write('a');
    response.on('close', () => clearInterval(timer));
  },
  '/large': (_request, response) => response.end(Buffer.alloc(maxBufferedBodyBytes + 1, 'l')),
  '/fits': (_request, response) => response.end(Buffer.alloc(maxBufferedBodyBytes, 'l')),
  '/endless': (_request, response) => {
    const piece = Buffer.alloc(64 * 1024, 'e');
    const push = (): void => {
      while (!response.destroyed) {
        bytesWritten += piece.length;
        if (!response.write(piece)) break;
      }
    };
    response.on('drain', push);
    response.on('close', () => (endlessEnded = true));
    push();
  },
};

function start(): Promise<Server> {
  const started = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { method = '', rawHeaders } = request;
      const path = request.url ?? '';
      seen.push({ method, url: path, rawHeaders, body: Buffer.concat(parts).toString() });
      const answer = answers[path];
      if (answer) answer(request, response);
      else response.end('seen');
    });
  });
  return new Promise((resolve) => started.listen(0, '127.0.0.1', () => resolve(started)));
}

beforeAll(async () => {
  server = await start();
  other = await start();
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  otherUrl = `http://localhost:${(other.address() as AddressInfo).port}`;
});
afterAll(() => {
  for (const each of [server, other]) {
    each.closeAllConnections();
    each.close();
  }
});
beforeEach(() => {
  seen = [];
});

/** A connection as the handler sees it. */
function connection() {
  const abort = new AbortController();
  const deltas: Delta[] = [];
  let writable: Promise<void> | undefined;
  let open: (() => void) | undefined;
  const context: RequestContext = {
    // No http route asks for it.
    get session(): Session {
      throw new Error('a route asked for the session');
    },
    signal: abort.signal,
    files: new FileHandles(),
    bodyStreams: new Set(),
    notify: (_method, params) => {
      deltas.push(params as Delta);
      return writable === undefined;
    },
    whenWritable: () => writable ?? Promise.resolve(),
  };
  return {
    context,
    deltas,
    request: async (params: Partial<ParamsInput<typeof httpRequest>>): Promise<Result> => {
      const parsed = parseParams(httpRequest, { method: 'GET', requestId: 'r', url: `${url}/seen`, ...params });
      return (await route!.handle(parsed as never, context)) as Result;
    },
    last: () =>
      expect
        .poll(() => deltas.at(-1)?.done, { timeout: 2000, interval: 5 })
        .toBe(true)
        .then(() => deltas.at(-1)!),
    stopReading: () => void (writable = new Promise((resolve) => (open = resolve))),
    read: () => {
      writable = undefined;
      open?.();
    },
    end: () => {
      abort.abort();
      open?.();
    },
  };
}

const bodyOf = (result: Result) => Buffer.from(result.bodyBase64, 'base64').toString();

describe('http/request sends', () => {
  it('the method and the headers as given, and of its own host, accept and content-length only', async () => {
    await connection().request({ headers: [{ name: 'Accept', value: 'text/plain' }] });
    expect(seen[0]?.rawHeaders).toEqual(['Accept', 'text/plain', 'Host', new URL(url).host]);
    await connection().request({
      method: 'POST',
      headers: [
        { name: 'X-One', value: '1' },
        { name: 'Content-Length', value: '999' },
        { name: 'X-Two', value: 'ü' },
        { name: 'x-one', value: '2' },
      ],
      bodyBase64: Buffer.from('payload').toString('base64'),
    });
    expect(seen[1]?.body).toBe('payload');
    const utf8 = Buffer.from('ü').toString('latin1');
    expect(seen[1]?.rawHeaders).toEqual([
      'X-One',
      '1',
      'X-One',
      '2',
      'X-Two',
      utf8,
      'Host',
      new URL(url).host,
      'Accept',
      '*/*',
      'Content-Length',
      '7',
    ]);
  });

  it('a method in lower case as it is', async () => {
    let head = '';
    const raw = createTcpServer((socket) => {
      socket.on('data', (bytes) => {
        head += bytes.toString('latin1');
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      });
    });
    await new Promise<void>((resolve) => raw.listen(0, '127.0.0.1', resolve));
    const { port } = raw.address() as AddressInfo;
    await connection().request({ method: 'get', url: `http://127.0.0.1:${port}/p?q=1#f` });
    raw.close();
    expect(head).toBe(`get /p?q=1 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: */*\r\n\r\n`);
  });
});

describe('http/request answers', () => {
  it('with names in lower case, order and repeats kept, and no value that is not plain text', async () => {
    const result = await connection().request({ url: `${url}/many` });
    expect(bodyOf(result)).toBe('hello');
    expect(result.headers.slice(0, 3)).toEqual([
      { name: 'x-many', value: 'a' },
      { name: 'other', value: '1' },
      { name: 'x-many', value: 'b' },
    ]);
    expect(result.headers.map(({ name }) => name)).not.toContain('odd');
  });

  it('with a body up to the limit, and above it with an error that names streamResponse', async () => {
    expect(bodyOf(await connection().request({ url: `${url}/fits` }))).toHaveLength(maxBufferedBodyBytes);
    await expect(connection().request({ url: `${url}/large` })).rejects.toMatchObject({
      code: -32603,
      message: expect.stringMatching(/^failed to read http\/request response body: .*300000 bytes.*streamResponse/),
    });
  });
});

describe('http/request follows redirects', () => {
  const headers = [
    { name: 'Authorization', value: 'secret' },
    { name: 'Content-Type', value: 'text/plain' },
    { name: 'X-Kept', value: '1' },
  ];
  const post = { method: 'POST', headers, bodyBase64: Buffer.from('payload').toString('base64') };

  it('302 as GET without a body', async () => {
    await connection().request({ ...post, url: `${url}/302` });
    expect(seen[1]).toMatchObject({ method: 'GET', url: '/seen', body: '' });
    expect(seen[1]?.rawHeaders).toContain('secret');
    expect(seen[1]?.rawHeaders).not.toContain('Content-Type');
  });

  it('307 as it was, but without secrets to another host', async () => {
    await connection().request({ ...post, url: `${url}/307-away` });
    expect(seen[1]).toMatchObject({ method: 'POST', url: '/seen', body: 'payload' });
    expect(seen[1]?.rawHeaders).not.toContain('secret');
    expect(seen[1]?.rawHeaders).toContain('X-Kept');
  });

  it('not with redirectPolicy stop, not for ever, not to other schemes', async () => {
    expect((await connection().request({ url: `${url}/302`, redirectPolicy: 'stop' })).status).toBe(302);
    await expect(connection().request({ url: `${url}/loop` })).rejects.toThrow('too many redirects');
    expect(seen.filter((request) => request.url === '/loop')).toHaveLength(11);
    await expect(connection().request({ url: `${url}/nowhere` })).rejects.toThrow('scheme ftp');
  });
});

describe('http/request fails', () => {
  it('with -32602 for what cannot be sent', async () => {
    const cases: [object, string][] = [
      [{ method: 'BAD METHOD' }, 'http/request method is invalid: invalid HTTP method'],
      [{ method: '' }, 'http/request method is invalid: invalid HTTP method'],
      [{ url: '/relative' }, 'http/request url is invalid: relative URL without a base'],
      [{ url: 'http://[::1/' }, 'http/request url is invalid: not an absolute URL'],
      [{ url: 'ftp://127.0.0.1/x' }, 'http/request only supports http and https URLs, got ftp'],
      [
        { headers: [{ name: 'bad name', value: 'x' }] },
        'http/request header name is invalid: invalid HTTP header name',
      ],
      [
        { headers: [{ name: 'x', value: 'a\nb' }] },
        'http/request header value is invalid for x: failed to parse header value',
      ],
      [{ bodyBase64: '!!' }, 'params.bodyBase64: not standard base64 with padding'],
    ];
    for (const [params, message] of cases) {
      await expect(connection().request(params)).rejects.toMatchObject({ code: -32602, message });
    }
    expect(seen).toEqual([]);
  });

  it('with -32603 and the URL, without its password, when nobody answers', async () => {
    await expect(connection().request({ url: 'http://u:p@127.0.0.1:1/x?y' })).rejects.toMatchObject({
      code: -32603,
      message:
        'http/request failed: error sending request for url (http://127.0.0.1:1/x?y): Connection refused (os error 111)',
    });
  });

  it('at timeoutMs, at once with 0, and not early with a large one', async () => {
    const late = { url: `${url}/late` };
    await expect(connection().request({ ...late, timeoutMs: 30 })).rejects.toThrow('timed out after 30 ms');
    await expect(connection().request({ ...late, timeoutMs: 0 })).rejects.toThrow('timed out after 0 ms');
    expect(bodyOf(await connection().request({ ...late, timeoutMs: 2 ** 40 }))).toBe('late');
    await expect(connection().request({ url: `${url}/trickle`, timeoutMs: 400 })).rejects.toThrow(
      'failed to read http/request response body: operation timed out after 400 ms',
    );
  });

  it('when the body breaks off, and when the connection ends', async () => {
    await expect(connection().request({ url: `${url}/broken` })).rejects.toMatchObject({
      code: -32603,
      message: expect.stringMatching(/^failed to read http\/request response body: /),
    });
    const ending = connection();
    const waiting = ending.request({ url: `${url}/late` });
    ending.end();
    await expect(waiting).rejects.toThrow('the connection has ended');
  });
});

describe('http/request streams', () => {
  it('after the answer, in order, with an empty last delta', async () => {
    const stream = connection();
    const result = await stream.request({ url: `${url}/large`, streamResponse: true });
    expect([result.bodyBase64, stream.deltas.length]).toEqual(['', 0]);
    expect(await stream.last()).toMatchObject({ requestId: 'r', deltaBase64: '', error: null });
    expect(stream.deltas.map(({ seq }) => seq)).toEqual(stream.deltas.map((_delta, index) => index + 1));
    const lengths = stream.deltas.map(({ deltaBase64 }) => Buffer.from(deltaBase64, 'base64').length);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(64 * 1024);
    expect(lengths.reduce((sum, length) => sum + length)).toBe(maxBufferedBodyBytes + 1);
  });

  it('and says in the last delta why a body broke off or ran out of time', async () => {
    const broken = connection();
    await broken.request({ url: `${url}/broken`, streamResponse: true });
    expect((await broken.last()).error).toMatch(/^error decoding response body: /);
    const slow = connection();
    await slow.request({ url: `${url}/trickle`, streamResponse: true, timeoutMs: 400 });
    expect((await slow.last()).error).toBe('operation timed out after 400 ms');
  });

  it('one body per requestId, which is free after the last delta and after a failure', async () => {
    const stream = connection();
    await expect(stream.request({ url: 'http://127.0.0.1:1/', streamResponse: true })).rejects.toBeDefined();
    await stream.request({ url: `${url}/late`, streamResponse: true });
    await expect(stream.request({ streamResponse: true })).rejects.toMatchObject({
      code: -32602,
      message: 'http/request streamResponse requestId `r` is already active',
    });
    await stream.request({});
    await stream.last();
    await stream.request({ streamResponse: true });
    await stream.last();
  });

  it('many at once', async () => {
    const stream = connection();
    const ids = Array.from({ length: 30 }, (_value, index) => String(index));
    await Promise.all(ids.map((requestId) => stream.request({ requestId, streamResponse: true })));
    await expect.poll(() => stream.deltas.filter(({ done }) => done).length).toBe(30);
  });

  it('no faster than the harness reads, and ends with its connection', async () => {
    bytesWritten = 0;
    const stream = connection();
    stream.stopReading();
    await stream.request({ url: `${url}/endless`, streamResponse: true });
    // The sockets between us take a few megabytes, then nothing moves.
    let before: number;
    do {
      before = bytesWritten;
      await pause(100);
    } while (bytesWritten > before || before === 0);
    expect(stream.deltas).toHaveLength(1);
    stream.read();
    await expect.poll(() => stream.deltas.length).toBeGreaterThan(20);
    stream.end();
    await expect.poll(() => endlessEnded).toBe(true);
    expect(stream.context.bodyStreams.size).toBe(0);
  });
});
