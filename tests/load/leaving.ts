// Load by leaving: 10,000 clients that are gone in the middle, with processes, long polls and starts under way.
import { until } from '../helpers/until.ts';
import { MiB, withServer, type LoadCase } from './case.ts';
import { connect, inLanes } from './clients.ts';
import type { OwnProgram } from '../helpers/own-program.ts';

const LANES = 8;

async function leave(server: OwnProgram, index: number): Promise<void> {
  const client = await connect(server);
  const argv = index % 5 === 0 ? ['/bin/sh', '-c', 'sleep 600 & sleep 600'] : ['/bin/sleep', '600'];
  const { answered, view } = client.startUnanswered({ argv, tty: index % 10 === 0, pipeStdin: index % 3 === 0 });
  answered.catch(() => undefined);
  if (index % 4 !== 0) {
    await answered;
    if (index % 4 === 1)
      client.request('process/read', { processId: view.processId, waitMs: 60_000 }).catch(() => undefined);
  }
  client.carrier.drop();
}

export const abruptDisconnects: LoadCase = {
  name: '10,000 abrupt disconnects',
  run: () =>
    withServer(
      async (server) => {
        const gone = async (below: number): Promise<void> => {
          await until('all to be gone', () => server.children().running <= below && server.children().zombies === 0, {
            withinMs: 30_000,
            everyMs: 200,
          }).catch(() => undefined);
        };
        // One process has run and the sandbox was tried out, so that the server has what it keeps for good.
        await leave(server, 1);
        const first = await connect(server);
        await first.request('environment/info', {});
        first.carrier.drop();
        await gone(1);
        const [fds, below] = [server.fds(), server.children().running];
        await inLanes(1_000, LANES, (n) => leave(server, n));
        await gone(below);
        const rss = server.rssBytes();
        await inLanes(9_000, LANES, (n) => leave(server, n));
        await gone(below);
        // Whoever looks for escaped processes holds one for a moment, of /proc: the value that ended the wait counts.
        let left = 0;
        const areBack = () => (left = server.fds() - fds) <= 0;
        await until('descriptors to be back', areBack, { withinMs: 10_000 }).catch(() => undefined);
        return [
          { what: 'orphans', value: server.children().running - below, unit: '', atMost: 0 },
          { what: 'zombies', value: server.children().zombies, unit: '', atMost: 0 },
          { what: 'descriptors more than before', value: left, unit: '', atMost: 0 },
          { what: 'server memory after 9,000 more', value: (server.rssBytes() - rss) / MiB, unit: 'MiB', atMost: 32 },
        ];
      },
      ['--detached-session-ttl-ms', '200'],
    ),
};
