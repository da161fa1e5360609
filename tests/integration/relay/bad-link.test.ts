// Real processes over a bad link: 5 % of the frames lost in both directions, and both WebSockets cut ten times meanwhile.
// EXEC_TEST_RELAY_MIB=64 moves as much as docs/relay.md promises; 16 MiB otherwise.
import { createCipheriv, createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { useServer } from '../../helpers/server.ts';
import { until } from '../../helpers/until.ts';
import { call } from './relay-peer.ts';
import { childEnv, connect, startExecutor } from './relay-pair.ts';

const megabytes = Number(process.env['EXEC_TEST_RELAY_MIB'] ?? 16);
const cuts = 10;
const server = useServer({ command: 'serve' });

/** Prints that many MiB of what looks random and is always the same. */
const script = `
  const cipher = require('node:crypto').createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  const zeros = Buffer.alloc(1024 * 1024);
  let left = ${megabytes};
  const next = () => { if (left-- > 0) process.stdout.write(cipher.update(zeros), next); };
  next();`;

function expectedHash(): string {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  const hash = createHash('sha256');
  for (let n = 0; n < megabytes; n++) hash.update(cipher.update(Buffer.alloc(1024 * 1024)));
  return hash.digest('hex');
}

it(`${megabytes} MiB of output come whole through 5 % loss and ten cuts of either WebSocket`, async () => {
  await startExecutor(server.current, 'box');
  const client = await connect(server.current, 'box', { keepsOutput: false });
  await call(server.current, 'PUT', '/api/relay/executors/box/impairment', {
    body: { seed: 'bad link', toExecutor: { drop: 0.05 }, toHarness: { drop: 0.05 } },
  });
  const argv = [process.execPath, '-e', script];
  const view = await client.start({ processId: 'p', argv, cwd: '/tmp', env: childEnv, tty: false });
  const total = megabytes * 1024 * 1024;
  const cut = async (whose: string, afterBytes: number): Promise<void> => {
    await until(`${afterBytes} bytes`, () => view.byteCount() >= afterBytes, { withinMs: 60_000 });
    // It may not be back yet from the cut before.
    await until(`a connection of ${whose} to cut`, async () => {
      const { body } = await call(server.current, 'POST', '/api/relay/executors/box/cut', { body: { whose } });
      return body['cut'] === 1;
    });
  };
  for (let n = 0; n < cuts; n++) {
    await cut('harnesses', (total * (n + 0.3)) / (cuts + 1));
    await cut('executor', (total * (n + 0.8)) / (cuts + 1));
  }
  await until('the end', () => view.isClosed, {
    withinMs: 100_000,
    everyMs: 100,
    describe: () => `${view.byteCount()} bytes`,
  });
  expect([view.byteCount(), view.sha256(), view.exitCode]).toEqual([total, expectedHash(), 0]);
  expect(view.seqs).toEqual(view.seqs.map((_, index) => index + 1));
  expect(client.sniffer.violations).toEqual([]);
  const { body } = await call(server.current, 'GET', '/api/relay/executors/box/impairment');
  expect(JSON.stringify(body)).toMatch(/"dropped":[1-9]/);
}, 240_000);
