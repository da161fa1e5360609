// The tap passes a connection on byte for byte, records it, and cuts where it is told to.
import { randomBytes } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { until, within } from '../helpers/until.ts';
import { wireFaults } from './wire-rules.ts';
import { WireTap } from './wire-tap.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A server that answers each message with `reply`, a tap before it, and a client of the tap. */
async function tapped(
  reply: (text: string) => string[],
): Promise<{ tap: WireTap; client: WebSocket; server: WebSocketServer }> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  closers.push(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  server.on('connection', (socket) => {
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => {
      for (const text of reply(data.toString('utf8'))) socket.send(text);
    });
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const tap = await WireTap.open(`ws://127.0.0.1:${String(address.port)}`);
  closers.push(() => tap.close());
  const client = new WebSocket(`ws://127.0.0.1:${String(tap.port)}/?x=1`);
  client.on('error', () => undefined);
  closers.push(() => client.terminate());
  await new Promise((resolve, reject) => client.once('open', resolve).once('error', reject));
  return { tap, client, server };
}

test('messages of every length form pass unchanged and are recorded in both directions', async () => {
  const { tap, client } = await tapped((text) => [text]);
  const messages = [0, 100, 125, 126, 65_535, 65_536, 1_000_000].map((length, id) =>
    JSON.stringify({ id, method: 'echo', params: { text: randomBytes(length).toString('base64') } }),
  );
  const echoed: string[] = [];
  client.on('message', (data: Buffer) => echoed.push(data.toString('utf8')));
  for (const message of messages) client.send(message);
  await until('all echoes', () => echoed.length === messages.length);
  expect(echoed).toEqual(messages);
  const recorded = (direction: string): string[] =>
    tap.messages.filter((entry) => entry.direction === direction).map((entry) => JSON.stringify(entry.message));
  expect(recorded('to-server')).toEqual(messages);
  expect(recorded('to-cli')).toEqual(messages);
});

test('a message in fragments is recorded as one', async () => {
  const { tap, client } = await tapped(() => []);
  client.send('{"method":', { fin: false });
  client.send('"a"', { fin: false });
  client.send('}', { fin: true });
  await until('the message', () => tap.messages.length === 1);
  expect(tap.messages[0]?.message).toEqual({ method: 'a' });
});

test('a reset cut ends both sides in the middle of the matching message', async () => {
  const { tap, client, server } = await tapped(() => ['{"method":"one"}', '{"method":"two"}']);
  tap.cutAt('reset', ({ message }) => message.method === 'two');
  const got: string[] = [];
  client.on('message', (data: Buffer) => got.push(data.toString('utf8')));
  const closed = new Promise((resolve) => client.once('close', resolve));
  client.send('{"id":1,"method":"go"}');
  await within('the end at the client', 2_000, closed);
  await until('the end at the server', () => server.clients.size === 0);
  expect(got).not.toContain('{"method":"two"}');
  expect(tap.cuts).toBe(1);
});

test('a half-open cut ends the client only', async () => {
  const { tap, client, server } = await tapped(() => ['{"method":"one"}']);
  tap.cutAt('half-open', () => true);
  const closed = new Promise((resolve) => client.once('close', resolve));
  client.send('{"id":1,"method":"go"}');
  await within('the end at the client', 2_000, closed);
  expect(server.clients.size).toBe(1);
});

test('the rules of the wire name what a server did wrong', async () => {
  const event = (method: string, seq: number): string => JSON.stringify({ method, params: { processId: 'p', seq } });
  const { tap, client } = await tapped((text) =>
    text.includes('process/start')
      ? [event('process/output', 1), '{"id":1,"result":{}}', event('process/output', 1), event('process/exited', 3)]
      : ['{"id":2,"error":{"code":-32601,"message":"unknown"}}'],
  );
  client.send('{"id":1,"method":"process/start","params":{"processId":"p"}}');
  client.send('{"id":2,"method":"fs/walk","params":{}}');
  await until('all answers', () => tap.messages.length === 7);
  expect(wireFaults(tap)).toEqual([
    'process/output 1 of p before the answer to its start',
    'process/exited of p has seq 3 after 1',
    'fs/walk answered -32601 unknown',
  ]);
});
