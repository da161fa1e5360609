// 200 streams on one executor WebSocket: one floods, one has stopped reading, and the others do not notice.
import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { carrierOf, openLink } from '../../helpers/remote-executor.ts';
import { startServer, TAG, type RunningServer } from '../../helpers/server.ts';
import { until, within } from '../../helpers/until.ts';
import { WireClient } from '../../helpers/wire-client.ts';
import { startNode, useNats } from './nats.ts';
import { childEnv, isOnline, startExecutor } from './relay-pair.ts';
import { relayUrl } from './relay-peer.ts';

const nats = useNats();

/** A process of its own, so that its work is not taken for the relay's. */
function startFlood(url: string): { child: ChildProcess; mebibytes: () => number } {
  const program = fileURLToPath(new URL('flood.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), program, url], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let last = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => (last = Number(text.trim().split('\n').at(-1))));
  return { child, mebibytes: () => last };
}

/** The p99 of an echo on `streams` streams, beside a flood and a stopped reader of the same executor, in ms. */
async function echoBesideFlood(executorAt: RunningServer, harnessAt: RunningServer, streams: number): Promise<number> {
  await startExecutor(executorAt, 'box');
  await until('the node of the harness to know', () => isOnline(harnessAt, 'box'));
  const url = () => relayUrl(harnessAt, 'harness', 'box', { resumable: true });
  const link = await openLink({ url: await url() });
  const open = async (by: typeof link): Promise<WireClient> => {
    const client = new WireClient(carrierOf(by.openStream()), { tag: TAG, keepsOutput: false });
    await client.initialize();
    return client;
  };
  const others = await Promise.all(Array.from({ length: streams }, () => open(link)));
  const stopped = await open(await openLink({ url: await url() }));
  const views = await Promise.all(
    others.map((client) =>
      client.start({ processId: 'p', argv: ['cat'], cwd: '/tmp', env: childEnv, tty: false, pipeStdin: true }),
    ),
  );
  const flood = startFlood(await url());
  const unread = await stopped.start({ processId: 'p', argv: ['yes'], cwd: '/tmp', env: childEnv, tty: false });
  stopped.carrier.pause();
  await until('the flood', () => flood.mebibytes() > 1, { withinMs: 15_000 });
  // Twenty at a time, each after a rest, as people at shells.
  const measure = async (): Promise<number> => {
    const tookMs: number[] = [];
    const endsAtMs = performance.now() + 4000;
    const floodedBefore = flood.mebibytes();
    const echo = async (n: number): Promise<void> => {
      for (let turn = n; performance.now() < endsAtMs; turn += 20) {
        const view = views[turn % views.length]!;
        const client = others[turn % views.length]!;
        const startedAtMs = performance.now();
        const echoed = within('the echo', 5_000, view.nextOutput());
        await client.call('process/write', { processId: 'p', chunk: Buffer.from('x\n').toString('base64') });
        await echoed;
        tookMs.push(performance.now() - startedAtMs);
        await delay(50);
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, n) => echo(n)));
    tookMs.sort((x, y) => x - y);
    const at = (share: number): number => tookMs[Math.floor(tookMs.length * share)]!;
    const times = `p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms`;
    console.log(`${tookMs.length} echoes: ${times} beside ${flood.mebibytes() - floodedBefore} MiB`);
    expect(tookMs.length).toBeGreaterThan(200);
    return at(0.99);
  };
  // Four processes on two cores: whatever else runs there meanwhile takes its part, so the best of three rounds counts.
  let best = Infinity;
  for (let round = 0; round < 3 && best >= 60; round++) best = Math.min(best, await measure());
  flood.child.kill('SIGKILL');
  const unreadBytes = unread.byteCount();
  stopped.carrier.resume();
  await until('the stopped one to go on', () => unread.byteCount() > unreadBytes + 1024 * 1024);
  return best;
}

it('echo p99 of 198 streams stays under 60 ms beside a flood and a stopped reader', async () => {
  const server = await startServer({ command: 'serve' });
  expect(await echoBesideFlood(server, server, 198)).toBeLessThan(60);
}, 120_000);

it('so does that of 20 when the executor is at one node and the harnesses at another', async () => {
  const [a, b] = await Promise.all([startNode(nats), startNode(nats)]);
  expect(await echoBesideFlood(a, b, 20)).toBeLessThan(60);
}, 120_000);
