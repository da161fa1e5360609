// The load client against an independent implementation of WebSocket, with messages on both sides of every length form.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { expect, test } from 'vitest';
import { WebSocketServer } from 'ws';

import { encodeFrame, RawWebSocket } from './raw-websocket.ts';

async function withEchoServer(run: (url: string, server: WebSocketServer) => Promise<void>): Promise<void> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  server.on('connection', (socket) =>
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
  );
  await once(server, 'listening');
  try {
    await run(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, server);
  } finally {
    for (const client of server.clients) client.terminate();
    server.close();
  }
}

const LENGTHS = [0, 1, 125, 126, 127, 65_535, 65_536, 300_000, 3, 299_999, 0, 70_000];

for (const isRecording of [false, true]) {
  test(`messages of all length forms come back whole, in order (recording: ${isRecording})`, async () => {
    await withEchoServer(async (url) => {
      const socket = await RawWebSocket.connect(url, {
        buffer: Buffer.alloc(isRecording ? 4_000_000 : 320_000),
        isRecording,
      });
      const texts = LENGTHS.map((length, index) => String.fromCharCode(97 + index).repeat(length));
      const received: string[] = [];
      const done = new Promise<void>((resolve, reject) => {
        socket.onClosed = reject;
        socket.onMessage = (buffer, start, end) => {
          received.push(buffer.toString('latin1', start, end));
          if (received.length === texts.length) resolve();
        };
      });
      socket.send(Buffer.concat(texts.map((text) => encodeFrame(text))));
      await done;
      expect(received).toEqual(texts);
      socket.close();
    });
  });
}

test('a message larger than the buffer ends the connection with its size', async () => {
  await withEchoServer(async (url) => {
    const socket = await RawWebSocket.connect(url, { buffer: Buffer.alloc(20_000) });
    const reason = new Promise<Error>((resolve) => (socket.onClosed = resolve));
    socket.send(encodeFrame('x'.repeat(30_000)));
    expect((await reason).message).toContain('20000 bytes');
  });
});

test('a ping is answered, a close frame ends the connection with its reason', async () => {
  await withEchoServer(async (url, server) => {
    const connected = once(server, 'connection');
    const socket = await RawWebSocket.connect(url);
    await connected;
    const [peer] = [...server.clients];
    const pong = once(peer ?? server, 'pong');
    peer?.ping('still there?');
    expect(String((await pong)[0])).toBe('still there?');
    const reason = new Promise<Error>((resolve) => (socket.onClosed = resolve));
    peer?.close(1001, 'going away');
    expect((await reason).message).toContain('1001 going away');
  });
});
