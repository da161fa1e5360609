// Registry and rendezvous: who gets in, where frames go, what is told when a peer comes or goes (docs/relay.md). The case is
// both ends: an executor of its own, and harnesses.

import { utf8Encode } from '../../bytes.ts';
import { LocalError } from '../../errors.ts';
import { encodeFrame } from '../../relay/codec.ts';
import type { RelayBody } from '../../relay/frame.ts';
import { family, type ConformanceCase } from '../case.ts';
import type { CaseContext } from '../context.ts';
import { isRecord } from '../facts.ts';
import { expectEqual, expectThat, Mismatch } from '../mismatch.ts';
import { RawWebSocket } from '../raw-websocket.ts';
import { randomId, type RelayPeer } from '../relay-kit.ts';

const needs = { needs: ['relay'] } as const;
const { must, should } = family('RELAY-RENDEZVOUS', 'docs/relay.md, Rendezvous', needs);
const registry = family('RELAY-REGISTRY', 'docs/relay.md, Registry', needs);

/** A stream that both ends know. */
async function routed(t: CaseContext) {
  const pair = await t.relay().pair();
  const streamId = randomId();
  pair.harness.sendData(streamId, 'hello', 0);
  expectEqual('what the executor gets', await pair.executor.nextData(streamId), 'hello');
  return { ...pair, streamId };
}

/** Something sent each way arrives. */
async function expectRoute(harness: RelayPeer, executor: RelayPeer, streamId: string): Promise<void> {
  harness.sendData(streamId, 'ping', 1);
  expectEqual('what the executor gets', await executor.nextData(streamId), 'ping');
  executor.sendData(streamId, 'pong', 0);
  expectEqual('what the harness gets', await harness.nextData(streamId), 'pong');
}

/** The upgrade is refused. */
async function refused(t: CaseContext, url: string): Promise<void> {
  const opened = await t
    .relay()
    .dial(url)
    .catch((error: unknown) => {
      if (error instanceof LocalError && error.code === 'connect') return undefined;
      throw error;
    });
  if (opened) throw new Mismatch('the upgrade to be refused', 'an open WebSocket');
}

const bodies: readonly RelayBody[] = [
  { kind: 'resume', nextSeq: 7 },
  { kind: 'data', seq: 0xffff_ffff, segmentIndex: 1, segmentCount: 3, payload: utf8Encode('part') },
  { kind: 'ackFrame' },
  { kind: 'heartbeat' },
  { kind: 'handshake', payload: utf8Encode('later versions') },
];

export const rendezvousCases: readonly ConformanceCase[] = [
  must(1, 'a frame of a harness reaches the executor byte for byte', async (t) => {
    const { executor, harness } = await t.relay().pair();
    const streamId = randomId();
    const frame = {
      streamId,
      ack: 5,
      ackBits: 0x8000_0001,
      body: { kind: 'data', seq: 9, segmentIndex: 0, segmentCount: 1, payload: utf8Encode('x') },
    } as const;
    harness.send(streamId, frame.body, frame);
    await executor.nextData(streamId);
    expectEqual('the bytes', [...(executor.bytes.at(-1) ?? [])], [...encodeFrame(frame)]);
  }),
  must(2, 'a frame of the executor reaches the harness of its stream', async (t) => {
    const { executor, harness, streamId } = await routed(t);
    await expectRoute(harness, executor, streamId);
  }),
  must(3, 'every kind of frame is passed on', async (t) => {
    const { executor, harness, streamId } = await routed(t);
    for (const body of bodies) harness.send(streamId, body);
    for (const body of bodies) {
      await executor.next(`a frame of kind ${body.kind}`, (frame) =>
        frame.body.kind === body.kind ? true : undefined,
      );
    }
    for (const body of bodies) executor.send(streamId, body);
    for (const body of bodies) {
      await harness.next(`a frame of kind ${body.kind}`, (frame) => (frame.body.kind === body.kind ? true : undefined));
    }
  }),
  must(4, 'frames of a stream keep their order', async (t) => {
    const { executor, harness, streamId } = await routed(t);
    for (let seq = 1; seq <= 50; seq++) harness.sendData(streamId, String(seq), seq);
    for (let seq = 1; seq <= 50; seq++) expectEqual('the next frame', await executor.nextData(streamId), String(seq));
  }),
  must(5, 'a harness gets frames of its own streams only', async (t) => {
    const { executor, harness, executorId, streamId } = await routed(t);
    const other = await t.relay().peer('harness', executorId);
    const otherStream = randomId();
    other.sendData(otherStream, 'hello', 0);
    await executor.nextData(otherStream);
    executor.sendData(otherStream, 'for the other', 0);
    await other.nextData(otherStream);
    await expectRoute(harness, executor, streamId);
    expectEqual('streams seen by the first', [...new Set(harness.frames.map((frame) => frame.streamId))], [streamId]);
  }),
  must(6, 'two executors do not see each other\u2019s streams', async (t) => {
    const [one, other] = [await routed(t), await routed(t)];
    await expectRoute(one.harness, one.executor, one.streamId);
    expectThat(
      other.executor.frames.every(({ streamId }) => streamId === other.streamId),
      'its own stream only',
      '',
    );
  }),
  must(7, 'text messages and bytes that are no frame are dropped and disturb nothing', async (t) => {
    const { executor, harness, streamId } = await routed(t);
    for (const peer of [harness, executor]) {
      peer.sendText('hello');
      peer.sendBytes(new Uint8Array([0xff, 0xff, 0xff, 0xff]));
      peer.sendBytes(new Uint8Array());
      peer.sendBytes(Uint8Array.of(0x08, 0x02, 0x12, 0x01, 0x78, 0x4a, 0x00));
    }
    await expectRoute(harness, executor, streamId);
    expectEqual('frames at the executor', executor.frames.length, 2);
  }),
  should(8, 'a stream id that another harness uses: stream_in_use, and the first is not disturbed', async (t) => {
    const { executor, harness, executorId, streamId } = await routed(t);
    const intruder = await t.relay().peer('harness', executorId);
    intruder.sendData(streamId, 'mine', 0);
    expectEqual('the reason', await intruder.nextReset(streamId), 'stream_in_use');
    await expectRoute(harness, executor, streamId);
    const texts = executor.frames.filter(({ body }) => body.kind === 'data').length;
    expectEqual('data frames at the executor', texts, 2);
  }),
  should(9, 'frames to an executor that is not there: executor_offline', async (t) => {
    const harness = await t.relay().peer('harness', `conformance-${randomId()}`);
    const streamId = randomId();
    harness.sendData(streamId, 'hello', 0);
    expectEqual('the reason', await harness.nextReset(streamId), 'executor_offline');
  }),
  should(10, 'when the executor leaves its harnesses are told: executor_disconnected', async (t) => {
    const { executor, harness, streamId } = await routed(t);
    executor.close();
    expectEqual('the reason', await harness.nextReset(streamId), 'executor_disconnected');
  }),
  must(11, 'when a harness leaves the executor gets a reset of each of its streams', async (t) => {
    const { executor, harness, streamId } = await routed(t);
    const second = randomId();
    harness.sendData(second, 'hello', 0);
    await executor.nextData(second);
    harness.close();
    for (const id of [streamId, second]) expectThat((await executor.nextReset(id)) !== '', 'a reason', '');
  }),
  should(12, 'the reason of that reset is harness_disconnected', async (t) => {
    const { executor, harness, streamId } = await routed(t);
    harness.close();
    expectEqual('the reason', await executor.nextReset(streamId), 'harness_disconnected');
  }),
  should(13, 'a second executor with the same id replaces the first, which is closed with 4001', async (t) => {
    const { executor, executorId } = await routed(t);
    const second = await t.relay().peer('executor', executorId);
    expectEqual('the close code', (await executor.ended()).code, 4001);
    const harness = await t.relay().peer('harness', executorId);
    const streamId = randomId();
    harness.sendData(streamId, 'hello', 0);
    expectEqual('what the second gets', await second.nextData(streamId), 'hello');
  }),
  should(14, 'a resumable harness that was lost comes back to its streams', async (t) => {
    const relay = t.relay();
    const { executor, executorId } = await relay.pair();
    const url = await relay.url('harness', executorId, 'resumable_url');
    const lost = await relay.dial(url);
    const streamId = randomId();
    lost.sendData(streamId, 'hello', 0);
    await executor.nextData(streamId);
    lost.close(4000);
    await lost.ended();
    const back = await relay.dial(url);
    back.send(streamId, { kind: 'resume', nextSeq: 1 });
    await executor.next('the resume', ({ body }) => (body.kind === 'resume' ? true : undefined));
    await expectRoute(back, executor, streamId);
    expectEqual('resets at the executor', executor.frames.filter(({ body }) => body.kind === 'reset').length, 0);
  }),
  should(15, 'a harness that says goodbye is not waited for', async (t) => {
    const relay = t.relay();
    const { executor, executorId } = await relay.pair();
    const harness = await relay.peer('harness', executorId, 'resumable_url');
    const streamId = randomId();
    harness.sendData(streamId, 'hello', 0);
    await executor.nextData(streamId);
    harness.close(1000);
    expectEqual('the reason', await executor.nextReset(streamId), 'harness_disconnected');
  }),
  should(
    16,
    'a frame larger than any limit ends the connection with 1009, before its bytes',
    async (t) => {
      const url = await t.relay().url('harness', `conformance-${randomId()}`);
      const socket = await RawWebSocket.open(t, url);
      socket.send('binary', new Uint8Array(10), { announcedBytes: 2 ** 40 });
      expectEqual('the code', await socket.ended(), 1009);
    },
    { needs: ['relay', 'bytes'] },
  ),

  registry.must(1, 'register answers executor_id and a WebSocket URL for an executor', async (t) => {
    const id = `conformance-${randomId()}`;
    const { status, body } = await t.relay().target.registry('POST', `/cloud/executor/${id}/register`);
    expectEqual('the status', status, 200);
    expectThat(isRecord(body) && body['executor_id'] === id, 'executor_id', body);
    expectThat(/^wss?:\/\/.*[?&]role=executor(&|$)/.test(String(body['url'])), 'a URL with role=executor', '…');
  }),
  registry.must(2, 'connect answers executor_id and a WebSocket URL for a harness', async (t) => {
    const { target } = t.relay();
    const { status, body } = await target.registry('POST', `/cloud/executor/${target.executorId}/connect`);
    expectEqual('the status', status, 200);
    expectThat(isRecord(body) && body['executor_id'] === target.executorId, 'executor_id', body);
    expectThat(/^wss?:\/\/.*[?&]role=harness(&|$)/.test(String(body['url'])), 'a URL with role=harness', '…');
  }),
  registry.should(3, 'environment in place of executor answers environment_id', async (t) => {
    const id = `conformance-${randomId()}`;
    const { status, body } = await t.relay().target.registry('POST', `/cloud/environment/${id}/register`);
    expectEqual('the status and the id', [status, isRecord(body) && body['environment_id']], [200, id]);
  }),
  registry.must(
    4,
    'without a token, or with a wrong one, it is 401 or 403, with error.code and error.message',
    async (t) => {
      for (const token of [null, 'wrong']) {
        const { status, body } = await t.relay().target.registry('POST', '/cloud/executor/x/register', { token });
        expectThat(status === 401 || status === 403, '401 or 403', status);
        const error = isRecord(body) ? body['error'] : undefined;
        expectThat(
          isRecord(error) && typeof error['code'] === 'string' && typeof error['message'] === 'string',
          'error.code and error.message',
          body,
        );
      }
    },
  ),
  registry.should(5, 'who is online is listed, and told by connect', async (t) => {
    const { target } = t.relay();
    const { body } = await target.registry('GET', '/cloud/executor');
    const list = isRecord(body) && Array.isArray(body['executors']) ? body['executors'] : [];
    expectThat(
      list.some((item) => isRecord(item) && item['executor_id'] === target.executorId),
      target.executorId,
      list.length,
    );
    const { body: nobody } = await target.registry('POST', `/cloud/executor/conformance-${randomId()}/connect`);
    expectEqual('online of an unknown executor', isRecord(nobody) && nobody['online'], false);
  }),
  registry.must(6, 'a URL with a changed signature gets nobody in', async (t) => {
    const url = await t.relay().url('harness', t.relay().target.executorId);
    await refused(
      t,
      url
        .replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))
        .replace(/sig=./, (head) => (head === 'sig=A' ? 'sig=B' : 'sig=A')),
    );
  }),
  registry.must(7, 'a URL gets nobody in with another role, or to another executor', async (t) => {
    const url = await t.relay().url('harness', t.relay().target.executorId);
    await refused(t, url.replace('role=harness', 'role=executor'));
    await refused(t, url.replace(/(\/relay\/)[^?]+/, `$1conformance-${randomId()}`));
  }),
  registry.must(8, 'a URL without a signature gets nobody in', async (t) => {
    const url = await t.relay().url('harness', t.relay().target.executorId);
    await refused(t, url.replace(/[?&]sig=[^&]*/, ''));
  }),
];
