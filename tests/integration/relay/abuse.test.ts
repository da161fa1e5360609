// What hostile or broken peers try through the relay, against our rendezvous and our executor. Each is contained, gets a
// reason where relay frames have one, and harms nobody else (docs/relay.md "Abuse").
import { describe, expect, it } from 'vitest';
import { encodeFrame } from '../../../shared/relay/codec.ts';
import type { RelayBody } from '../../../shared/relay/frame.ts';
import { streamPictureSchema, type DirectionPicture } from '../../../shared/relay/live-picture.ts';
import { rssBytes } from '../../helpers/proc.ts';
import { startServer } from '../../helpers/server.ts';
import { until } from '../../helpers/until.ts';
import { childEnv, connect, isOnline, startExecutor } from './relay-pair.ts';
import { call, dropPeers, RelayPeer } from './relay-peer.ts';
import { RelayFrameFuzzer } from '../../fuzz/relay-frames.ts';

/** In `npm test`; EXEC_TEST_RELAY_FRAMES=1000000 sends as many as docs/relay.md speaks of. */
const fuzzedFrames = Number(process.env['EXEC_TEST_RELAY_FRAMES'] ?? 100_000);
const fuzzSeed = Number(process.env['EXEC_TEST_SEED'] ?? 20_260_101);
const stream = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const hello = '{"id":1,"method":"initialize","params":{"clientName":"abuser"}}';
const data = (seq: number, segmentIndex: number, segmentCount: number, payload: string | Uint8Array): RelayBody => ({
  kind: 'data',
  seq,
  segmentIndex,
  segmentCount,
  payload: typeof payload === 'string' ? Buffer.from(payload) : payload,
});

describe('a hostile harness', () => {
  it('is told why its stream ends, while a neighbour works on', async () => {
    const server = await startServer({ command: 'serve', args: ['--relay-max-streams', '200'] });
    const executor = await startExecutor(server, 'box');
    const neighbour = await connect(server, 'box');
    const view = await neighbour.start({
      processId: 'p',
      argv: ['cat'],
      cwd: '/tmp',
      env: childEnv,
      tty: false,
      pipeStdin: true,
    });
    const abuser = await RelayPeer.harness(server, 'box');
    const still = async (text: string): Promise<void> => {
      await neighbour.call('process/write', { processId: 'p', chunk: Buffer.from(text).toString('base64') });
      await until(`${text} to come back`, () => view.text().endsWith(text));
    };
    await still('one');

    // Acknowledges what was never sent.
    abuser.sendData(stream(1), hello);
    await until('the answer', () => abuser.words(stream(1)).some((word) => word.includes('sessionId')));
    abuser.socket.send(encodeFrame({ streamId: stream(1), ack: 4_000_000, ackBits: 0, body: { kind: 'ackFrame' } }));
    await abuser.waitFor(stream(1), 'reset acknowledges_unsent');
    await still('two');

    // Announces four billion segments.
    abuser.send(stream(2), data(0, 0, 0xffffffff, 'x'));
    await until('a reset', () => abuser.words(stream(2)).some((word) => word.startsWith('reset ')));
    await still('three');

    // Breaks the protocol above: its connection ends, and says so.
    abuser.sendData(stream(3), '{"method":"no/such/notification"}');
    await until('a reset', () => abuser.words(stream(3)).some((word) => word.startsWith('reset ')));

    // Resets others' streams, and its own twice.
    const { body } = await call(server, 'GET', '/api/relay/executors/box/streams');
    const streams = body['streams'] as { streamId: string }[];
    for (const { streamId } of streams) abuser.send(streamId, { kind: 'reset', reason: 'die' });
    await still('four');

    // Opens streams without end.
    for (let n = 0; n < 1000; n++) abuser.sendData(stream(1000 + n), hello);
    await abuser.waitFor(stream(1999), 'reset too_many_streams');
    await still('five');
    abuser.cut();
    await until('its streams to end', async () => {
      const answer = await call(server, 'GET', '/api/relay/executors/box/streams');
      return (answer.body['streams'] as unknown[]).length === 1;
    });
    await still('six');
    expect(executor.stderr).not.toMatch(/"level":[56]0/);
    expect(neighbour.sniffer.violations).toEqual([]);
    dropPeers();
  });

  it('that never acknowledges costs the executor a window, not gigabytes', async () => {
    const server = await startServer({ command: 'serve' });
    const executor = await startExecutor(server, 'box');
    const abuser = await RelayPeer.harness(server, 'box');
    abuser.sendData(stream(1), hello);
    const sent = async () => {
      const { body } = await call(server, 'GET', '/api/relay/executors/box/streams');
      return streamPictureSchema.array().parse(body['streams'])[0]?.watch?.toHarness;
    };
    // It proves that it can acknowledge, and then never does again.
    await until('the answer', () => abuser.words(stream(1)).some((word) => word.includes('sessionId')));
    await sent();
    abuser.socket.send(encodeFrame({ streamId: stream(1), ack: 0, ackBits: 0, body: { kind: 'ackFrame' } }));
    const start = { processId: 'p', argv: ['yes'], cwd: '/tmp', env: childEnv, tty: false };
    abuser.send(stream(1), data(1, 0, 1, '{"method":"initialized"}'));
    abuser.send(stream(1), data(2, 0, 1, JSON.stringify({ id: 2, method: 'process/start', params: start })));
    const before = rssBytes(executor.pid);
    // Its window is full, and for so long that it sends the oldest again.
    let picture: DirectionPicture | undefined;
    const toHarness = await until(
      'the executor to send again',
      async () => {
        picture = await sent();
        return (picture?.retransmits ?? 0) > 2 && (picture?.unackedBytes ?? 0) > 1.5 * 1024 * 1024 && picture;
      },
      { withinMs: 15_000, describe: () => JSON.stringify(picture) },
    );
    expect(toHarness.unackedBytes).toBeLessThanOrEqual(2 * 1024 * 1024);
    expect(rssBytes(executor.pid) - before).toBeLessThan(64 * 1024 * 1024);
    dropPeers();
  });
});

describe(`${fuzzedFrames} fuzzed frames`, () => {
  it(`crash nothing, leak nothing, and a neighbour works on (seed ${fuzzSeed})`, async () => {
    const server = await startServer({ command: 'serve' });
    const executor = await startExecutor(server, 'box');
    const neighbour = await connect(server, 'box');
    const abuser = await RelayPeer.harness(server, 'box');
    const streamIds = Array.from({ length: 50 }, (_, n) => stream(n));
    const fuzzer = new RelayFrameFuzzer(fuzzSeed, [stream(50), ...streamIds]);
    const send = (count: number): void => {
      for (let n = 0; n < count; n++) abuser.socket.send(fuzzer.next());
    };
    const settle = async (): Promise<void> => {
      await until('all to be sent', () => abuser.socket.bufferedAmount === 0, { withinMs: 30_000 });
      await neighbour.call('process/terminate', { processId: 'none' });
      abuser.frames.length = 0;
    };
    send(20_000);
    await settle();
    const before = [server.pid, executor.pid].map(rssBytes);
    for (let sent = 20_000; sent < fuzzedFrames; sent += 10_000) {
      send(10_000);
      await settle();
    }
    const growth = [server.pid, executor.pid].map((pid, index) => rssBytes(pid) - before[index]!);
    console.log(`RSS grew by ${growth.map((bytes) => (bytes / 1e6).toFixed(1)).join(' and ')} MB`);
    expect(Math.max(...growth)).toBeLessThan(64 * 1024 * 1024);
    const view = await neighbour.start({
      processId: 'p',
      argv: ['echo', 'unharmed'],
      cwd: '/tmp',
      env: childEnv,
      tty: false,
    });
    await view.closed;
    expect(view.text()).toBe('unharmed\n');
    expect(abuser.close).toBeUndefined();
    dropPeers();
  }, 900_000);
});

describe('two executors with one id', () => {
  it('the newer one serves; the older one is told, waits, and does not throw it out again', async () => {
    const server = await startServer({ command: 'serve' });
    const older = await startExecutor(server, 'box', ['--log-level', 'info']);
    const client = await connect(server, 'box');
    const newer = await startExecutor(server, 'box');
    await until('the older one to know', () => older.stderr.includes('another executor has taken this executor id'));
    // The stream of the older one is not the newer one's: it ends with a reason.
    expect((await client.ended).reason).toMatch(/unknown_stream|executor_disconnected/);
    // Half a minute, not the second after which a lost connection is dialled again.
    await until('the older one to wait', () => older.stderr.includes('"waitMs":30000'));
    expect(newer.stderr).not.toContain('another executor');
    expect(older.stderr.split('remote executor registered')).toHaveLength(2);
    expect(await isOnline(server, 'box')).toBe(true);
    const again = await connect(server, 'box');
    expect(await again.call('process/terminate', { processId: 'none' })).toEqual({ running: false });
  });
});
