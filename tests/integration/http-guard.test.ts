// http/request kept from being a stepping stone: --http-deny, --http-allow, --http-max-ms, --http-max-response-bytes.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer } from '../helpers/server.ts';

const endless = Buffer.alloc(64 * 1024, 'e');
const origin = createServer((request, response) => {
  switch (request.url) {
    case '/to-denied':
      response.writeHead(302, { location: `http://127.0.0.2:${String(port)}/` }).end();
      return;
    case '/to-name':
      response.writeHead(302, { location: `http://localhost:${String(port)}/` }).end();
      return;
    case '/endless': {
      const push = () => {
        while (!response.destroyed && response.write(endless));
      };
      response.on('drain', push);
      push();
      return;
    }
    case '/never':
      return;
    default:
      response.end('reached');
  }
});
let port = 0;
beforeAll(async () => {
  await new Promise<void>((resolve) => origin.listen(0, '0.0.0.0', resolve));
  port = (origin.address() as AddressInfo).port;
});
afterAll(() => {
  origin.closeAllConnections();
  origin.close();
});

const ask = (host: string, path = '/') => ({
  method: 'GET',
  url: `http://${host}:${String(port)}${path}`,
  requestId: 'r',
});
const refused = (address: string) => `the address ${address} is refused by this server`;

it('addresses, names and redirects that lead to a denied range are refused, its exceptions served', async () => {
  const server = await startServer({ args: ['--http-deny', 'private', '--http-allow', '127.0.0.3'] });
  const client = await server.connect();
  for (const address of ['127.0.0.1', '127.8.9.10', '0.0.0.0', '10.0.0.1', '192.168.1.1', '169.254.169.254']) {
    await expect(client.call('http/request', ask(address)), address).rejects.toThrow(refused(address));
  }
  // Other spellings of the same.
  for (const address of ['[::1]', '[::ffff:127.0.0.1]', '[64:ff9b::7f00:1]', '2130706433', '0x7f.1', '127.1']) {
    await expect(client.call('http/request', ask(address)), address).rejects.toThrow('is refused by this server');
  }
  await expect(client.call('http/request', ask('localhost'))).rejects.toThrow('is refused by this server');
  expect(await client.call('http/request', ask('127.0.0.3'))).toMatchObject({ status: 200 });
  await expect(client.call('http/request', ask('127.0.0.3', '/to-denied'))).rejects.toThrow(refused('127.0.0.2'));
  await expect(client.call('http/request', ask('127.0.0.3', '/to-name'))).rejects.toThrow('is refused by this server');
});

it('plain servers reach what they are asked for', async () => {
  const client = await (await startServer()).connect();
  expect(await client.call('http/request', ask('127.0.0.3', '/to-name'))).toMatchObject({ status: 200 });
});

it('time and size of a request are limited', async () => {
  const server = await startServer({ args: ['--http-max-ms', '200', '--http-max-response-bytes', '1000000'] });
  const client = await server.connect();
  await expect(client.call('http/request', ask('127.0.0.1', '/never'))).rejects.toThrow('timed out after 200 ms');
  await client.call('http/request', { ...ask('127.0.0.1', '/endless'), streamResponse: true });
  const last = await client.waitFor(
    'the end of the body',
    ({ method, params }) => method === 'http/request/bodyDelta' && (params as { done: boolean }).done,
  );
  expect(JSON.stringify(last)).toContain('the body is larger than 1000000 bytes (--http-max-response-bytes)');
});
