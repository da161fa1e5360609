// Load on the relay: 5,000 streams to one executor, and streams whose readers stall beside others that go on.
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { RelayLink } from '../../shared/client/relay-link.ts';
import { ExecServerClient } from '../../shared/client/harness.ts';
import { askWayIn } from '../../shared/client/registry-api.ts';
import { processTerminate } from '../../shared/protocol/process.ts';
import { OwnProgram } from '../helpers/own-program.ts';
import { timed } from '../helpers/until.ts';
import { MiB, withServer, type Figure, type LoadCase } from './case.ts';
import { inLanes } from './clients.ts';

const EXECUTOR_ID = 'load';
const STALLED = 20;
const FLOW_MS = 4_000;

interface Relay {
  readonly rendezvous: OwnProgram;
  readonly executor: OwnProgram;
  /** A socket of its own to the rendezvous; further streams on it by `openStream`. */
  link(): Promise<RelayLink>;
}

function withRelay(work: (relay: Relay) => Promise<readonly Figure[]>): Promise<readonly Figure[]> {
  return withServer(
    async (rendezvous) => {
      const executor = await OwnProgram.executor(rendezvous, EXECUTOR_ID);
      const links: RelayLink[] = [];
      try {
        const link = async (): Promise<RelayLink> => {
          const url = await askWayIn({ registry: rendezvous.httpUrl, token: rendezvous.token }, EXECUTOR_ID);
          const opened = await RelayLink.connect({
            url,
            factory: (address) => new WebSocket(address, { perMessageDeflate: false, maxPayload: 64 * MiB }),
          });
          links.push(opened);
          return opened;
        };
        const figures = await work({ rendezvous, executor, link });
        if (executor.end !== undefined) throw new Error(`the executor ${executor.end}`);
        return figures;
      } finally {
        for (const opened of links) opened.close();
        await executor.stop();
      }
    },
    [],
    'serve',
  );
}

function harnessOn(link: RelayLink): Promise<ExecServerClient> {
  return ExecServerClient.connect({
    reconnects: false,
    initializeTimeoutMs: 120_000,
    dial: () => Promise.resolve(link.openStream()),
  });
}

export const relayStreams: LoadCase = {
  name: '5,000 relay streams to one executor',
  run: () =>
    withRelay(async ({ rendezvous, executor, link }) => {
      const wires = await Promise.all(Array.from({ length: 5 }, () => link()));
      const wireOf = (n: number): RelayLink => {
        const wire = wires[n % wires.length];
        if (!wire) throw new Error('no link');
        return wire;
      };
      await harnessOn(wireOf(0));
      const before = [rendezvous.rssBytes(), executor.rssBytes()] as const;
      const clients: ExecServerClient[] = [];
      const opened = await timed(() => inLanes(5_000, 128, async (n) => void clients.push(await harnessOn(wireOf(n)))));
      const calls = await timed(() =>
        inLanes(clients.length, 128, async (n) => {
          await clients[n]?.call(processTerminate, { processId: 'x' });
        }),
      );
      let whole = 0;
      const runs = await timed(() =>
        inLanes(500, 16, async (n) => {
          const result = await clients[n * 10]?.run({ argv: ['/usr/bin/seq', '1000'] });
          if (result?.stdoutText.length === 3_893 && result.exitCode === 0) whole++;
        }),
      );
      return [
        { what: 'opened, with a session each, in', value: opened.tookMs / 1_000, unit: 's' },
        { what: 'a call on each, in', value: calls.tookMs / 1_000, unit: 's' },
        { what: 'processes on 500 of them, in', value: runs.tookMs / 1_000, unit: 's' },
        { what: 'of these whole', value: whole, unit: '', atLeast: 500, atMost: 500 },
        { what: 'rendezvous, memory of each', value: (rendezvous.rssBytes() - before[0]) / 1024 / 5_000, unit: 'KiB' },
        { what: 'executor, memory of each', value: (executor.rssBytes() - before[1]) / 1024 / 5_000, unit: 'KiB' },
      ];
    }),
};

export const stalledStreams: LoadCase = {
  name: `${String(STALLED)} stalled relay streams`,
  run: () =>
    withRelay(async ({ rendezvous, link }) => {
      const reader = await harnessOn(await link());
      const stalled = await Promise.all(Array.from({ length: STALLED }, async () => harnessOn(await link())));
      let came = 0;
      const start = { processId: 'flow', argv: ['/usr/bin/yes'], cwd: '/', env: {}, tty: false };
      await reader.start(start, { onOutput: ({ bytes }) => (came += bytes.length) });
      const flow = async (): Promise<number> => {
        const before = came;
        await delay(FLOW_MS);
        return came - before;
      };
      await flow();
      const rounds = { alone: 0, beside: 0 };
      rounds.alone = await flow();
      const rss = rendezvous.rssBytes();
      for (const client of stalled) {
        await client.start({ ...start, argv: ['/usr/bin/yes', 'stalled'] }, { onOutput: () => client.pause() });
      }
      await delay(1_000);
      rounds.beside = await flow();
      const each = (rendezvous.rssBytes() - rss) / MiB / STALLED;
      return [
        { what: 'throughput of another', value: rounds.beside / FLOW_MS / 1_000, unit: 'MB/s' },
        {
          what: 'of what it was without',
          value: (100 * rounds.beside) / rounds.alone,
          unit: '%',
          atLeast: 95,
          isTime: true,
        },
        { what: 'memory of the rendezvous for each', value: each, unit: 'MiB', atMost: 2 },
      ];
    }),
};
