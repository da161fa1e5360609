// Load on streams of output and input: readers that stall, floods, input that nobody reads.
import { setTimeout as delay } from 'node:timers/promises';
import { Growth } from '../helpers/growth.ts';
import { timed, within } from '../helpers/until.ts';
import { MiB, withServer, type LoadCase } from './case.ts';
import { connect, LONG_MS, neighbourOf } from './clients.ts';

/** 1 GiB, as 1,024 pieces of 1 MiB. */
const FLOOD_BYTES = 1024 * MiB;
const OFFERED_MIB = 256;
const SILENCE_MS = 15_000;
const FLOOD_MS = 4_000;

export const stalledReader: LoadCase = {
  name: '1 GiB behind a reader that stalls',
  run: () =>
    withServer(async (server) => {
      const client = await connect(server);
      const growth = new Growth(server.pid);
      const view = await client.start({ argv: ['/usr/bin/head', '-c', String(FLOOD_BYTES), '/dev/zero'] });
      const short = await client.start({ argv: ['/bin/sh', '-c', 'echo last; exit 7'] });
      client.carrier.pause();
      const beside = await neighbourOf(server, () => delay(3_000));
      client.carrier.resume();
      // However slow the machine is, as long as bytes come.
      while (!view.isClosed) {
        const before = view.byteCount();
        await Promise.race([view.closed, delay(SILENCE_MS)]);
        if (!view.isClosed && view.byteCount() === before)
          throw new Error(`nothing came for ${String(SILENCE_MS)} ms after ${String(before)} bytes`);
      }
      await within('the end of the other', LONG_MS, short.closed);
      return [
        { what: 'server memory meanwhile', value: growth.stop() / MiB, unit: 'MiB', atMost: 64 },
        { what: "others' round trip, p99", value: beside.roundTripP99, unit: 'ms', atMost: 10, isTime: true },
        { what: 'bytes lost', value: FLOOD_BYTES - view.byteCount(), unit: 'bytes', atMost: 0, atLeast: 0 },
        { what: 'exit code of what ended meanwhile', value: short.exitCode ?? -1, unit: '', atMost: 7, atLeast: 7 },
        { what: 'its output', value: short.byteCount(), unit: 'bytes', atMost: 5, atLeast: 5 },
      ];
    }),
};

export const flood: LoadCase = {
  name: 'a pipe, a terminal and `yes` at full speed',
  run: () =>
    withServer(async (server) => {
      const flooder = await connect(server);
      for (const tty of [false, true]) await flooder.start({ argv: ['/usr/bin/yes'], tty });
      await flooder.start({ argv: ['/bin/cat', '/dev/zero'] });
      const beside = await neighbourOf(server, () => delay(FLOOD_MS));
      const terminate = await timed(() => flooder.terminate('p1'));
      return [
        { what: 'echo beside it, p99', value: beside.echoP99, unit: 'ms', atMost: 20, isTime: true },
        { what: 'round trip beside it, p99', value: beside.roundTripP99, unit: 'ms', atMost: 10, isTime: true },
        { what: 'its own terminate is answered', value: terminate.tookMs, unit: 'ms', atMost: 50, isTime: true },
      ];
    }),
};

export const unreadInput: LoadCase = {
  name: '256 MiB of input that nobody reads',
  run: () =>
    withServer(async (server) => {
      const client = await connect(server);
      const view = await client.start({ argv: ['/bin/sleep', '600'], pipeStdin: true });
      const growth = new Growth(server.pid);
      const chunk = Buffer.alloc(MiB).toString('base64');
      let written = 0;
      const offered = (async () => {
        for (let n = 0; n < OFFERED_MIB; n++) {
          await client.call('process/write', { processId: view.processId, chunk }, LONG_MS);
          written++;
        }
      })();
      offered.catch(() => undefined);
      // And as one that waits for no answer offers it: up to what is read ahead.
      for (let n = 0; n < 16; n++) {
        client
          .request('process/write', { processId: view.processId, chunk }, { withinMs: LONG_MS })
          .catch(() => undefined);
      }
      await delay(1_000);
      const cpuBefore = server.cpuMs();
      await delay(3_000);
      const cpu = (server.cpuMs() - cpuBefore) / 30;
      const other = await connect(server);
      const reach = await timed(() => other.call('process/terminate', { processId: 'none' }, LONG_MS));
      const terminate = await timed(async () => {
        await client.terminate(view.processId);
        await view.exited;
      });
      return [
        { what: 'taken before the writer waits', value: written, unit: 'MiB', atMost: OFFERED_MIB - 1 },
        { what: 'server memory', value: growth.stop() / MiB, unit: 'MiB', atMost: 64 },
        { what: 'CPU while it waits', value: cpu, unit: '%', atMost: 5 },
        { what: "another connection's round trip", value: reach.tookMs, unit: 'ms', atMost: 10, isTime: true },
        { what: 'terminated, exit reported', value: terminate.tookMs, unit: 'ms', atMost: 100, isTime: true },
      ];
    }),
};
