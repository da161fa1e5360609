import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { writeFrames, type OutgoingMessage } from './frame-writer.ts';

// Both readers are of ws, which refuses what RFC 6455 does; we write to the sockets below them.
let server: WebSocketServer;
let client: WebSocket;
let accepted: WebSocket;
const raw: { client?: Socket; server?: Socket } = {};
beforeAll(async () => {
  server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  await once(server, 'listening');
  server.on('connection', (socket, request) => {
    accepted = socket;
    raw.server = request.socket;
  });
  client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, { perMessageDeflate: false });
  client.once('upgrade', (response) => (raw.client = response.socket));
  await once(client, 'open');
});
afterAll(() => {
  client.terminate();
  server.close();
});

const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, index) => (index * 7) % 251));
const ascii = (length: number): Buffer => Buffer.from(bytes(length).map((byte) => byte & 0x7f));

describe.each([
  { writer: 'client', isBinary: true, isMasked: true },
  { writer: 'server', isBinary: true, isMasked: false },
  { writer: 'server', isBinary: false, isMasked: false },
] as const)('frames %o', ({ writer, ...kind }) => {
  it('arrive as they were written, whatever their length, place and parts', async () => {
    const lengths = [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 125, 126, 127, 1023, 65_535, 65_536, 70_001, 98_304, 200_003];
    const make = kind.isBinary ? bytes : ascii;
    const whole = lengths.map(make);
    const messages: OutgoingMessage[] = [...whole, ...whole.map((one) => [one.subarray(0, 3), one.subarray(3)])];
    const reader = writer === 'client' ? accepted : client;
    const received: { readonly data: Buffer; readonly isBinary: boolean }[] = [];
    const all = new Promise<void>((resolve, reject) => {
      reader.on('error', reject);
      reader.removeAllListeners('message').on('message', (data: Buffer, isBinary: boolean) => {
        received.push({ data, isBinary });
        if (received.length === 2 * whole.length) resolve();
      });
    });
    writeFrames(raw[writer]!, messages, kind);
    await all;
    expect(received.map(({ data }) => data.length)).toEqual([...lengths, ...lengths]);
    for (const [index, { data, isBinary }] of received.entries()) {
      expect(isBinary).toBe(kind.isBinary);
      expect(data.equals(whole[index % whole.length]!)).toBe(true);
    }
    // Masking has not touched what was given.
    expect(whole.every((one, index) => one.equals(make(lengths[index]!)))).toBe(true);
  });
});
