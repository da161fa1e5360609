// The registry and the rendezvous as any peer sees them, over real sockets (docs/relay.md "Registry and rendezvous").
import { afterEach, describe, expect, it } from 'vitest';
import { encodeFrame } from '../../../shared/relay/codec.ts';
import { asArray, asNumber, asObject, asString } from '../../helpers/json.ts';
import { startServer, useServer } from '../../helpers/server.ts';
import { until } from '../../helpers/until.ts';
import { call, dropPeers, RelayPeer, relayUrl } from './relay-peer.ts';

const server = useServer({ command: 'serve', args: ['--relay-grace-ms', '1500'] });
let lastId = 0;
const newId = (): string => `exec-${++lastId}`;
const stream = (n: number): string => `${n}${n}${n}${n}0000-0000-4000-8000-000000000000`.slice(-36);

afterEach(dropPeers);

async function counter(path: readonly string[]): Promise<number> {
  const { body } = await call(server.current, 'GET', '/api/relay');
  let value = asObject(body['counters']);
  for (const name of path.slice(0, -1)) value = asObject(value[name] ?? {});
  return asNumber(value[path.at(-1)!] ?? 0);
}

describe('the registry', () => {
  it('answers executors and harnesses a signed URL, in both spellings', async () => {
    for (const [spelling, member] of [
      ['executor', 'executor_id'],
      ['environment', 'environment_id'],
    ] as const) {
      for (const [door, role] of [
        ['register', 'executor'],
        ['connect', 'harness'],
      ] as const) {
        const { status, body } = await call(server.current, 'POST', `/cloud/${spelling}/box%201/${door}`);
        expect(status).toBe(200);
        expect(body[member]).toBe('box 1');
        expect(asString(body['url'])).toMatch(
          new RegExp(
            `^ws://127\\.0\\.0\\.1:${server.current.port}/relay/box%201\\?role=${role}&exp=\\d+&.*&sig=[\\w-]{43}$`,
          ),
        );
        expect(asString(body['resumable_url'])).toContain('&resume=1&sig=');
      }
    }
  });

  it('refuses without the token, and ids that are no path segment', async () => {
    for (const path of ['/cloud/executor/a/register', '/cloud/executor/a/connect', '/cloud/environment/a/register']) {
      const { status, body } = await call(server.current, 'POST', path, { token: '' });
      expect([status, asObject(body['error'])['code']]).toEqual([401, 'unauthorized']);
      expect((await call(server.current, 'POST', path, { token: 'wrong' })).status).toBe(401);
    }
    expect((await call(server.current, 'GET', '/cloud/executor', { token: '' })).status).toBe(401);
    for (const id of ['%2e%2e', 'a%2Fb', '%00', 'x'.repeat(129)]) {
      const { status, body } = await call(server.current, 'POST', `/cloud/executor/${id}/register`);
      if (status !== 404) expect([status, asObject(body['error'])['code']]).toEqual([400, 'invalid_executor_id']);
    }
  });

  it('lists who is online, with the name', async () => {
    const id = newId();
    const executor = await RelayPeer.executor(server.current, id, { query: '?name=B%C3%BCro' });
    const find = async () => {
      const { body } = await call(server.current, 'GET', '/cloud/executor');
      return asArray(body['executors'])
        .map((item) => asObject(item))
        .find((item) => item['executor_id'] === id);
    };
    expect(await find()).toMatchObject({ name: 'Büro', streams: 0, resumable: false, here: true });
    executor.cut();
    await until('the list to forget it', async () => (await find()) === undefined);
  });
});

describe('a relay URL', () => {
  it('is refused before the upgrade when it is forged, expired, for another id or in another role', async () => {
    const id = newId();
    const short = await startServer({ command: 'serve', args: ['--relay-url-ttl-ms', '1000'] });
    const url = await relayUrl(server.current, 'harness', id);
    const before = await counter(['refused', 'bad_signature']);
    for (const forged of [
      url.replace(`/relay/${id}`, '/relay/other'),
      url.replace('role=harness', 'role=executor'),
      url.replace(/exp=\d+/, 'exp=99999999999'),
      url.replace(/.$/, (last) => (last === 'A' ? 'E' : 'A')),
      (await relayUrl(short, 'harness', id)).replace(String(short.port), String(server.current.port)),
    ]) {
      await expect(RelayPeer.dial(forged)).rejects.toThrow('refused with 401');
    }
    expect((await counter(['refused', 'bad_signature'])) - before).toBe(5);
    for (const other of [
      url.replace(/&sig=.*/, ''),
      `${url}&resume=1`,
      `ws://127.0.0.1:${server.current.port}/relay/${id}?token=${server.current.token}`,
    ]) {
      await expect(RelayPeer.dial(other)).rejects.toThrow('refused with 401');
    }
  });

  it('is refused from a foreign origin', async () => {
    const url = await relayUrl(server.current, 'harness', newId());
    const { WebSocket } = await import('ws');
    const socket = new WebSocket(url, { origin: 'https://evil.example' });
    socket.on('error', () => undefined);
    const status = await new Promise((resolve) =>
      socket.once('unexpected-response', (_, { statusCode }) => resolve(statusCode)),
    );
    expect(status).toBe(403);
  });
});

describe('the rendezvous', () => {
  it('routes frames by their stream, byte for byte', async () => {
    const id = newId();
    const executor = await RelayPeer.executor(server.current, id);
    const [a, b] = [await RelayPeer.harness(server.current, id), await RelayPeer.harness(server.current, id)];
    a.sendData(stream(1), 'from a');
    b.sendData(stream(2), 'from b');
    await executor.waitFor(stream(1), 'from a');
    await executor.waitFor(stream(2), 'from b');
    // Unknown fields, an odd order and a payload that is no JSON are nobody's business on the way.
    const odd = Buffer.concat([
      Buffer.from([0x98, 0x06, 0x05]),
      encodeFrame({
        streamId: stream(1),
        ack: 7,
        ackBits: 5,
        body: { kind: 'data', seq: 9, segmentIndex: 1, segmentCount: 3, payload: Buffer.from([0, 255]) },
      }),
    ]);
    const arrived = new Promise<Buffer>((resolve) => a.socket.once('message', (data: Buffer) => resolve(data)));
    executor.socket.send(odd);
    expect((await arrived).equals(odd)).toBe(true);
    executor.sendData(stream(2), 'to b');
    await b.waitFor(stream(2), 'to b');
    expect(a.words(stream(2))).toEqual([]);
  });

  it('keeps a stream for the harness that used it first', async () => {
    const id = newId();
    const executor = await RelayPeer.executor(server.current, id);
    const [a, b] = [
      await RelayPeer.harness(server.current, id, { resumable: true }),
      await RelayPeer.harness(server.current, id, { resumable: true }),
    ];
    a.sendData(stream(1), 'mine');
    await executor.waitFor(stream(1), 'mine');
    b.sendData(stream(1), 'not yours');
    b.send(stream(1), { kind: 'resume', nextSeq: 3 });
    b.send(stream(1), { kind: 'reset', reason: 'killed' });
    await until('three refusals', () => b.words(stream(1)).length === 3);
    expect(b.words(stream(1))).toEqual(Array(3).fill('reset stream_in_use'));
    a.sendData(stream(1), 'still mine', 1);
    await executor.waitFor(stream(1), 'still mine');
    expect(executor.words(stream(1))).toEqual(['mine', 'still mine']);
  });

  it('tells a harness at once that an executor is offline, or was lost without a way back', async () => {
    const id = newId();
    // A node that was just started waits as long as its grace for executors that may have been there before.
    const node = await startServer({ command: 'serve', args: ['--relay-grace-ms', '1'] });
    const harness = await RelayPeer.harness(node, id);
    harness.send(stream(1), { kind: 'resume', nextSeq: 0 });
    await harness.waitFor(stream(1), 'reset executor_offline');
    const executor = await RelayPeer.executor(node, id);
    harness.sendData(stream(2), 'hello');
    await executor.waitFor(stream(2), 'hello');
    executor.cut();
    await harness.waitFor(stream(2), 'reset executor_disconnected');
    harness.sendData(stream(3), 'anybody?');
    await harness.waitFor(stream(3), 'reset executor_offline');
  });

  it('waits for a resumable executor, and gives up after the grace', async () => {
    const id = newId();
    const url = await relayUrl(server.current, 'executor', id, { resumable: true });
    const executor = await RelayPeer.dial(url);
    const [harness, old] = [
      await RelayPeer.harness(server.current, id, { resumable: true }),
      await RelayPeer.harness(server.current, id),
    ];
    harness.sendData(stream(1), 'hello');
    old.sendData(stream(2), 'hello');
    await executor.waitFor(stream(1), 'hello');
    await executor.waitFor(stream(2), 'hello');
    executor.cut();
    // A harness that never resends has lost its stream.
    await old.waitFor(stream(2), 'reset executor_disconnected');
    harness.sendData(stream(1), 'dropped', 1);
    const again = await RelayPeer.dial(url);
    // It would keep the session of that harness, which is already asking for it on another stream.
    await again.waitFor(stream(2), 'reset harness_disconnected');
    expect(again.words(stream(1))).toEqual([]);
    again.sendData(stream(1), 'I am back');
    await harness.waitFor(stream(1), 'I am back');
    again.cut();
    await harness.waitFor(stream(1), 'reset executor_disconnected');
  });

  it('tells the executor when a harness leaves, after the grace of a resumable one', async () => {
    const id = newId();
    const executor = await RelayPeer.executor(server.current, id);
    const [old, resumable, polite] = [
      await RelayPeer.harness(server.current, id),
      await RelayPeer.harness(server.current, id, { resumable: true }),
      await RelayPeer.harness(server.current, id, { resumable: true }),
    ];
    for (const [n, harness] of [old, resumable, polite].entries()) {
      harness.sendData(stream(n), 'hello');
      await executor.waitFor(stream(n), 'hello');
    }
    old.cut();
    polite.socket.close(1000);
    await executor.waitFor(stream(0), 'reset harness_disconnected');
    await executor.waitFor(stream(2), 'reset harness_disconnected');
    const cutAtMs = performance.now();
    resumable.cut();
    await executor.waitFor(stream(1), 'reset harness_disconnected');
    expect(performance.now() - cutAtMs).toBeGreaterThan(1300);
  });

  it('gives a stream back to its harness on a new connection, even while the old one seems alive', async () => {
    const id = newId();
    const executor = await RelayPeer.executor(server.current, id, { resumable: true });
    const url = await relayUrl(server.current, 'harness', id, { resumable: true });
    const first = await RelayPeer.dial(url);
    first.sendData(stream(1), 'hello');
    await executor.waitFor(stream(1), 'hello');
    const second = await RelayPeer.dial(url);
    second.send(stream(1), { kind: 'resume', nextSeq: 1 });
    await executor.waitFor(stream(1), 'resume');
    executor.sendData(stream(1), 'welcome back');
    await second.waitFor(stream(1), 'welcome back');
    // A renewed URL of the same peer counts as well.
    second.cut();
    const peer = new URL(url).searchParams.get('peer')!;
    const third = await RelayPeer.harness(server.current, id, { resumable: true, query: `?peer=${peer}` });
    third.send(stream(1), { kind: 'resume', nextSeq: 2 });
    await until('the second resume', () => executor.words(stream(1)).filter((word) => word === 'resume').length === 2);
    executor.sendData(stream(1), 'and again', 1);
    await third.waitFor(stream(1), 'and again');
  });

  it('replaces an executor by a newer one of its id, and ends the streams of one that cannot resume', async () => {
    const id = newId();
    const older = await RelayPeer.executor(server.current, id);
    const harness = await RelayPeer.harness(server.current, id);
    harness.sendData(stream(1), 'hello');
    await older.waitFor(stream(1), 'hello');
    const newer = await RelayPeer.executor(server.current, id);
    expect(await older.waitForClose()).toEqual({
      code: 4001,
      reason: 'replaced by a newer connection of this executor',
    });
    await harness.waitFor(stream(1), 'reset executor_disconnected');
    harness.sendData(stream(2), 'hello you');
    await newer.waitFor(stream(2), 'hello you');
  });

  it('drops and counts what is no frame, and nothing else happens', async () => {
    const id = newId();
    const executor = await RelayPeer.executor(server.current, id);
    const harness = await RelayPeer.harness(server.current, id);
    harness.sendData(stream(1), 'before');
    const before = await counter(['dropped', 'text']);
    harness.socket.send('text');
    executor.socket.send('text');
    for (const bytes of [[], [0xff], [0x08, 0x01], [0x08, 0x02], [0x12, 0x7f], Array(64).fill(0)]) {
      harness.socket.send(Buffer.from(bytes as number[]));
      executor.socket.send(Buffer.from(bytes as number[]));
    }
    executor.sendData(stream(9), 'for nobody');
    harness.sendData(stream(1), 'after', 1);
    await executor.waitFor(stream(1), 'after');
    executor.sendData(stream(1), 'fine');
    await harness.waitFor(stream(1), 'fine');
    expect(executor.words()).toEqual(['before', 'after']);
    expect(harness.words()).toEqual(['fine']);
    expect((await counter(['dropped', 'text'])) - before).toBe(2);
    expect(await counter(['dropped', 'malformed'])).toBeGreaterThan(0);
    expect(await counter(['dropped', 'no_harness'])).toBeGreaterThan(0);
  });

  it('holds limits: frame size, streams, harnesses; and shows them in /metrics', async () => {
    const args = ['--relay-max-frame-bytes', '4096', '--relay-max-streams', '3', '--relay-max-harnesses', '2'];
    const small = await startServer({ command: 'serve', args });
    const executor = await RelayPeer.executor(small, 'x');
    const [a, b] = [await RelayPeer.harness(small, 'x'), await RelayPeer.harness(small, 'x')];
    const c = await RelayPeer.harness(small, 'x');
    expect(await c.waitForClose()).toMatchObject({ code: 4009 });
    for (let n = 1; n <= 4; n++) a.sendData(stream(n), 'hello');
    await a.waitFor(stream(4), 'reset too_many_streams');
    await executor.waitFor(stream(3), 'hello');
    b.sendData(stream(5), 'x'.repeat(5000));
    expect(await b.waitForClose()).toEqual({ code: 1009, reason: 'frame larger than 4096 bytes' });
    a.sendData(stream(1), 'unharmed', 1);
    await executor.waitFor(stream(1), 'unharmed');
    const { body } = await call(small, 'GET', '/metrics');
    const text = asString(body['text']);
    for (const line of [
      'exec_workbench_relay_executors 1',
      'exec_workbench_relay_harnesses 1',
      'exec_workbench_relay_streams 3',
      'exec_workbench_relay_resets_total{reason="too_many_streams"} 1',
      'exec_workbench_relay_cut_connections_total{reason="frame_too_large"} 1',
      'exec_workbench_relay_cut_connections_total{reason="too_many_harnesses"} 1',
      'exec_workbench_relay_limit{limit="frame_bytes"} 4096',
      'exec_workbench_relay_limit{limit="streams_per_executor"} 3',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
  });

  it('cuts a harness that cannot keep up while others need the executor, and lets a lone one slow it down', async () => {
    const small = await startServer({ command: 'serve', args: ['--relay-max-queued-bytes', '2000000'] });
    const executor = await RelayPeer.executor(small, 'x');
    const [slow, other] = [await RelayPeer.harness(small, 'x'), await RelayPeer.harness(small, 'x')];
    slow.sendData(stream(1), 'hello');
    other.sendData(stream(2), 'hello');
    await executor.waitFor(stream(2), 'hello');
    slow.socket.pause();
    const chunk = 'x'.repeat(100_000);
    for (let n = 0; n < 300; n++) executor.sendData(stream(1), chunk, n);
    executor.sendData(stream(2), 'meanwhile');
    await other.waitFor(stream(2), 'meanwhile');
    slow.socket.resume();
    expect(await slow.waitForClose()).toMatchObject({ code: 4008 });
    await executor.waitFor(stream(1), 'reset harness_disconnected');
    // Alone: it takes what there is, and the executor waits.
    other.socket.pause();
    for (let n = 0; n < 300; n++) executor.sendData(stream(2), chunk, n + 1);
    await until('the executor to be stopped', () => executor.socket.bufferedAmount > 5_000_000);
    other.socket.resume();
    await until('all to arrive', () => other.words(stream(2)).length === 301);
  });
});

describe('impairment', () => {
  it('is off by default, wants the token, and refuses what makes no sense', async () => {
    const path = '/api/relay/executors/x/impairment';
    expect((await call(server.current, 'GET', path)).body).toEqual({ impairment: null });
    for (const method of ['GET', 'PUT', 'DELETE']) {
      expect((await call(server.current, method, path, { token: '' })).status).toBe(401);
    }
    for (const body of [
      { toExecutor: { drop: 2 } },
      { toExecutor: { dorp: 0.1 } },
      { toHarness: { delayMs: -1 } },
      [],
      'x',
    ]) {
      const answer = await call(server.current, 'PUT', path, { body });
      expect([answer.status, asObject(answer.body['error'])['code']]).toEqual([400, 'invalid_impairment']);
    }
  });

  it('drops, repeats, reorders, delays, throttles and cuts, the same with the same seed', async () => {
    const id = newId();
    const path = `/api/relay/executors/${id}/impairment`;
    const executor = await RelayPeer.executor(server.current, id, { resumable: true });
    const harness = await RelayPeer.harness(server.current, id, { resumable: true });
    const send = async (count: number, settings: object): Promise<string[]> => {
      await call(server.current, 'PUT', path, { body: { seed: 's', toExecutor: settings } });
      executor.frames.length = 0;
      for (let n = 0; n < count; n++) harness.sendData(stream(1), String(n), n);
      const stats = async () =>
        asObject(asObject((await call(server.current, 'GET', path)).body['impairment'])['toExecutor']);
      await until('all to have passed', async () => {
        const { frames, queuedFrames } = await stats();
        return frames === count && queuedFrames === 0;
      });
      await call(server.current, 'DELETE', path);
      harness.sendData(stream(1), 'end');
      await executor.waitFor(stream(1), 'end');
      return executor.words(stream(1)).slice(0, -1);
    };
    const dropped = await send(1000, { drop: 0.1 });
    expect(dropped.length).toBeGreaterThan(850);
    expect(dropped.length).toBeLessThan(950);
    expect(await send(1000, { drop: 0.1 })).toEqual(dropped);
    const doubled = await send(200, { duplicate: 0.5 });
    expect(new Set(doubled).size).toBe(200);
    expect(doubled.length).toBeGreaterThan(260);
    const reordered = await send(200, { reorder: 0.2, reorderMs: 10 });
    expect([...reordered].sort((x, y) => Number(x) - Number(y))).toEqual(
      Array.from({ length: 200 }, (_, n) => String(n)),
    );
    expect(reordered).not.toEqual(Array.from({ length: 200 }, (_, n) => String(n)));
    const startedAtMs = performance.now();
    expect(await send(50, { delayMs: 100, jitterMs: 50 })).toEqual(Array.from({ length: 50 }, (_, n) => String(n)));
    expect(performance.now() - startedAtMs).toBeGreaterThan(100);
    const throttledAtMs = performance.now();
    await send(50, { bytesPerSecond: 10_000 });
    expect(performance.now() - throttledAtMs).toBeGreaterThan(200);
    await call(server.current, 'PUT', path, { body: { toExecutor: { cutEveryFrames: 5 } } });
    for (let n = 0; n < 5; n++) harness.sendData(stream(1), 'x', n);
    expect(await executor.waitForClose()).toMatchObject({ code: 1006 });
    await call(server.current, 'DELETE', path);
  });
});
