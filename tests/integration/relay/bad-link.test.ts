// Real processes over a bad link: 5 % of the frames lost in both directions, and both WebSockets cut ten times meanwhile.
// EXEC_TEST_RELAY_MIB=64 moves as much as docs/relay.md promises; 16 MiB otherwise.
import { createCipheriv, createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { startServer, type RunningServer } from '../../helpers/server.ts';
import { until } from '../../helpers/until.ts';
import { startNode, useNats } from './nats.ts';
import { call } from './relay-peer.ts';
import { childEnv, connect, isOnline, startExecutor } from './relay-pair.ts';

const nats = useNats();

/** Prints that many MiB of what looks random and is always the same. */
const script = (megabytes: number): string => `
  const cipher = require('node:crypto').createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  const zeros = Buffer.alloc(1024 * 1024);
  let left = ${megabytes};
  const next = () => { if (left-- > 0) process.stdout.write(cipher.update(zeros), next); };
  next();`;

function expectedHash(megabytes: number): string {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  const hash = createHash('sha256');
  for (let n = 0; n < megabytes; n++) hash.update(cipher.update(Buffer.alloc(1024 * 1024)));
  return hash.digest('hex');
}

async function comesWhole(
  executorAt: RunningServer,
  harnessAt: RunningServer,
  megabytes: number,
  cuts: number,
): Promise<void> {
  await startExecutor(executorAt, 'box');
  await until('the node of the harness to know', () => isOnline(harnessAt, 'box'));
  const client = await connect(harnessAt, 'box', { keepsOutput: false });
  await call(executorAt, 'PUT', '/api/relay/executors/box/impairment', {
    body: { seed: 'bad link', toExecutor: { drop: 0.05 }, toHarness: { drop: 0.05 } },
  });
  const argv = [process.execPath, '-e', script(megabytes)];
  const view = await client.start({ processId: 'p', argv, cwd: '/tmp', env: childEnv, tty: false });
  const total = megabytes * 1024 * 1024;
  const cut = async (at: RunningServer, whose: string, afterBytes: number): Promise<void> => {
    await until(`${afterBytes} bytes`, () => view.byteCount() >= afterBytes, { withinMs: 60_000 });
    // It may not be back yet from the cut before.
    await until(`a connection of ${whose} to cut`, async () => {
      const { body } = await call(at, 'POST', '/api/relay/executors/box/cut', { body: { whose } });
      return body['cut'] === 1;
    });
  };
  for (let n = 0; n < cuts; n++) {
    await cut(harnessAt, 'harnesses', (total * (n + 0.3)) / (cuts + 1));
    await cut(executorAt, 'executor', (total * (n + 0.8)) / (cuts + 1));
  }
  await until('the end', () => view.isClosed, {
    withinMs: 100_000,
    everyMs: 100,
    describe: () => `${view.byteCount()} bytes`,
  });
  expect([view.byteCount(), view.sha256(), view.exitCode]).toEqual([total, expectedHash(megabytes), 0]);
  expect(view.seqs).toEqual(view.seqs.map((_, index) => index + 1));
  expect(client.sniffer.violations).toEqual([]);
  const { body } = await call(executorAt, 'GET', '/api/relay/executors/box/impairment');
  expect(JSON.stringify(body)).toMatch(/"dropped":[1-9]/);
}

const megabytes = Number(process.env['EXEC_TEST_RELAY_MIB'] ?? 16);

it(`${megabytes} MiB of output come whole through 5 % loss and ten cuts of either WebSocket`, async () => {
  const server = await startServer({ command: 'serve' });
  await comesWhole(server, server, megabytes, 10);
}, 240_000);

it('so do 4 MiB and three cuts when the executor is at one node and the harness at another', async () => {
  const [a, b] = await Promise.all([startNode(nats), startNode(nats)]);
  await comesWhole(a, b, 4, 3);
}, 120_000);
