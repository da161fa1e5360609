// What can go wrong on the way to a server: each has its own error, in time, and leaves nothing running.

import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { connectRelay, connectStdio, connectWebSocket } from '../../../backend/client/connect.ts';
import { useServer } from '../../helpers/server.ts';
import { timed, until, within } from '../../helpers/until.ts';

const server = useServer({ command: 'serve' });
const opened: (() => Promise<unknown>)[] = [];
const sockets = new Set<Socket>();

afterEach(async () => {
  for (const close of opened.splice(0)) await close();
  // The client has let go of every one of them by itself.
  await until('all sockets to be closed', () => sockets.size === 0);
});

/** @returns its port. */
async function listening(node: Server | ReturnType<typeof createServer>): Promise<number> {
  node.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  node.listen(0, '127.0.0.1');
  await once(node, 'listening');
  opened.push(() => new Promise((resolve) => node.close(resolve)));
  return (node.address() as AddressInfo).port;
}

/** A WebSocket server that does as it is told with each message. */
async function answering(answer: (text: string, send: (text: string | Buffer) => void) => void): Promise<string> {
  const http = createHttpServer();
  const wss = new WebSocketServer({ server: http });
  wss.on('connection', (socket) =>
    socket.on('message', (data: Buffer) => answer(data.toString(), (text) => socket.send(text))),
  );
  return `ws://127.0.0.1:${await listening(http)}`;
}

const quick = { connectTimeoutMs: 300, initializeTimeoutMs: 300 };

async function failure(connecting: Promise<unknown>): Promise<{ code: unknown; message: string; tookMs: number }> {
  const { value, tookMs } = await timed(() =>
    within('the failure', 5000, connecting).then(
      () => ({ code: 'connected', message: '' }),
      (error: unknown) => error as { code: unknown; message: string },
    ),
  );
  return { code: value.code, message: value.message, tookMs };
}

describe('connectWebSocket', () => {
  it.each(['', 'nonsense', 'http://127.0.0.1:1', 'ws://', 'ws://a b'])('refuses the URL %j', async (url) => {
    expect(await failure(connectWebSocket(url, quick))).toMatchObject({ code: 'invalid-argument' });
  });

  it('says that nobody listens there', async () => {
    const result = await failure(connectWebSocket('ws://127.0.0.1:1', quick));
    expect(result).toMatchObject({ code: 'connect', message: expect.stringContaining('ECONNREFUSED') });
  });

  it('says that the token is missing or wrong, and never shows it', async () => {
    const url = `ws://127.0.0.1:${server.current.port}/exec`;
    for (const token of [undefined, 'a-wrong-token']) {
      const result = await failure(connectWebSocket(url, { ...quick, token }));
      expect(result).toMatchObject({ code: 'connect', message: expect.stringMatching(/token is missing or wrong/) });
      expect(result.message).not.toContain('a-wrong-token');
    }
    const inQuery = await failure(connectWebSocket(`${url}?token=a-wrong-token`, quick));
    expect(inQuery.message).not.toContain('a-wrong-token');
  });

  it('says that a web server is no exec server', async () => {
    const port = await listening(createHttpServer((_request, response) => response.end('<html>')));
    const result = await failure(connectWebSocket(`ws://127.0.0.1:${port}`, quick));
    expect(result).toMatchObject({ code: 'connect', message: expect.stringContaining('answered 200') });
  });

  it('gives up a host that takes the connection and says nothing, or half of an answer', async () => {
    for (const said of ['', 'HTTP/1.1 101 Switching']) {
      const port = await listening(createServer((socket) => socket.resume().write(said)));
      const result = await failure(connectWebSocket(`ws://127.0.0.1:${port}`, quick));
      expect(result.code).toBe('connect-timeout');
      expect(result.tookMs).toBeLessThan(2000);
    }
  });

  it('gives up a server that does not answer initialize', async () => {
    const result = await failure(connectWebSocket(await answering(() => undefined), quick));
    expect(result.code).toBe('initialize-timeout');
    expect(result.tookMs).toBeLessThan(2000);
  });

  it.each([
    ['text that is no JSON', 'hello'],
    ['bytes', Buffer.from([0xff, 0xfe])],
    ['a result of another shape', '{"id":1,"result":{"session":5}}'],
    ['an answer to nothing', '{"id":77,"result":{}}'],
  ])('says that it is another protocol: %s', async (_what, garbage) => {
    const result = await failure(connectWebSocket(await answering((_text, send) => send(garbage)), quick));
    expect(result.code).toBe('protocol');
  });

  it('hands on what the server answers', async () => {
    const refusal = '{"id":1,"error":{"code":-32001,"message":"too many sessions","data":{"max":1}}}';
    const url = await answering((_text, send) => send(refusal));
    const error: unknown = await connectWebSocket(url, quick).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'RpcError', code: -32001, message: 'too many sessions', data: { max: 1 } });
  });

  it('is aborted while it dials and while it waits for the answer', async () => {
    const port = await listening(createServer((socket) => socket.resume()));
    for (const url of [`ws://127.0.0.1:${port}`, await answering(() => undefined)]) {
      const signal = AbortSignal.timeout(50);
      expect((await failure(connectWebSocket(url, { signal }))).code).toBe('aborted');
    }
    expect((await failure(connectWebSocket('ws://127.0.0.1:1', { signal: AbortSignal.abort() }))).code).toBe('aborted');
  });
});

describe('connectRelay', () => {
  const ask = (options: object) =>
    failure(connectRelay({ registry: server.current.httpUrl, executorId: 'nobody', ...quick, ...options }));

  it('tells an executor that is offline, a wrong token, a wrong registry and one that is silent apart', async () => {
    const { token } = server.current;
    expect(await ask({ token })).toMatchObject({ code: 'connect', message: 'executor nobody is not online' });
    expect(await ask({ token: 'no' })).toMatchObject({ code: 'connect', message: expect.stringContaining('401') });
    expect(await ask({ registry: 'ftp://x' })).toMatchObject({ code: 'invalid-argument' });
    expect(await ask({ registry: 'http://127.0.0.1:1' })).toMatchObject({ code: 'connect' });
    const page = await listening(createHttpServer((_request, response) => response.end('<html>')));
    expect(await ask({ registry: `http://127.0.0.1:${page}` })).toMatchObject({ code: 'protocol' });
    const wrong = await listening(createHttpServer((_request, response) => response.end('{"url":"http://x"}')));
    expect(await ask({ registry: `http://127.0.0.1:${wrong}` })).toMatchObject({ code: 'protocol' });
    const silent = await listening(createServer((socket) => socket.resume()));
    expect(await ask({ registry: `http://127.0.0.1:${silent}` })).toMatchObject({ code: 'connect-timeout' });
  });
});

describe('connectStdio', () => {
  const start = (script: string, more: object = {}) =>
    failure(connectStdio({ command: 'sh', args: ['-c', script], ...quick, ...more }));

  it('says that there is no such program, or no such folder', async () => {
    expect(await failure(connectStdio({ command: 'no-such-program' }))).toMatchObject({ code: 'spawn' });
    expect(await start('true', { cwd: '/no/such' })).toMatchObject({
      code: 'spawn',
      message: expect.stringContaining('/no/such'),
    });
  });

  it('says how it has ended, in its own words', async () => {
    const result = await start('echo "no licence" >&2; exit 3');
    expect(result).toMatchObject({ code: 'closed', message: expect.stringMatching(/exit code 3: no licence/) });
  });

  it('ends a program that says nothing or something else, by force if it must', async () => {
    const pids: string[] = [];
    const more = { cwd: tmpdir(), onStderr: (text: string) => pids.push(text.trim()) };
    expect((await start('echo $$ >&2; exec cat >/dev/null', more)).code).toBe('initialize-timeout');
    expect((await start('echo $$ >&2; echo hello; exec cat >/dev/null', more)).code).toBe('protocol');
    expect((await start('trap "" TERM; echo $$ >&2; exec sleep 1000', { ...more, graceMs: 50 })).code).toBe(
      'initialize-timeout',
    );
    expect(pids).toHaveLength(3);
    for (const pid of pids) expect(() => process.kill(Number(pid), 0)).toThrow(/ESRCH/);
  });
});
