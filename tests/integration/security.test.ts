// Who gets in, and what those who do not can do (DESIGN: HTTP surface, Safe by default; promises 1, 2, 3 and 5).
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { UpgradeRefused } from '../helpers/carriers.ts';
import { Growth } from '../helpers/growth.ts';
import { openFiles } from '../helpers/proc.ts';
import { closeCodeIn, frame, RawSocket, upgradeRequest } from '../helpers/raw-socket.ts';
import { useServer, type RunningServer } from '../helpers/server.ts';
import { until, within } from '../helpers/until.ts';

const MiB = 1024 * 1024;

const serve = useServer({ command: 'serve' });
const listener = useServer();
const both = [
  { name: 'serve', server: serve },
  { name: 'exec-server --listen', server: listener },
];

/** Path and query that `url` names, token included. */
function target(server: RunningServer): string {
  const url = new URL(server.url);
  return `${url.pathname}${url.search}`;
}

async function upgradeStatus(
  server: RunningServer,
  host: string,
  headers: string[],
  path = target(server),
): Promise<number | undefined> {
  const socket = await RawSocket.connect(server.port);
  socket.send(upgradeRequest({ path, host, headers }));
  const status = await socket.status();
  socket.destroy();
  return status;
}

async function expectAlive(server: RunningServer): Promise<void> {
  const client = await server.connect();
  expect((await client.run(['echo', 'alive'])).text()).toBe('alive\n');
}

describe.each(both)('$name', ({ name, server }) => {
  const isServe = name === 'serve';

  it('refuses every foreign Origin with 403, before the upgrade', async () => {
    const port = String(server.current.port);
    const host = `127.0.0.1:${port}`;
    const foreign = [
      'null',
      '',
      'http://example.test',
      `http://example.test:${port}`,
      `https://127.0.0.1:${String(server.current.port + 1)}`,
      `ws://127.0.0.1:${port}`,
      'http://127.0.0.1',
      `http://127.0.0.1:${String(server.current.port + 1)}`,
      `http://127.0.0.1.example.test:${port}`,
      `http://localhost.example.test:${port}`,
      `http://127.0.0.1:${port}.example.test`,
      `http://127.0.0.1:${port}@example.test`,
      `http://user@127.0.0.1:${port}`,
      `http://127.0.0.1:${port}/`,
      `http://127.1:${port}`,
      `http://localhost.:${port}`,
      'file://',
      'chrome-extension://abcdefgh',
      'not a url',
      `http://127.0.0.1:${port}, http://example.test`,
    ];
    for (const origin of foreign) {
      expect(await upgradeStatus(server.current, host, [`Origin: ${origin}`]), origin).toBe(403);
    }
    expect(await upgradeStatus(server.current, host, [`Origin: http://${host}`, 'Origin: http://example.test'])).toBe(
      403,
    );
  });

  it('lets clients in that send no Origin, and its own page only where it has one', async () => {
    const port = String(server.current.port);
    expect(await upgradeStatus(server.current, `127.0.0.1:${port}`, [])).toBe(101);
    for (const name of ['127.0.0.1', 'localhost']) {
      const status = await upgradeStatus(server.current, `${name}:${port}`, [`Origin: http://${name}:${port}`]);
      expect(status).toBe(isServe ? 101 : 403);
    }
  });

  it('refuses names that were rebound to it, and look-alikes of its own', async () => {
    const port = String(server.current.port);
    const hosts = [
      'example.test',
      `example.test:${port}`,
      `127.0.0.1.example.test:${port}`,
      `localhost.example.test:${port}`,
      `127.evil.test:${port}`,
      `127.0.0.1:${port}@example.test`,
      `[::ffff:1.2.3.4]:${port}`,
      'a b',
      '[',
    ];
    for (const host of hosts) {
      // exec-server looks at no Host, as its model: a page always sends its Origin, and is refused by that.
      if (isServe) expect([400, 403, 421], host).toContain(await upgradeStatus(server.current, host, []));
      const rebound = await upgradeStatus(server.current, host, [`Origin: http://${host}`]);
      expect([400, 403, 421], host).toContain(rebound);
    }
    for (const host of ['localhost', '127.0.0.1']) {
      expect(await upgradeStatus(server.current, `${host}:${port}`, [])).toBe(101);
    }
  });

  it('judges an upgrade by its headers, whatever the request-target says', async () => {
    const host = `127.0.0.1:${String(server.current.port)}`;
    for (const path of ['//', '//example.test/ws', 'http://example.test/', '/%', '*', '?']) {
      const status = await upgradeStatus(server.current, host, [], path);
      expect(status, path).not.toBe(101);
      const foreign = await upgradeStatus(server.current, host, ['Origin: http://example.test'], path);
      expect(foreign, path).not.toBe(101);
    }
    await expectAlive(server.current);
  });

  it('survives resets in the middle of an upgrade', async () => {
    const host = `127.0.0.1:${String(server.current.port)}`;
    const text = upgradeRequest({ path: target(server.current), host });
    for (let round = 0; round < 100; round++) {
      const socket = await RawSocket.connect(server.current.port);
      socket.send(text);
      if (round % 2 === 0) await socket.waitUntil('a byte', (received) => received.length > 0);
      socket.reset();
    }
    await expectAlive(server.current);
  });

  it('survives 500 torn handshakes without keeping a descriptor', async () => {
    const { pid, port } = server.current;
    await expectAlive(server.current);
    const before = await settledFiles(pid);
    const text = upgradeRequest({ path: target(server.current), host: `127.0.0.1:${String(port)}` });
    for (let round = 0; round < 500; round++) {
      const socket = await RawSocket.connect(port);
      socket.send(text.slice(0, (round * 7) % text.length));
      if (round % 3 === 0) socket.reset();
      else socket.destroy();
    }
    await until('the descriptors to be back', () => openFiles(pid).size <= before, {
      withinMs: 10_000,
      describe: () => `${String(openFiles(pid).size)} of ${String(before)}`,
    });
    await expectAlive(server.current);
  });

  it('answers or closes each of 100 hostile requests, and goes on', async () => {
    const { pid, port } = server.current;
    const before = await settledFiles(pid);
    const requests = hostileRequests(port, target(server.current));
    expect(requests.length).toBeGreaterThanOrEqual(100);
    for (const bytes of requests) {
      const socket = await RawSocket.connect(port);
      socket.send(bytes);
      socket.finish();
      // An answer, or the end; what would wait for more has been told that there is none.
      await socket.waitUntil(JSON.stringify(bytes.toString('latin1').slice(0, 120)), (received) => received.length > 0);
      socket.destroy();
    }
    await until('the descriptors to be back', () => openFiles(pid).size <= before, { withinMs: 10_000 });
    await expectAlive(server.current);
  }, 60_000);

  it('closes each connection that breaks the framing with a code, and no other', async () => {
    const beside = await server.current.connect();
    for (const { what, bytes, codes } of frameViolations()) {
      const socket = await RawSocket.connect(server.current.port);
      const host = `127.0.0.1:${String(server.current.port)}`;
      socket.send(upgradeRequest({ path: target(server.current), host }));
      await socket.waitUntil('101', (received) => received.includes('\r\n\r\n'));
      socket.send(bytes);
      await socket.waitUntil(what, (received) => closeCodeIn(received) !== undefined);
      expect(codes, what).toContain(closeCodeIn(socket.received));
      socket.destroy();
    }
    expect((await beside.run(['echo', 'untouched'])).text()).toBe('untouched\n');
  });

  it('sends nothing after its close frame, whatever it was about to answer', async () => {
    const socket = await RawSocket.connect(server.current.port);
    socket.send(upgradeRequest({ path: target(server.current), host: `127.0.0.1:${String(server.current.port)}` }));
    await socket.waitUntil('101', (received) => received.includes('\r\n\r\n'));
    const head = socket.received.length;
    const request = frame(0x81, Buffer.from('{"id":1,"method":"initialize","params":{"clientName":"c"}}'));
    const close = frame(0x88, Buffer.from([0x03, 0xe8]));
    socket.send(Buffer.concat([request, close]));
    await socket.ended;
    const sent = socket.received.subarray(head);
    expect(closeCodeIn(socket.received)).toBe(1000);
    expect([...sent.subarray(-4)]).toEqual([0x88, 0x02, 0x03, 0xe8]);
  });

  it('closes with 1009 what is larger than the limit, as soon as it is passed', async () => {
    const client = await server.current.connect();
    for (const sizeMiB of [64, 300]) {
      const growth = new Growth(server.current.pid);
      const socket = new WebSocket(server.current.url, { perMessageDeflate: false });
      const closed = new Promise<number>((resolve) => socket.once('close', resolve));
      socket.on('error', () => undefined);
      await within('open', 5_000, new Promise((resolve) => socket.once('open', resolve)));
      let sentMiB = 0;
      const piece = Buffer.alloc(MiB, ' ');
      while (sentMiB < sizeMiB && socket.readyState === WebSocket.OPEN) {
        socket.send(piece, { fin: ++sentMiB === sizeMiB });
        await until('room', () => socket.bufferedAmount < 2 * MiB || socket.readyState !== WebSocket.OPEN, {
          everyMs: 1,
        });
      }
      expect(await within('the close', 10_000, closed)).toBe(1009);
      // What is under way in the sockets comes on top of the limit of 48 MiB.
      expect(sentMiB).toBeLessThan(150);
      expect(growth.stop()).toBeLessThan((48 + 64) * MiB);
      socket.terminate();
    }
    const announced = await RawSocket.connect(server.current.port);
    announced.send(upgradeRequest({ path: target(server.current), host: `127.0.0.1:${String(server.current.port)}` }));
    await announced.waitUntil('101', (received) => received.includes('\r\n\r\n'));
    announced.send(frame(0x81, Buffer.alloc(10), { length: BigInt(300 * MiB) }));
    await announced.waitUntil('the close', (received) => closeCodeIn(received) !== undefined);
    expect(closeCodeIn(announced.received)).toBe(1009);
    announced.destroy();
    expect((await client.run(['echo', 'still here'])).text()).toBe('still here\n');
  }, 60_000);

  it('bounds the number of fragments of a message', async () => {
    const socket = new WebSocket(server.current.url, { perMessageDeflate: false });
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    await within('open', 5_000, new Promise((resolve) => socket.once('open', resolve)));
    for (let sent = 0; sent < 100_000 && socket.readyState === WebSocket.OPEN; sent++) {
      socket.send(' ', { fin: false });
      if (sent % 500 === 0) await until('room', () => socket.bufferedAmount < 100_000, { everyMs: 1 });
    }
    expect([1008, 1009]).toContain(await within('the close', 10_000, closed));
  });

  it('negotiates no compression and no subprotocol', async () => {
    const socket = await RawSocket.connect(server.current.port);
    const headers = ['Sec-WebSocket-Extensions: permessage-deflate', 'Sec-WebSocket-Protocol: chat, superchat'];
    socket.send(
      upgradeRequest({ path: target(server.current), host: `127.0.0.1:${String(server.current.port)}`, headers }),
    );
    expect(await socket.status()).toBe(101);
    expect(socket.received.toString('latin1')).not.toMatch(/sec-websocket-(extensions|protocol)/i);
    socket.destroy();
  });
});

describe('the token of serve', () => {
  const paths = ['/', '/exec'];

  it('is required on every way in, and the refusal does not tell why', async () => {
    const { port } = serve.current;
    const token = serve.current.token ?? '';
    expect(token.length).toBeGreaterThanOrEqual(22);
    const wrong = [
      '',
      'x',
      token.slice(0, -1),
      `${token}x`,
      token.toUpperCase() + token,
      '%00',
      encodeURIComponent('ü'),
    ];
    const answers = new Set<string>();
    for (const path of paths) {
      for (const query of ['', ...wrong.map((value) => `?token=${value}`), '?token', `?Token=${token}`]) {
        const socket = await RawSocket.connect(port);
        socket.send(upgradeRequest({ path: `${path}${query}`, host: `127.0.0.1:${String(port)}` }));
        expect(await socket.status(), `${path}${query}`).toBe(401);
        await socket.waitUntil('the whole answer', () => socket.isEnded, 2_000);
        answers.add(socket.received.toString('latin1').replace(/^date:.*\r\n/im, ''));
        socket.destroy();
      }
    }
    expect([...answers]).toHaveLength(1);
  });

  it('is taken from the query and from Authorization, on both paths', async () => {
    const { port } = serve.current;
    const token = serve.current.token ?? '';
    const host = `127.0.0.1:${String(port)}`;
    for (const path of paths) {
      expect(await upgradeStatus(serve.current, host, [], `${path}?token=${token}`)).toBe(101);
      expect(await upgradeStatus(serve.current, host, [`Authorization: Bearer ${token}`], path)).toBe(101);
      expect(await upgradeStatus(serve.current, host, [`Authorization: Basic ${token}`], path)).toBe(401);
      expect(await upgradeStatus(serve.current, host, ['Authorization: Bearer wrong'], path)).toBe(401);
    }
    await expect(serve.current.connect({ headers: { Origin: 'http://example.test' } })).rejects.toBeInstanceOf(
      UpgradeRefused,
    );
  });

  it('is in no child and in no log', async () => {
    const client = await serve.current.connect();
    const envPolicy = { inherit: 'all', ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] };
    const view = await client.run(['/usr/bin/env'], { env: {}, envPolicy });
    const token = serve.current.token ?? 'none';
    expect(view.text()).not.toContain(token);
    expect(serve.current.stderr).not.toContain(token);
  });
});

/** Descriptors once nothing is being closed any more. */
async function settledFiles(pid: number): Promise<number> {
  let last = -1;
  return until(
    'the descriptors to settle',
    () => {
      const count = openFiles(pid).size;
      const isSettled = count === last;
      last = count;
      return isSettled ? count : undefined;
    },
    { everyMs: 150 },
  );
}

function hostileRequests(port: number, path: string): Buffer[] {
  const host = `Host: 127.0.0.1:${String(port)}`;
  const get = (line: string, ...headers: string[]): string => [line, host, ...headers, '', ''].join('\r\n');
  const upgrade = (...headers: string[]): string =>
    upgradeRequest({ path, host: `127.0.0.1:${String(port)}`, headers });
  const without = (name: string): string =>
    upgrade()
      .split('\r\n')
      .filter((line) => !line.startsWith(name))
      .join('\r\n');
  const instead = (name: string, line: string): string =>
    upgrade()
      .split('\r\n')
      .map((old) => (old.startsWith(name) ? line : old))
      .join('\r\n');
  const texts = [
    ...['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'HEAD', 'CONNECT', 'PRI', 'get', 'G\0T', ''].map(
      (method) => get(`${method} / HTTP/1.1`),
    ),
    ...[
      '/',
      '//',
      '/%',
      '/%00',
      '/%ff',
      '/../../etc/passwd',
      '/..%2f..%2fetc/passwd',
      '/\\..\\',
      '/?',
      '/#',
      '*',
      '?x',
    ].map((target) => get(`GET ${target} HTTP/1.1`)),
    ...['http://', 'http://[', 'http://[::1', 'http://a:b:c/', 'http:///', '//[', '//%', '/\u00ff', '/a b', ''].map(
      (target) => get(`GET ${target} HTTP/1.1`),
    ),
    ...['HTTP/0.9', 'HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'HTTP/9.9', 'HTTP', 'XTTP/1.1', ''].map((version) =>
      get(`GET / ${version}`),
    ),
    ...[
      '//',
      '//x',
      'http://[',
      '/%',
      '*',
      '/exec//',
      '/exec?token=%',
      '/?token=%E0%A4%A',
      '/relay/',
      '/api/../exec',
    ].map((target) => upgradeRequest({ path: target, host: `127.0.0.1:${String(port)}` })),
    ...[
      '',
      ' ',
      '[',
      ']',
      '[::1',
      '::1',
      ':',
      ':0',
      'a:b:c',
      '127.0.0.1:99999',
      'a\tb',
      'x'.repeat(5_000),
      '%00',
      'ü',
    ].map((name) => upgradeRequest({ path, host: name })),
    ...['[', 'http://', 'http://[', 'http://%', '://', 'http://a:b', 'http://127.0.0.1:port', 'x'.repeat(5_000)].map(
      (origin) => upgrade(`Origin: ${origin}`),
    ),
    without('Sec-WebSocket-Key'),
    without('Sec-WebSocket-Version'),
    without('Connection'),
    without('Host'),
    instead('Sec-WebSocket-Key', 'Sec-WebSocket-Key: short'),
    instead('Sec-WebSocket-Key', `Sec-WebSocket-Key: ${'x'.repeat(10_000)}`),
    instead('Sec-WebSocket-Version', 'Sec-WebSocket-Version: 99'),
    instead('Sec-WebSocket-Version', 'Sec-WebSocket-Version: 13, 13'),
    instead('Upgrade', 'Upgrade: h2c'),
    instead('Upgrade', 'Upgrade: websocket, foo'),
    instead('Connection', 'Connection: close, Upgrade'),
    upgrade('Sec-WebSocket-Extensions: permessage-deflate; =', 'Sec-WebSocket-Protocol: ,,,'),
    upgrade('Sec-WebSocket-Extensions: "', 'Sec-WebSocket-Protocol: a b'),
    upgrade(`Sec-WebSocket-Protocol: ${'a,'.repeat(3_000)}a`),
    upgrade('Authorization: Bearer', 'Cookie: =;=;='),
    upgrade(`Authorization: Bearer ${'x'.repeat(8_000)}`),
    upgrade('Cookie: token=%E0%A4%A; token="'),
    upgrade('Content-Length: 5') + 'hello',
    upgrade('Transfer-Encoding: chunked') + '5\r\nhello\r\n0\r\n\r\n',
    get('GET / HTTP/1.1', 'Content-Length: -1'),
    get('GET / HTTP/1.1', 'Content-Length: 1', 'Content-Length: 2'),
    get('GET / HTTP/1.1', 'Content-Length: 99999999999999999999'),
    get('POST / HTTP/1.1', 'Transfer-Encoding: chunked', 'Content-Length: 4') + 'zz\r\n',
    get('POST / HTTP/1.1', 'Transfer-Encoding: chunked') + 'FFFFFFFFFFFFFFFF\r\n',
    get('POST / HTTP/1.1', 'Expect: 100-continue', 'Content-Length: 10'),
    get('GET / HTTP/1.1', 'no colon here'),
    get('GET / HTTP/1.1', ': no name'),
    get('GET / HTTP/1.1', 'X: a\0b'),
    get('GET / HTTP/1.1', ' folded: line'),
    get('GET / HTTP/1.1', `X: ${'y'.repeat(100_000)}`),
    get('GET / HTTP/1.1', ...Array.from({ length: 3_000 }, (_value, index) => `X-${String(index)}: y`)),
    upgrade(...Array.from({ length: 3_000 }, (_value, index) => `X-${String(index)}: y`)),
    `GET / HTTP/1.1\n${host}\n\n`,
    `GET /${'x'.repeat(100_000)} HTTP/1.1\r\n${host}\r\n\r\n`,
    get('GET / HTTP/1.1').repeat(50),
    upgrade() + upgrade(),
    '\r\n\r\n\r\n',
    '\0\0\0\0',
    'SSH-2.0-OpenSSH_9.0\r\n',
    '{"id":1,"method":"initialize"}\n',
  ];
  const tls = Buffer.from('16030100c8010000c40303', 'hex');
  return [...texts.map((text) => Buffer.from(text, 'latin1')), tls, randomBytes(2_000), randomBytes(100_000)];
}

function frameViolations(): { what: string; bytes: Buffer; codes: number[] }[] {
  const text = Buffer.from('{"id":1,"method":"x"}');
  const violations = [
    { what: 'a frame without a mask', bytes: frame(0x81, text, { isMasked: false }), codes: [1002] },
    ...[0xc1, 0xa1, 0x91].map((first) => ({
      what: `reserved bits ${String(first)}`,
      bytes: frame(first, text),
      codes: [1002],
    })),
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => ({
      what: `reserved opcode ${String(opcode)}`,
      bytes: frame(0x80 | opcode, Buffer.alloc(0)),
      codes: [1002],
    })),
    { what: 'a ping in fragments', bytes: frame(0x09, text), codes: [1002] },
    { what: 'a ping that is too long', bytes: frame(0x89, Buffer.alloc(126)), codes: [1002] },
    { what: 'a continuation of nothing', bytes: frame(0x80, text), codes: [1002] },
    { what: 'a message inside another', bytes: Buffer.concat([frame(0x01, text), frame(0x81, text)]), codes: [1002] },
    { what: 'text that is not UTF-8', bytes: frame(0x81, Buffer.from([0xff, 0xfe, 0xc0])), codes: [1007] },
    { what: 'a close frame of one byte', bytes: frame(0x88, Buffer.from([3])), codes: [1002] },
    { what: 'a close frame with code 999', bytes: frame(0x88, Buffer.from([3, 231])), codes: [1002] },
    { what: 'a close frame with code 1005', bytes: frame(0x88, Buffer.from([3, 237])), codes: [1002] },
    { what: 'a close reason that is not UTF-8', bytes: frame(0x88, Buffer.from([3, 232, 0xff, 0xfe])), codes: [1007] },
    {
      what: 'a length beyond 2^63',
      bytes: frame(0x81, Buffer.alloc(0), { length: 0x8000_0000_0000_0001n }),
      codes: [1002, 1009],
    },
    { what: 'a length beyond 2^53', bytes: frame(0x81, Buffer.alloc(0), { length: 1n << 60n }), codes: [1009] },
  ];
  expect(violations.length).toBeGreaterThanOrEqual(24);
  return violations;
}
