// Load by number: processes, connections, long polls, requests in flight, directories of many entries.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { timed, within } from '../helpers/until.ts';
import { KiB, withServer, type LoadCase } from './case.ts';
import { connect, inLanes, LONG_MS, neighbourOf } from './clients.ts';

const SETTLE_MS = 1_000;

export const processes: LoadCase = {
  name: '1,000 processes at a time',
  run: () =>
    withServer(async (server) => {
      const client = await connect(server);
      const first = await client.start({ argv: ['/bin/sleep', '600'] });
      await delay(SETTLE_MS);
      const [rss, fds, below] = [server.rssBytes(), server.fds(), server.children().running];
      const started = await timed(() =>
        inLanes(1_000, 64, async () => {
          await client.start({ argv: ['/bin/sleep', '600'] });
        }),
      );
      await delay(SETTLE_MS);
      const figures = [
        { what: 'to start them', value: started.tookMs / 1_000, unit: 's', atMost: 5, isTime: true },
        {
          what: 'memory of each in the server',
          value: (server.rssBytes() - rss) / KiB / 1_000,
          unit: 'KiB',
          atMost: 50,
        },
        { what: 'descriptors of each', value: (server.fds() - fds) / 1_000, unit: '', atMost: 4 },
        { what: 'that run', value: server.children().running - below, unit: '', atMost: 1_000, atLeast: 1_000 },
      ];
      const views = [...client.processes.values()];
      const ended = await timed(async () => {
        await inLanes(views.length, 64, async (n) => {
          await client.terminate(views[n]?.processId ?? '');
        });
        await within('all to be closed', LONG_MS, Promise.all(views.map(({ closed }) => closed)));
      });
      return [
        ...figures,
        { what: 'to end them', value: ended.tookMs / 1_000, unit: 's' },
        {
          what: 'wrong exit codes',
          value: views.filter(({ exitCode }) => exitCode !== 137).length,
          unit: '',
          atMost: 0,
        },
        { what: 'left after the end, the first included', value: first.isClosed ? 0 : 1, unit: '', atMost: 0 },
      ];
    }),
};

export const shortProcesses: LoadCase = {
  name: '1,000 short processes',
  run: () =>
    withServer(async (server) => {
      const client = await connect(server);
      await client.run(['/bin/true']);
      const all = await timed(() =>
        inLanes(1_000, 64, async () => {
          const view = await client.start({ argv: ['/bin/true'] });
          await within('closed', LONG_MS, view.closed);
        }),
      );
      const wrong = [...client.processes.values()].filter(({ exitCode, seqs }) => exitCode !== 0 || seqs.length !== 2);
      return [
        {
          what: 'from the first start to the last closed',
          value: all.tookMs / 1_000,
          unit: 's',
          atMost: 5,
          isTime: true,
        },
        { what: 'not exited and closed exactly once', value: wrong.length, unit: '', atMost: 0 },
      ];
    }),
};

export const idleConnections: LoadCase = {
  name: '1,000 idle connections',
  run: () =>
    withServer(async (server) => {
      const first = await connect(server);
      await delay(SETTLE_MS);
      const rss = server.rssBytes();
      const clients = [first];
      await inLanes(1_000, 16, async () => void clients.push(await connect(server)));
      await delay(SETTLE_MS);
      const each = (server.rssBytes() - rss) / KiB / 1_000;
      for (const client of clients) client.carrier.drop();
      return [{ what: 'memory of each', value: each, unit: 'KiB', atMost: 60 }];
    }),
};

export const busyConnections: LoadCase = {
  name: '500 connections, each with a process that answers',
  run: () =>
    withServer(async (server) => {
      const clients = await Promise.all(Array.from({ length: 500 }, () => connect(server)));
      const cats = new Map(
        await Promise.all(
          clients.map(async (client) => [client, await client.start({ argv: ['/bin/cat'], pipeStdin: true })] as const),
        ),
      );
      const line = 'x'.repeat(1_000);
      let rounds = 0;
      const all = await timed(() =>
        inLanes(500, 500, async (n) => {
          const client = clients[n];
          const view = client && cats.get(client);
          if (!client || !view) throw new Error('no client');
          for (let round = 0; round < 10; round++) {
            const before = view.byteCount();
            const came = client.waitForNext('the echo', () => view.byteCount() >= before + line.length, LONG_MS);
            await client.write(view.processId, line, LONG_MS);
            await came;
            rounds++;
          }
        }),
      );
      const bytes = [...cats.values()].reduce((sum, view) => sum + view.byteCount(), 0);
      for (const client of clients) client.carrier.drop();
      return [
        { what: 'writes and their echoes', value: (rounds / all.tookMs) * 1_000, unit: '1/s' },
        { what: 'bytes lost', value: 500 * 10 * line.length - bytes, unit: 'bytes', atMost: 0, atLeast: 0 },
      ];
    }),
};

export const longPolls: LoadCase = {
  name: '3,000 long polls',
  run: () =>
    withServer(async (server) => {
      const client = await connect(server);
      const view = await client.start({ argv: ['/bin/cat'], pipeStdin: true });
      const read = { processId: view.processId, afterSeq: 0, waitMs: 600_000 };
      const polls = Array.from({ length: 3_000 }, () => client.request('process/read', read, { withinMs: LONG_MS }));
      const behind = await timed(() => client.call('process/terminate', { processId: 'none' }, LONG_MS));
      await delay(SETTLE_MS);
      const cpu = server.cpuMs();
      await delay(5_000);
      const percent = (server.cpuMs() - cpu) / 50;
      const alone = await timed(() => client.call('process/terminate', { processId: 'none' }, LONG_MS));
      await client.write(view.processId, 'x', LONG_MS);
      const answers = await Promise.all(polls);
      return [
        { what: 'CPU while they wait', value: percent, unit: '%', atMost: 2 },
        { what: 'a call sent right behind them', value: behind.tookMs, unit: 'ms' },
        { what: 'a call beside them', value: alone.tookMs, unit: 'ms', atMost: 5, isTime: true },
        {
          what: 'answered',
          value: answers.filter(({ result }) => result !== undefined).length,
          unit: '',
          atLeast: 3_000,
        },
      ];
    }),
};

export const pipeline: LoadCase = {
  name: '100,000 pipelined requests',
  run: () =>
    withServer(async (server) => {
      const client = await connect(server);
      let answered = 0;
      const cpu = server.cpuMs();
      const all = await timed(() =>
        inLanes(100_000, 512, async () => {
          await client.call('process/terminate', { processId: 'none' }, LONG_MS);
          if (++answered % 1_000 === 0) client.messages.length = 0;
        }),
      );
      const seconds = (server.cpuMs() - cpu) / 1_000;
      return [
        { what: 'answered', value: answered, unit: '', atLeast: 100_000, atMost: 100_000 },
        { what: 'per second, this client being what limits', value: answered / (all.tookMs / 1_000), unit: '1/s' },
        { what: 'per second of server CPU', value: answered / seconds, unit: '1/s', atLeast: 40_000 },
      ];
    }),
};

export const manyEntries: LoadCase = {
  name: 'a folder of 50,000 entries',
  run: () =>
    withServer(async (server) => {
      const folder = mkdtempSync(join(tmpdir(), 'load-'));
      try {
        for (let n = 0; n < 50_000; n++) writeFileSync(`${folder}/${String(n)}`, '');
        const client = await connect(server);
        let tookMs = 0;
        let count = 0;
        const beside = await neighbourOf(server, async () => {
          await delay(200);
          const listed = await timed(() => client.call('fs/readDirectory', { path: folder }, LONG_MS));
          tookMs = listed.tookMs;
          count = Array.isArray(listed.value['entries']) ? listed.value['entries'].length : 0;
          await delay(200);
        });
        return [
          { what: 'listed', value: count, unit: '', atLeast: 50_000, atMost: 50_000 },
          { what: 'in', value: tookMs, unit: 'ms', atMost: 1_000, isTime: true },
          { what: "others' round trip, p99", value: beside.roundTripP99, unit: 'ms', atMost: 50, isTime: true },
        ];
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
};
