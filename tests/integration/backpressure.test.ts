// A slow or stopped peer slows down only itself: memory stays bounded, nothing is lost, everybody else goes on
// (docs/protocol.md §1.3, §4.3; promises 5 to 9).
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Growth } from '../helpers/growth.ts';
import { tryStat } from '../helpers/proc.ts';
import { startServer, useServer, type RunningServer } from '../helpers/server.ts';
import { timed, until, within } from '../helpers/until.ts';
import type { WireClient } from '../helpers/wire-client.ts';

const MiB = 1024 * 1024;

const server = useServer();

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'backpressure-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Round trips of a cheap request, in ms, sorted. */
async function roundTrips(client: WireClient, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const { tookMs } = await timed(() => client.call('process/terminate', { processId: 'none' }));
    times.push(tookMs);
  }
  return times.sort((a, b) => a - b);
}

function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/** Waits until the server does nothing any more: whatever it was going to take, it took. */
async function untilIdle(own: RunningServer): Promise<void> {
  let last = -1;
  let quiet = 0;
  await until(
    'the server to be idle',
    () => {
      const cpuMs = tryStat(own.pid)?.cpuMs ?? 0;
      quiet = cpuMs === last ? quiet + 1 : 0;
      last = cpuMs;
      return quiet >= 5;
    },
    { everyMs: 60, withinMs: 30_000 },
  );
}

/** A warmed up server: what the first requests load is no growth. */
async function warmServer(args: string[] = []): Promise<{ own: RunningServer; other: WireClient }> {
  const own = await startServer({ args });
  const other = await own.connect();
  await Promise.all([other.run(['seq', '200000']), other.run(['seq', '200000'], { tty: true })]);
  await roundTrips(other, 100);
  return { own, other };
}

describe('a client that stops reading', () => {
  it('keeps 256 MB of a pipe and what other processes wrote meanwhile, in less than 64 MiB of server memory', async () => {
    // About 256 MB of numbers, hashed by the same command here.
    const lines = '29000000';
    const wanted = execFileSync('sh', ['-c', `seq ${lines} | sha256sum`]);
    const { own, other } = await warmServer();
    const client = await own.connect({ keepsOutput: false });
    const flood = await client.start({ argv: ['seq', lines] });
    client.carrier.pause();
    // These start, write and end while nobody reads.
    const starts = Array.from({ length: 5 }, () => client.startUnanswered({ argv: ['seq', '30000'] }));
    const growth = new Growth(own.pid);
    await untilIdle(own);
    const times = await roundTrips(other, 200);
    expect(growth.stop()).toBeLessThan(64 * MiB);
    expect(percentile(times, 0.99), 'p99 round trip of another connection, ms').toBeLessThan(50);
    client.carrier.resume();
    await within('the flood to be closed', 60_000, flood.closed);
    await within('the others to be closed', 10_000, Promise.all(starts.map(({ view }) => view.closed)));
    expect(flood.sha256()).toBe(wanted.toString().split(' ')[0]);
    const small = createHash('sha256')
      .update(execFileSync('seq', ['30000']))
      .digest('hex');
    expect(starts.map(({ view }) => view.sha256())).toEqual(starts.map(() => small));
  }, 90_000);

  it('keeps 48 MB of a terminal whose program ended meanwhile', async () => {
    const { own, other } = await warmServer();
    const client = await own.connect({ keepsOutput: false });
    const flood = await client.start({ argv: ['sh', '-c', 'stty raw; exec seq 6000000'], tty: true });
    const tail = await client.start({ argv: ['sh', '-c', 'stty raw; exec seq 500'], tty: true });
    client.carrier.pause();
    const growth = new Growth(own.pid);
    await untilIdle(own);
    await roundTrips(other, 50);
    expect(growth.stop()).toBeLessThan(64 * MiB);
    client.carrier.resume();
    await within('the flood to be closed', 60_000, flood.closed);
    await within('the short one to be closed', 10_000, tail.closed);
    const sha256 = (lines: string): string =>
      createHash('sha256')
        .update(execFileSync('seq', [lines], { maxBuffer: 64 * MiB }))
        .digest('hex');
    expect(flood.sha256()).toBe(sha256('6000000'));
    expect(tail.sha256()).toBe(sha256('500'));
  }, 90_000);

  it('gets all of 320 MiB of answers later, which do not wait in server memory', async () => {
    await writeFile(join(folder, 'four'), Buffer.alloc(4 * MiB, 'x'));
    const { own, other } = await warmServer();
    await other.call('fs/readFile', { path: join(folder, 'four') });
    const client = await own.connect();
    client.carrier.pause();
    const growth = new Growth(own.pid);
    const answers = Array.from({ length: 60 }, () =>
      client.request('fs/readFile', { path: join(folder, 'four') }, { withinMs: 60_000 }),
    );
    await untilIdle(own);
    await roundTrips(other, 50);
    const grewBytes = growth.stop();
    client.carrier.resume();
    for (const answer of await Promise.all(answers)) expect(answer.error).toBeUndefined();
    expect(grewBytes).toBeLessThan(64 * MiB);
  }, 90_000);

  it('cannot fill memory with pings that it does not read the pongs of', async () => {
    const { own, other } = await warmServer();
    const socket = new WebSocket(own.url, { perMessageDeflate: false });
    await within('open', 5_000, new Promise((resolve) => socket.once('open', resolve)));
    socket.pause();
    const growth = new Growth(own.pid);
    const payload = Buffer.alloc(100);
    for (let sent = 0; sent < 400_000; sent += 2_000) {
      for (let index = 0; index < 2_000; index++) socket.ping(payload);
      await until('the pings to be taken', () => socket.bufferedAmount < MiB, { withinMs: 20_000, everyMs: 1 });
    }
    await untilIdle(own);
    await roundTrips(other, 20);
    expect(growth.stop()).toBeLessThan(32 * MiB);
    socket.terminate();
  }, 60_000);
});

describe('a process that does not read', () => {
  it('a slow reader gets 16 MiB of one write whole', async () => {
    const bytes = randomBytes(16 * MiB);
    const client = await server.current.connect();
    const view = await client.start({ argv: ['sh', '-c', 'sleep 0.5; exec sha256sum'], pipeStdin: true });
    expect(await client.write(view.processId, bytes, 30_000)).toBe('accepted');
    await client.call('process/closeStdin', { processId: view.processId });
    await within('closed', 30_000, view.closed);
    expect(view.text().split(' ')[0]).toBe(createHash('sha256').update(bytes).digest('hex'));
  }, 60_000);

  it('a slow reader gets 64 pipelined writes in order and whole', async () => {
    const parts = Array.from({ length: 64 }, () => randomBytes(64 * 1024));
    const client = await server.current.connect();
    const view = await client.start({ argv: ['sh', '-c', 'sleep 0.3; exec sha256sum'], pipeStdin: true });
    const answers = parts.map((part) => client.write(view.processId, part, 30_000));
    const closed = client.call('process/closeStdin', { processId: view.processId }, 30_000);
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['accepted']));
    expect(await closed).toEqual({ status: 'accepted' });
    await within('closed', 30_000, view.closed);
    expect(view.text().split(' ')[0]).toBe(createHash('sha256').update(Buffer.concat(parts)).digest('hex'));
  }, 60_000);

  it.each([
    { kind: 'pipe', tty: false },
    { kind: 'pty', tty: true },
  ])(
    'is offered 256 MiB in bounded memory, holds up nothing, and can be terminated, by $kind',
    async ({ tty }) => {
      const { own, other } = await warmServer();
      const client = await own.connect();
      const script = `${tty ? 'stty raw -echo; ' : ''}echo ready; exec sleep 600`;
      const view = await client.start({ argv: ['sh', '-c', script], tty, pipeStdin: !tty });
      await client.waitForText(view, 'ready');
      const growth = new Growth(own.pid);
      const chunk = 'a'.repeat(MiB);
      const answers: Promise<{ result?: unknown; error?: unknown }>[] = [];
      for (let sent = 0; sent < 256; sent++) {
        const params = { processId: view.processId, chunk: Buffer.from(chunk).toString('base64') };
        answers.push(client.request('process/write', params, { withinMs: 60_000 }));
        await until('the write to leave', () => client.carrier.unsentBytes() < 8 * MiB, {
          withinMs: 30_000,
          everyMs: 1,
        });
      }
      const { tookMs } = await timed(() => client.call('process/terminate', { processId: 'none' }));
      const times = await roundTrips(other, 100);
      await untilIdle(own);
      const grewBytes = growth.stop();
      const ended = await timed(async () => {
        expect(await client.terminate(view.processId)).toBe(true);
        await within('exited', 5_000, view.exited);
      });
      expect(view.exitCode).toBe(137);
      await within('closed', 5_000, view.closed);
      // Each write is answered: accepted, or refused with a reason; none is left hanging.
      const settled = await Promise.all(answers);
      expect(settled.filter((answer) => answer.result === undefined && answer.error === undefined)).toEqual([]);
      // 16 MiB may wait for the process; the rest is what V8 has not collected yet of 256 messages of 1.4 MB.
      expect(grewBytes).toBeLessThan(128 * MiB);
      expect(tookMs, 'a request behind the writes, ms').toBeLessThan(1_000);
      expect(percentile(times, 0.99), 'p99 round trip of another connection, ms').toBeLessThan(100);
      expect(ended.tookMs, 'terminate until exited, ms').toBeLessThan(1_000);
    },
    90_000,
  );

  it('costs no CPU while it does not read, on four terminals and four pipes', async () => {
    const { own } = await warmServer();
    const client = await own.connect();
    for (const tty of [true, false, true, false, true, false, true, false]) {
      const argv = ['sh', '-c', `${tty ? 'stty raw -echo; ' : ''}echo ready; exec sleep 600`];
      const view = await client.start({ argv, tty, pipeStdin: !tty });
      await client.waitForText(view, 'ready');
      const chunk = Buffer.alloc(300_000, 'a').toString('base64');
      // Not awaited: the pipe is full, and the write may wait until the end.
      client
        .request('process/write', { processId: view.processId, chunk }, { withinMs: 60_000 })
        .catch(() => undefined);
    }
    await untilIdle(own);
    const before = tryStat(own.pid)?.cpuMs ?? 0;
    const { tookMs } = await timed(() =>
      client.request('process/read', { processId: 'p1', afterSeq: 99, waitMs: 1_500 }),
    );
    const share = ((tryStat(own.pid)?.cpuMs ?? 0) - before) / tookMs;
    expect(share, 'share of one core').toBeLessThan(0.1);
    client.carrier.drop();
  }, 60_000);
});

describe('a program that exits with unread input', () => {
  it.each([
    { kind: 'pipe', tty: false },
    { kind: 'pty', tty: true },
  ])('is reported exited and closed, and its writes are answered, by $kind', async ({ tty }) => {
    const client = await server.current.connect();
    const script = `${tty ? 'stty raw -echo; ' : ''}echo ready; sleep 0.3; exit 8`;
    const view = await client.start({ argv: ['sh', '-c', script], tty, pipeStdin: !tty });
    await client.waitForText(view, 'ready');
    const chunk = Buffer.alloc(200_000, 'b').toString('base64');
    const answers = Array.from({ length: 6 }, () =>
      client.request('process/write', { processId: view.processId, chunk }, { withinMs: 10_000 }),
    );
    await within('closed', 5_000, view.closed);
    expect(view.exitCode).toBe(8);
    expect((await Promise.all(answers)).length).toBe(6);
  });
});

describe('a flood', () => {
  it('by pipe, terminal and yes leaves another connection its round trips, and its own terminate is answered', async () => {
    const { own, other } = await warmServer();
    const client = await own.connect({ keepsOutput: false });
    const floods = [
      await client.start({ argv: ['yes'] }),
      await client.start({ argv: ['yes'], tty: true }),
      await client.start({ argv: ['cat', '/dev/zero'] }),
    ];
    const echo = await other.start({ argv: ['cat'], pipeStdin: true });
    const times = await roundTrips(other, 150);
    const echoed: number[] = [];
    for (let index = 0; index < 40; index++) {
      const { tookMs } = await timed(async () => {
        await other.write(echo.processId, `line ${String(index)}\n`);
        await other.waitForText(echo, `line ${String(index)}\n`);
      });
      echoed.push(tookMs);
    }
    echoed.sort((a, b) => a - b);
    // The harness shares the two cores with the server and the flood's programs: wide head-room over 10 and 20 ms.
    expect(percentile(times, 0.9), 'p90 round trip of another connection, ms').toBeLessThan(100);
    expect(percentile(echoed, 0.9), 'p90 echo of another connection, ms').toBeLessThan(150);
    for (const flood of floods) {
      expect(await client.terminate(flood.processId)).toBe(true);
      await within('closed', 10_000, flood.closed);
      expect(flood.exitCode).toBe(137);
    }
  }, 60_000);
});
