// What is read past ws must be what ws would have read: the same frames, cut anywhere, are given to both.

import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { within } from '../../tests/helpers/until.ts';
import { readSimpleFrames } from './simple-frames.ts';

/** What a server saw of one connection: its messages in order, then how it ended. */
type Seen = string[];

let server: Server;
let accepted: (connection: { readonly seen: Promise<Seen> }) => void = () => undefined;
beforeAll(async () => {
  server = createServer();
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 100_000 });
  server.on('upgrade', (request, raw: Socket, head) => {
    sockets.handleUpgrade(request, raw, head, (socket) =>
      accepted({ seen: watch(socket, raw, request.url === '/ours') }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function watch(socket: WebSocket, raw: Socket, isOurs: boolean): Promise<Seen> {
  const seen: Seen = [];
  socket.on('error', () => undefined);
  socket.on('message', (data: Buffer, isBinary: boolean) =>
    seen.push(`${isBinary ? 'binary' : 'text'} ${data.toString()}`),
  );
  socket.on('ping', (data: Buffer) => seen.push(`ping ${data.toString('hex')}`));
  if (isOurs) {
    readSimpleFrames(socket, raw, {
      isMasked: true,
      onText: (text) => seen.push(`text ${text}`),
      onBinary: (bytes) => seen.push(`binary ${bytes.toString()}`),
      maxBinaryBytes: 100_000,
    });
  }
  return new Promise((resolve) => socket.on('close', (code) => resolve([...seen, `closed ${code}`])));
}

/** Sends `bytes` cut at `cuts` and returns what the server saw. */
async function play(path: string, bytes: Buffer, cuts: readonly number[]): Promise<Seen> {
  const watched = new Promise<{ readonly seen: Promise<Seen> }>((resolve) => (accepted = resolve));
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', noDelay: true });
  client.on('error', () => undefined);
  client.write(
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  const { seen } = await watched;
  const places = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b);
  for (let index = 0; index + 1 < places.length; index++) {
    client.write(bytes.subarray(places[index], places[index + 1]));
    // A turn of the event loop, so that pieces arrive as such.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  client.end();
  client.resume();
  const result = await within(
    `the end of ${path} ${bytes.subarray(0, 200).toString('hex')} ${places.join()}`,
    3000,
    seen,
  );
  client.destroy();
  return result;
}

const payload = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }).map((text) => new TextEncoder().encode(text)),
  fc.constantFrom(125, 126, 4096, 4097, 70_000, 100_001).map((length) => new Uint8Array(length).fill(0x61)),
);
const frame = fc
  .record({
    first: fc.oneof(
      { weight: 8, arbitrary: fc.constant(0x81) },
      { weight: 4, arbitrary: fc.constant(0x82) },
      { weight: 2, arbitrary: fc.constantFrom(0x01, 0x00, 0x80, 0x89, 0x8a) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
    ),
    isMasked: fc.oneof({ weight: 20, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    mask: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    payload,
  })
  .map(({ first, isMasked, mask, payload: bytes }) => {
    const length =
      bytes.length < 126
        ? [bytes.length]
        : bytes.length < 65_536
          ? [126, bytes.length >> 8, bytes.length & 255]
          : [127, 0, 0, 0, 0, 0, bytes.length >> 16, (bytes.length >> 8) & 255, bytes.length & 255];
    length[0] = (length[0] ?? 0) | (isMasked ? 0x80 : 0);
    const body = isMasked ? bytes.map((byte, index) => byte ^ (mask[index & 3] ?? 0)) : bytes;
    return Buffer.concat([Buffer.from([first, ...length]), isMasked ? mask : Buffer.alloc(0), body]);
  });

it('is what ws reads, wherever the bytes are cut, the breaches of the rules too', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(frame, { minLength: 1, maxLength: 12 }),
      fc.array(fc.nat(), { maxLength: 6 }),
      async (frames, cuts) => {
        const bytes = Buffer.concat(frames);
        expect(await play('/ours', bytes, cuts)).toEqual(await play('/plain', bytes, cuts));
      },
    ),
    { numRuns: 150 },
  );
}, 30_000);
