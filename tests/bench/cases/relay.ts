// The relay beside a direct connection: the same harness library reaches `serve` directly, and a remote executor of the same
// program through the rendezvous of that `serve`.

import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { WebSocket } from 'ws';
import * as z from 'zod';
import { ExecServerClient } from '../../../shared/client/harness.ts';
import { dialRelay, RelayLink } from '../../../shared/client/relay-link.ts';
import type { Connection } from '../../../shared/connection/connection.ts';
import { dialWebSocket } from '../../../shared/connection/websocket.ts';
import { processTerminate } from '../../../shared/protocol/process.ts';
import { encodeFrame } from '../../../shared/relay/codec.ts';
import { until } from '../../helpers/until.ts';
import { cpuSeconds, residentBytes } from '../proc.ts';
import { percentile } from '../statistics.ts';
import type { BenchCase } from '../suite.ts';

const factory = (url: string) => new WebSocket(url, { perMessageDeflate: false });
const program = 'dist/exec-workbench.js';
const answerSchema = z.object({ resumable_url: z.string() });
let lastId = 0;

async function relayUrl(serverUrl: string, id: string, door: 'register' | 'connect'): Promise<string> {
  const { host, searchParams } = new URL(serverUrl);
  const answer = await fetch(`http://${host}/cloud/executor/${id}/${door}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${searchParams.get('token') ?? ''}` },
  });
  return answerSchema.parse(await answer.json()).resumable_url;
}

/** Runs `work` with a remote executor that is online. */
async function withExecutor<T>(serverUrl: string, work: (id: string, child: ChildProcess) => Promise<T>): Promise<T> {
  const { host, searchParams } = new URL(serverUrl);
  const id = `bench-${process.pid}-${++lastId}`;
  const child = spawn(process.execPath, [program, 'exec-server', '--remote', `http://${host}`, '--executor-id', id], {
    env: { ...process.env, CODEX_EXEC_SERVER_REMOTE_BEARER_TOKEN: searchParams.get('token') ?? '' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  try {
    await until('the executor to register', () => said.includes('registered'), { describe: () => said });
    return await work(id, child);
  } finally {
    child.kill('SIGKILL');
  }
}

async function roundTrips(dial: () => Promise<Connection>, count: number): Promise<number[]> {
  const client = await ExecServerClient.connect({ dial });
  const latencies: number[] = [];
  for (let index = 0; index < count; index++) {
    const sentAtMs = performance.now();
    await client.call(processTerminate, { processId: 'none' });
    latencies.push(performance.now() - sentAtMs);
  }
  client.close();
  return latencies.slice(Math.floor(count / 10));
}

async function outputRate(dial: () => Promise<Connection>, file: string, bytes: number): Promise<number> {
  const client = await ExecServerClient.connect({ dial });
  const startedAtMs = performance.now();
  let got = 0;
  await new Promise<void>((resolve, reject) => {
    client
      .start(
        { processId: 'p', argv: ['/bin/cat', file], cwd: '/', env: {}, tty: false },
        {
          onOutput: (output) => (got += output.bytes.length),
          onClosed: resolve,
          onAbandoned: (why) => reject(new Error(why)),
        },
      )
      .catch(reject);
  });
  const rate = got / 1e6 / ((performance.now() - startedAtMs) / 1000);
  client.close();
  if (got !== bytes) throw new Error(`${got} bytes of ${bytes} arrived`);
  return rate;
}

export const relayLatency: BenchCase = {
  name: 'relay-latency',
  state: 'warm',
  deadlineMs: 60_000,
  metrics: [
    { key: 'direct', title: 'Request, direct, p50', unit: 'ms', better: 'none', digits: 3 },
    { key: 'added', title: 'Added by the relay, p50', unit: 'ms', better: 'lower', digits: 3 },
    { key: 'added99', title: 'Added by the relay, p99', unit: 'ms', better: 'lower', digits: 3 },
  ],
  async run({ server, isQuick }) {
    const count = isQuick ? 500 : 3000;
    return await withExecutor(server.url, async (id) => {
      const direct = await roundTrips(() => dialWebSocket(server.url, { factory }), count);
      const url = await relayUrl(server.url, id, 'connect');
      const relayed = await roundTrips(() => dialRelay({ url, factory }), count);
      const at = (share: number): number => percentile(relayed, share) - percentile(direct, share);
      return { direct: percentile(direct, 0.5), added: at(0.5), added99: at(0.99) };
    });
  },
};

export const relayOutput: BenchCase = {
  name: 'relay-output',
  state: 'warm',
  deadlineMs: 120_000,
  metrics: [
    { key: 'direct', title: 'Output, direct', unit: 'MB/s', better: 'none', digits: 0 },
    { key: 'relayed', title: 'Output over the relay', unit: 'MB/s', better: 'higher', digits: 0 },
    { key: 'share', title: 'Output over the relay, of direct', unit: '%', better: 'higher', digits: 0 },
  ],
  async run({ server, folder, isQuick }) {
    const bytes = (isQuick ? 32 : 128) * 1024 * 1024;
    const file = join(folder, 'relay-output');
    writeFileSync(file, Buffer.alloc(bytes, 'some bytes of output\n'));
    return await withExecutor(server.url, async (id) => {
      const overRelay = async (): Promise<number> => {
        const url = await relayUrl(server.url, id, 'connect');
        return await outputRate(() => dialRelay({ url, factory }), file, bytes);
      };
      // The executor is a new program in each round; the server and this one have done the same work before.
      await overRelay();
      const direct = await outputRate(() => dialWebSocket(server.url, { factory }), file, bytes);
      const relayed = await overRelay();
      return { direct, relayed, share: (relayed / direct) * 100 };
    });
  },
};

export const rendezvousFrames: BenchCase = {
  name: 'relay-frames',
  state: 'warm',
  deadlineMs: 60_000,
  metrics: [
    { key: 'small', title: 'Frames of 100 bytes through the rendezvous', unit: '1/s', better: 'higher', digits: 0 },
    { key: 'cpu', title: 'CPU of the rendezvous per frame of 100 bytes', unit: 'µs', better: 'lower', digits: 2 },
    { key: 'large', title: 'Frames of 64 KiB through the rendezvous', unit: 'MB/s', better: 'higher', digits: 0 },
  ],
  async run({ server, isQuick }) {
    const id = `frames-${++lastId}`;
    const executor = factory(await relayUrl(server.url, id, 'register'));
    await new Promise((resolve) => executor.once('open', resolve));
    const harness = factory(await relayUrl(server.url, id, 'connect'));
    await new Promise((resolve) => harness.once('open', resolve));
    const pids = server.pids();
    const push = async (count: number, payload: Buffer): Promise<{ seconds: number; cpu: number }> => {
      const body = { kind: 'data', seq: 0, segmentIndex: 0, segmentCount: 1, payload } as const;
      const frame = encodeFrame({ streamId: crypto.randomUUID(), ack: 0, ackBits: 0, body });
      let arrived = 0;
      const all = new Promise<void>((resolve) => {
        executor.removeAllListeners('message');
        executor.on('message', () => {
          if (++arrived === count) resolve();
        });
      });
      const cpuBefore = server.cpuSeconds(pids);
      const startedAtMs = performance.now();
      for (let sent = 0; sent < count; sent++) {
        harness.send(frame);
        if (harness.bufferedAmount > 1_000_000) await new Promise((resolve) => setImmediate(resolve));
      }
      await all;
      return { seconds: (performance.now() - startedAtMs) / 1000, cpu: server.cpuSeconds(pids) - cpuBefore };
    };
    const [smallCount, largeCount] = isQuick ? [50_000, 1000] : [300_000, 8000];
    const small = await push(smallCount, Buffer.alloc(100, 1));
    const large = await push(largeCount, Buffer.alloc(65_536, 1));
    executor.terminate();
    harness.terminate();
    return {
      small: smallCount / small.seconds,
      cpu: (small.cpu / smallCount) * 1e6,
      large: (largeCount * 65_536) / 1e6 / large.seconds,
    };
  },
};

export const idleStreams: BenchCase = {
  name: 'relay-idle',
  state: 'fresh',
  deadlineMs: 120_000,
  metrics: [
    { key: 'executor', title: 'Executor with 5,000 idle streams, RSS', unit: 'MB', better: 'lower', digits: 0 },
    { key: 'rendezvous', title: 'Rendezvous with 5,000 idle streams, RSS', unit: 'MB', better: 'lower', digits: 0 },
    { key: 'perStream', title: 'Executor, per idle stream', unit: 'KB', better: 'lower', digits: 1 },
  ],
  async run({ server }) {
    const count = 5000;
    return await withExecutor(server.url, async (id, child) => {
      const pid = child.pid ?? 0;
      const before = residentBytes([pid]);
      const link = await RelayLink.connect({ url: await relayUrl(server.url, id, 'connect'), factory });
      for (let batch = 0; batch < count; batch += 100) {
        await Promise.all(
          Array.from({ length: 100 }, () =>
            ExecServerClient.connect({ dial: () => Promise.resolve(link.openStream()) }),
          ),
        );
      }
      // Idle means idle: what was busy has settled.
      let cpuAt = -1;
      const isIdle = () => {
        const cpuBefore = cpuAt;
        cpuAt = cpuSeconds([pid]);
        if (cpuAt < cpuBefore) throw new Error('the executor is gone');
        return cpuAt === cpuBefore;
      };
      await until('the executor to be idle', isIdle, { everyMs: 400, withinMs: 30_000 });
      const executor = residentBytes([pid]);
      const rendezvous = residentBytes(server.pids());
      link.close();
      return { executor: executor / 1e6, rendezvous: rendezvous / 1e6, perStream: (executor - before) / count / 1e3 };
    });
  },
};
