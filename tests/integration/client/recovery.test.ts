// Connections that break: what a process writes meanwhile is read again, without a hole and without a double.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { connectWebSocket } from '../../../backend/client/connect.ts';
import type { ClientStatus, ExecServerClient } from '../../../shared/client/harness.ts';
import type { OutputBytes } from '../../../shared/client/process-handle.ts';
import type { Connection } from '../../../shared/connection/connection.ts';
import { useServer } from '../../helpers/server.ts';
import { until, within } from '../../helpers/until.ts';
import { testEnv } from './ways.ts';

const server = useServer();
const clients = new Set<ExecServerClient>();

afterEach(async () => {
  for (const client of clients) client.close();
  for (const client of clients) await client.whenClosed;
  clients.clear();
});

/** `cut` breaks the connection of now. */
async function connect(onStatus?: (status: ClientStatus) => void) {
  const connections: Connection[] = [];
  const client = await connectWebSocket(server.current.url, {
    onStatus,
    wrap: (connection) => {
      connections.push(connection);
      return connection;
    },
  });
  clients.add(client);
  return { client, cut: () => connections.at(-1)?.close(), count: () => connections.length };
}

const lines = (count: number) => Array.from({ length: count }, (_, index) => `${index + 1}\n`).join('');

it('reads every line once and in order over ten broken connections', async () => {
  const { client, cut, count } = await connect();
  const script = 'for i in $(seq 0 9); do read go; seq $((i * 1000 + 1)) $((i * 1000 + 1000)); done; exit 6';
  const handle = await client.exec({ argv: ['bash', '-c', script], stdin: 'open', env: testEnv });
  let text = '';
  const reading = (async () => {
    for await (const { bytes } of handle.output) text += Buffer.from(bytes).toString();
  })();
  for (let round = 1; round <= 10; round++) {
    await handle.write('go\n');
    cut();
    await until('the next connection', () => count() === round + 1);
    await client.whenReady();
  }
  await reading;
  expect(text).toBe(lines(10_000));
  expect(await handle.wait()).toBe(6);
});

it('learns of an exit that came while it was away, also when nobody reads the output', async () => {
  const { client, cut } = await connect();
  const handle = await client.exec({ argv: ['sh', '-c', 'seq 400000; exit 4'], env: testEnv });
  cut();
  expect(await within('its end', 10_000, handle.wait())).toBe(4);
});

it('answers requests that the break has taken with `closed`, and those after it as ever', async () => {
  const { client, cut } = await connect();
  const handle = await client.exec({ argv: ['cat'], stdin: 'open', env: testEnv });
  cut();
  await expect(handle.write('lost?\n')).rejects.toMatchObject({ code: 'closed' });
  await client.whenReady();
  expect(await handle.write('there\n')).toBe('accepted');
  await handle.closeStdin();
  let text = '';
  for await (const { bytes } of handle.output) text += Buffer.from(bytes).toString();
  expect(text).toBe('there\n');
});

it('tells those who wait for it when it is closed for good', async () => {
  let waiting: Promise<void> | undefined;
  const { client, cut } = await connect(({ phase }) => {
    if (phase !== 'waiting') return;
    waiting = client.whenReady();
    client.close();
  });
  cut();
  await within('the client to be closed', 5000, client.whenClosed);
  await expect(waiting).rejects.toMatchObject({ code: 'closed' });
  expect(client.isClosed).toBe(true);
});

it('holds the process back while it is paused, and then gets every byte', async () => {
  const { client } = await connect();
  const folder = mkdtempSync(join(tmpdir(), 'held-'));
  const count = 20_000_000;
  let seenBytes = 0;
  const argv = ['sh', '-c', `head -c ${count} /dev/zero; touch ended`];
  const env = { ...testEnv, PATH: process.env['PATH'] ?? '' };
  const listener = {
    onOutput: ({ bytes }: OutputBytes) => {
      if (seenBytes === 0) client.pause();
      seenBytes += bytes.length;
    },
  };
  const handle = await client.start({ processId: 'held', argv, cwd: folder, env, tty: false }, listener);
  await until('the first output', () => seenBytes > 0);
  // Nothing tells that a process stands still; had it gone on, it would long have ended.
  await delay(300);
  expect(existsSync(join(folder, 'ended'))).toBe(false);
  client.resume();
  expect(await within('its end', 10_000, handle.wait())).toBe(0);
  expect(seenBytes).toBe(count);
  rmSync(folder, { recursive: true });
});
