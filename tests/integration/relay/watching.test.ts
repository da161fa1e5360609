// The live picture of an executor's streams, beside what the endpoints themselves know (docs/relay.md "Watching").
import { get, type ClientRequest } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { livePictureSchema, streamPictureSchema, type LivePicture } from '../../../shared/relay/live-picture.ts';
import { asObject, asString, parseJson } from '../../helpers/json.ts';
import { carrierOf, openLink } from '../../helpers/remote-executor.ts';
import { TAG, useServer } from '../../helpers/server.ts';
import { until } from '../../helpers/until.ts';
import { WireClient } from '../../helpers/wire-client.ts';
import { childEnv, startExecutor } from './relay-pair.ts';
import { call, dropPeers, RelayPeer, relayUrl } from './relay-peer.ts';

const server = useServer({ command: 'serve' });
const feeds = new Set<ClientRequest>();

afterEach(() => {
  for (const feed of feeds) feed.destroy();
  feeds.clear();
  dropPeers();
});

interface Feed {
  status: number;
  readonly pictures: LivePicture[];
}

function openFeed(id: string, query = '?every_ms=100'): Promise<Feed> {
  const feed: Feed = { status: 0, pictures: [] };
  const headers = { authorization: `Bearer ${server.current.token ?? ''}` };
  return new Promise((resolve, reject) => {
    const request = get(`${server.current.httpUrl}/api/relay/executors/${id}/events${query}`, { headers }, (answer) => {
      feed.status = answer.statusCode ?? 0;
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        const events = (text + part).split('\n\n');
        text = events.pop() ?? '';
        for (const event of events) {
          const [name, line = ''] = event.split('\n');
          expect(name).toBe('event: picture');
          feed.pictures.push(livePictureSchema.parse(parseJson(line.replace('data: ', ''))));
        }
      });
      answer.on('error', () => undefined);
      resolve(feed);
    });
    request.on('error', reject);
    feeds.add(request);
  });
}

describe('watching', () => {
  it('tells of each stream over a bad link what its endpoints count', async () => {
    await startExecutor(server.current, 'box');
    await call(server.current, 'PUT', '/api/relay/executors/box/impairment', {
      body: { toExecutor: { drop: 0.1, duplicate: 0.1 }, toHarness: { drop: 0.1, duplicate: 0.1, delayMs: 20 } },
    });
    const feed = await openFeed('box');
    await until('a picture', () => feed.pictures.length > 0);
    const link = await openLink({ url: await relayUrl(server.current, 'harness', 'box', { resumable: true }) });
    const stream = link.openStream();
    const client = new WireClient(carrierOf(stream), { tag: TAG });
    await client.initialize();
    const cat = { processId: 'p', argv: ['cat'], cwd: '/tmp', env: childEnv, tty: false, pipeStdin: true };
    const view = await client.start(cat);
    for (let turn = 0; turn < 20; turn++) {
      const chunk = Buffer.alloc(100_000, turn).toString('base64');
      await client.call('process/write', { processId: 'p', chunk });
    }
    await until('all to come back', () => view.byteCount() === 2_000_000, { withinMs: 20_000 });
    await call(server.current, 'DELETE', '/api/relay/executors/box/impairment');
    const watched = () => feed.pictures.at(-1)?.streams.find(({ streamId }) => streamId === stream.streamId)?.watch;
    await until('quiet', () => {
      const picture = watched();
      const unacked = [picture?.toExecutor.unackedSegments, picture?.toHarness.unackedSegments];
      return stream.stats.unackedSegments === 0 && unacked.every((count) => count === 0) && isQuiet(feed);
    });
    const { toExecutor, toHarness } = watched()!;
    const { stats } = stream;
    expect([toExecutor.retransmits, toExecutor.bytes]).toEqual([stats.retransmits, stats.bytesOut]);
    expect(stats.retransmits).toBeGreaterThan(0);
    expect(toHarness.duplicates).toBe(stats.duplicates);
    expect(stats.duplicates).toBeGreaterThan(0);
    expect(toHarness.retransmits).toBeGreaterThan(0);
    // The way of the answers is delayed: an acknowledgement that rides on them shows it.
    expect((toExecutor.rttMs ?? 0) + (toHarness.rttMs ?? 0)).toBeGreaterThan(15);
    expect([toExecutor.earlySegments, toExecutor.reassembly, toHarness.reassembly]).toEqual([0, null, null]);
    const metrics = asString((await call(server.current, 'GET', '/metrics')).body['text']);
    expect(metrics).toMatch(/exec_workbench_relay_watched_retransmits_total [1-9]/);
    expect(metrics).toMatch(/exec_workbench_relay_watched_duplicates_total [1-9]/);
    client.carrier.drop();
  });

  it('opens no payload, and names an unfinished message, a gap and a peer that acknowledges nothing', async () => {
    const executor = await RelayPeer.executor(server.current, 'by-hand');
    const harness = await RelayPeer.harness(server.current, 'by-hand');
    const id = '00000001-0000-4000-8000-000000000000';
    const path = '/api/relay/executors/by-hand/streams';
    expect((await call(server.current, 'GET', path)).body).toEqual({ streams: [] });
    const segment = (seq: number, segmentIndex: number): void =>
      harness.send(id, { kind: 'data', seq, segmentIndex, segmentCount: 4, payload: Buffer.from([0xff, seq]) });
    segment(0, 0);
    segment(2, 2);
    await until('both to arrive', () => executor.words(id).length === 2);
    const { body } = await call(server.current, 'GET', path);
    const [stream] = streamPictureSchema.array().parse(body['streams']);
    expect(stream?.watch?.toExecutor).toMatchObject({
      seq: 2,
      ack: null,
      unackedSegments: null,
      rttMs: null,
      earlySegments: 1,
      reassembly: { segments: 1, of: 4 },
      bytes: 4,
    });
    expect(stream?.watch?.toHarness).toMatchObject({ seq: null, segments: 0 });
  });

  it('goes on while the executor comes and goes, and ends with the request', async () => {
    const feed = await openFeed('comes-and-goes');
    await until('a picture', () => feed.pictures.length > 0);
    expect(feed.pictures[0]).toMatchObject({ isHere: false, streams: [], impairment: null });
    const executor = await RelayPeer.executor(server.current, 'comes-and-goes');
    await until('it to be here', () => feed.pictures.at(-1)?.isHere);
    executor.cut();
    await until('it to be gone', () => feed.pictures.at(-1)?.isHere === false);
  });

  it('wants the token, sensible times, and no more feeds than 16', async () => {
    const path = '/api/relay/executors/x/events';
    expect((await call(server.current, 'GET', path, { token: '' })).status).toBe(401);
    for (const time of ['99', '10001', 'x', '']) {
      const { status, body } = await call(server.current, 'GET', `${path}?every_ms=${time}`);
      expect([status, asObject(body['error'])['code']]).toEqual([400, 'invalid_every_ms']);
    }
    const opened = await Promise.all(Array.from({ length: 16 }, () => openFeed('x')));
    expect(opened.map(({ status }) => status)).toEqual(Array(16).fill(200));
    const refused = await call(server.current, 'GET', path);
    expect([refused.status, asObject(refused.body['error'])['code']]).toEqual([503, 'too_many_watchers']);
    for (const feed of feeds) feed.destroy();
    await until('room for another', async () => (await openFeed('x')).status === 200);
  });
});

/** Whether the last pictures tell of the same frames. */
function isQuiet({ pictures }: Feed): boolean {
  const last = pictures.slice(-3).map(({ streams }) => streams.map((stream) => stream.framesToHarness).join());
  return last.length === 3 && new Set(last).size === 1;
}
