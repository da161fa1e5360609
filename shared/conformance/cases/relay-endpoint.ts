// The executor's end of the relay: streams, sequence numbers, acknowledgements, segments, resets (docs/relay.md, "Frames").
// The case is the harness, frame by frame, behind a real rendezvous.

import { concatBytes, utf8Decode, utf8Encode } from '../../bytes.ts';
import { requestText } from '../../rpc/envelope.ts';
import type { RelayData } from '../../relay/frame.ts';
import { family, type ConformanceCase } from '../case.ts';
import { childEnv, type CaseContext } from '../context.ts';
import { isRecord } from '../facts.ts';
import { expectEqual, expectThat } from '../mismatch.ts';
import { randomId, type RelayPeer } from '../relay-kit.ts';

const { must, should } = family('RELAY-ENDPOINT', 'docs/relay.md, Frames', { needs: ['relay'] });

/** One stream, spoken by hand: numbers what it sends, acknowledges nothing unless told to. */
class HandStream {
  readonly id = randomId();
  nextSeq = 0;
  #lastId = 0;

  constructor(
    readonly t: CaseContext,
    readonly peer: RelayPeer,
  ) {}

  /** One message as one segment. */
  send(text: string, ack?: { ack?: number; ackBits?: number }): void {
    const payload = utf8Encode(text);
    this.peer.send(this.id, { kind: 'data', seq: this.nextSeq++, segmentIndex: 0, segmentCount: 1, payload }, ack);
  }

  /** The text of a request; nothing is sent. */
  requestText(method: string, params: unknown): string {
    return requestText(++this.#lastId, method, params);
  }

  async ask(method: string, params: unknown): Promise<Record<string, unknown>> {
    this.send(this.requestText(method, params));
    return this.answer(this.#lastId);
  }

  async answer(id = this.#lastId): Promise<Record<string, unknown>> {
    const data = await this.peer.next(`an answer with id ${id} on ${this.id}`, ({ streamId, body }) => {
      if (streamId !== this.id || body.kind !== 'data') return undefined;
      const message: unknown = JSON.parse(utf8Decode(body.payload));
      return isRecord(message) && message['id'] === id ? message : undefined;
    });
    return data;
  }

  async shakeHands(params: Readonly<Record<string, unknown>> = {}): Promise<string> {
    this.peer.send(this.id, { kind: 'resume', nextSeq: 0 });
    const { result } = await this.ask('initialize', { clientName: 'conformance', ...params });
    const sessionId = isRecord(result) ? result['sessionId'] : undefined;
    expectThat(typeof sessionId === 'string', 'a sessionId', result);
    this.send('{"method":"initialized"}');
    return sessionId;
  }

  /** Data frames of this stream so far, in the order they came. */
  data(): readonly RelayData[] {
    return this.peer.frames.flatMap(({ streamId, body }) =>
      streamId === this.id && body.kind === 'data' ? [body] : [],
    );
  }

  /** The highest acknowledgement of this stream so far; -1 for none. */
  acked(): number {
    const acks = this.peer.frames.filter(
      ({ streamId, ack, ackBits, body }) =>
        streamId === this.id && (ack > 0 || ackBits !== 0 || body.kind === 'ackFrame'),
    );
    return Math.max(-1, ...acks.map(({ ack }) => ack));
  }
}

async function dialled(t: CaseContext): Promise<RelayPeer> {
  const relay = t.relay();
  return relay.peer('harness', relay.target.executorId);
}

/** A stream with the handshake done. */
async function stream(t: CaseContext, peer?: RelayPeer): Promise<HandStream> {
  const opened = new HandStream(t, peer ?? (await dialled(t)));
  await opened.shakeHands();
  return opened;
}

/** Two streams over one connection, with the handshakes done. */
async function twoStreams(t: CaseContext): Promise<readonly [HandStream, HandStream]> {
  const peer = await dialled(t);
  return [await stream(t, peer), await stream(t, peer)];
}

const fence = { processId: 'no such process' };
const notRunning = { running: false };

function startParams(t: CaseContext, script: string) {
  return { processId: 'p', argv: ['/bin/sh', '-c', script], cwd: t.path('/'), env: childEnv, tty: false };
}

export const relayEndpointCases: readonly ConformanceCase[] = [
  must(1, 'the first data frame of a stream opens a connection: initialize is answered on it', async (t) => {
    const opened = new HandStream(t, await dialled(t));
    const { result } = await opened.ask('initialize', { clientName: 'c' });
    expectThat(isRecord(result) && typeof result['sessionId'] === 'string', 'a sessionId', result);
  }),
  must(2, 'the executor numbers its segments from 0, per stream', async (t) => {
    const peer = await dialled(t);
    for (const opened of [await stream(t, peer), await stream(t, peer)]) {
      await opened.ask('process/terminate', fence);
      const seqs = opened.data().map(({ seq }) => seq);
      expectEqual(
        'the seqs',
        seqs,
        seqs.map((_, index) => index),
      );
    }
  }),
  must(3, 'two streams are two connections with sessions of their own', async (t) => {
    const peer = await dialled(t);
    const [one, other] = [new HandStream(t, peer), new HandStream(t, peer)];
    const ids = [await one.shakeHands(), await other.shakeHands()];
    expectThat(ids[0] !== ids[1], 'two session ids', ids);
    await one.ask('process/start', startParams(t, 'sleep 5'));
    expectEqual(
      'terminate on the other',
      (await other.ask('process/terminate', { processId: 'p' })).result,
      notRunning,
    );
    await one.ask('process/terminate', { processId: 'p' });
  }),
  must(4, 'a whole process runs over a stream', async (t) => {
    const opened = await stream(t);
    await opened.ask('process/start', startParams(t, 'echo over the relay; exit 3'));
    await opened.peer.next('process/closed', ({ body }) =>
      body.kind === 'data' && utf8Decode(body.payload).includes('process/closed') ? true : undefined,
    );
    const text = opened
      .data()
      .map(({ payload }) => utf8Decode(payload))
      .join('');
    expectThat(text.includes('"exitCode":3'), 'exit code 3', text.slice(-300));
  }),
  must(5, 'a reset ends the stream and detaches its session', async (t) => {
    const peer = await dialled(t);
    const first = new HandStream(t, peer);
    const resumeSessionId = await first.shakeHands();
    await first.ask('process/start', startParams(t, 'sleep 5'));
    peer.send(first.id, { kind: 'reset', reason: 'conformance' });
    const second = new HandStream(t, peer);
    await second.shakeHands({ resumeSessionId });
    expectEqual('terminate', (await second.ask('process/terminate', { processId: 'p' })).result, { running: true });
  }),
  must(6, 'a reset of one stream leaves the others alone', async (t) => {
    const [one, other] = await twoStreams(t);
    one.peer.send(one.id, { kind: 'reset', reason: 'conformance' });
    expectEqual('terminate', (await other.ask('process/terminate', fence)).result, notRunning);
  }),
  must(7, 'a protocol error on one stream leaves the others alone', async (t) => {
    const [one, other] = await twoStreams(t);
    one.send('{"id":1,"result":{}}');
    expectEqual('terminate', (await other.ask('process/terminate', fence)).result, notRunning);
  }),
  should(8, 'a protocol error is told by a reset with a reason', async (t) => {
    const opened = await stream(t);
    opened.send('{"id":1,"result":{}}');
    expectThat((await opened.peer.nextReset(opened.id)) !== '', 'a reason', '');
  }),
  must(9, 'resume, acknowledgement and heartbeat open no stream', async (t) => {
    const peer = await dialled(t);
    const opened = new HandStream(t, peer);
    peer.send(opened.id, { kind: 'resume', nextSeq: 0 });
    peer.send(opened.id, { kind: 'heartbeat' });
    await stream(t, peer);
    expectEqual('data frames', opened.data().length, 0);
  }),
  must(10, 'until the harness has acknowledged anything, messages come whole: one segment each', async (t) => {
    const opened = await stream(t);
    await opened.ask('process/start', startParams(t, 'head -c 300000 /dev/zero | tr "\\0" x; sleep 5'));
    await opened.peer.next('300,000 bytes of output', () =>
      opened.data().reduce((sum, { payload }) => sum + payload.length, 0) > 400_000 ? true : undefined,
    );
    await opened.ask('process/read', { processId: 'p' });
    expectEqual('segment counts above 1', opened.data().filter(({ segmentCount }) => segmentCount !== 1).length, 0);
    await opened.ask('process/terminate', { processId: 'p' });
  }),
  should(11, 'what arrives is acknowledged', async (t) => {
    const opened = await stream(t);
    await opened.ask('process/terminate', fence);
    const { waiting } = t.parts;
    const sent = opened.nextSeq - 1;
    await waiting.until(`an acknowledgement of seq ${sent}`, t.waitMs, () =>
      opened.acked() >= sent ? true : undefined,
    );
  }),
  should(12, 'a repeated seq is delivered once', async (t) => {
    const opened = await stream(t);
    const text = opened.requestText('process/terminate', fence);
    const seq = opened.nextSeq++;
    for (let count = 0; count < 3; count++) opened.peer.sendData(opened.id, text, seq);
    await opened.answer();
    await opened.ask('process/terminate', fence);
    const texts = opened.data().map(({ payload }) => utf8Decode(payload));
    expectEqual('answers with id 2', texts.filter((answer) => /"id":2\b/.test(answer)).length, 1);
  }),
  should(13, 'what comes too early waits, and is delivered in order', async (t) => {
    const opened = await stream(t);
    const texts = [1, 2, 3].map(() => opened.requestText('process/terminate', fence));
    const first = opened.nextSeq;
    for (const index of [2, 1, 0]) opened.peer.sendData(opened.id, texts[index] ?? '', first + index);
    opened.nextSeq += 3;
    await opened.answer(4);
    const ids = opened.data().flatMap(({ payload }) => {
      const message: unknown = JSON.parse(utf8Decode(payload));
      return isRecord(message) && message['id'] !== 1 ? [message['id']] : [];
    });
    expectEqual('the ids of the answers', ids, [2, 3, 4]);
  }),
  should(14, 'segments are put together, in whatever order they come', async (t) => {
    const opened = await stream(t);
    const bytes = utf8Encode(opened.requestText('process/terminate', fence));
    const third = Math.ceil(bytes.length / 3);
    const parts = [bytes.slice(0, third), bytes.slice(third, 2 * third), bytes.slice(2 * third)];
    for (const index of [1, 2, 0]) {
      const payload = parts[index] ?? new Uint8Array();
      const seq = opened.nextSeq + index;
      opened.peer.send(opened.id, { kind: 'data', seq, segmentIndex: index, segmentCount: 3, payload });
    }
    opened.nextSeq += 3;
    expectEqual('the answer', (await opened.answer()).result, notRunning);
  }),
  should(15, 'what a reliable harness has not acknowledged is sent again', async (t) => {
    const opened = await stream(t);
    // Acknowledges the answer to initialize: from here on the harness counts as reliable.
    opened.peer.send(opened.id, { kind: 'ackFrame' }, { ack: 0 });
    await opened.ask('process/terminate', fence);
    const { seq } = opened.data().at(-1) ?? { seq: NaN };
    await opened.peer.next(`data seq ${seq} again`, () =>
      opened.data().filter((data) => data.seq === seq).length > 1 ? true : undefined,
    );
  }),
  should(16, 'a reliable harness gets large messages in segments with consecutive seqs', async (t) => {
    const opened = await stream(t);
    await opened.ask('process/start', startParams(t, 'head -c 300000 /dev/zero | tr "\\0" x'));
    await opened.peer.next('300,000 bytes of output', () =>
      opened.data().reduce((sum, { payload }) => sum + payload.length, 0) > 400_000 ? true : undefined,
    );
    const before = opened.data().length;
    opened.peer.send(opened.id, { kind: 'ackFrame' }, { ack: opened.data().at(-1)?.seq ?? 0 });
    opened.send(opened.requestText('process/read', { processId: 'p' }), { ack: opened.data().at(-1)?.seq ?? 0 });
    const segments = await t.parts.waiting.until('all segments of one answer', t.waitMs, () => {
      const fresh = opened
        .data()
        .slice(before)
        .filter(({ segmentCount }) => segmentCount > 1);
      const unique = [...new Map(fresh.map((data) => [data.seq, data])).values()];
      return unique.length > 0 && unique.length === unique[0]?.segmentCount ? unique : undefined;
    });
    const whole = utf8Decode(
      concatBytes([...segments].sort((a, b) => a.segmentIndex - b.segmentIndex).map(({ payload }) => payload)),
    );
    expectThat(isRecord(JSON.parse(whole)), 'one message', whole.slice(0, 200));
    const starts = new Set(segments.map(({ seq, segmentIndex }) => seq - segmentIndex));
    expectEqual('places where the message begins', starts.size, 1);
  }),
  should(17, 'a payload that is no JSON-RPC is answered with id -1', async (t) => {
    const opened = await stream(t);
    opened.send('nonsense');
    const { error } = await opened.answer(-1);
    expectThat(isRecord(error) && error['code'] === -32600, 'error -32600', error);
  }),
  should(18, 'an acknowledgement of what was never sent ends the stream: acknowledges_unsent', async (t) => {
    const opened = await stream(t);
    opened.peer.send(opened.id, { kind: 'ackFrame' }, { ack: 1_000_000 });
    expectEqual('the reason', await opened.peer.nextReset(opened.id), 'acknowledges_unsent');
  }),
  should(19, 'an acknowledgement on an unknown stream is answered with unknown_stream', async (t) => {
    const peer = await dialled(t);
    const streamId = randomId();
    peer.send(streamId, { kind: 'ackFrame' }, { ack: 7 });
    expectEqual('the reason', await peer.nextReset(streamId), 'unknown_stream');
  }),
  should(20, 'after a lost socket the stream goes on: resume, and what was missed is sent again', async (t) => {
    const relay = t.relay();
    const url = await relay.url('harness', relay.target.executorId, 'resumable_url');
    const before = await stream(t, await relay.dial(url));
    before.peer.send(before.id, { kind: 'ackFrame' }, { ack: 0 });
    await before.ask('process/start', startParams(t, 'sleep 0.3; echo meanwhile'));
    const lastSeen = before.data().at(-1)?.seq ?? 0;
    // No goodbye: any code but 1000 and 1001 is a lost socket.
    before.peer.close(4000);
    await before.peer.ended();
    await t.sleep(500);
    const again = await relay.dial(url);
    again.send(before.id, { kind: 'resume', nextSeq: before.nextSeq }, { ack: lastSeen });
    const message = await again.next('the output that was missed', ({ streamId, body }) => {
      if (streamId !== before.id || body.kind !== 'data') return undefined;
      const text = utf8Decode(body.payload);
      return text.includes('process/output') ? { text, seq: body.seq } : undefined;
    });
    expectThat(message.text.includes('bWVhbndoaWxlCg=='), 'the line meanwhile', message);
    expectEqual('its seq', message.seq, lastSeen + 1);
  }),
  should(21, 'a message of more segments than any may have ends its stream alone: message_too_large', async (t) => {
    const [one, other] = await twoStreams(t);
    const payload = utf8Encode('{');
    const segment = { kind: 'data', seq: one.nextSeq, segmentIndex: 0, segmentCount: 2 ** 31, payload } as const;
    one.peer.send(one.id, segment);
    expectEqual('the reason', await one.peer.nextReset(one.id), 'message_too_large');
    expectEqual('terminate on the other', (await other.ask('process/terminate', fence)).result, notRunning);
  }),
  should(22, 'segments that belong to no message end their stream alone: segments_out_of_order', async (t) => {
    const [one, other] = await twoStreams(t);
    const payload = utf8Encode('{');
    for (const seq of [one.nextSeq, one.nextSeq + 1]) {
      one.peer.send(one.id, { kind: 'data', seq, segmentIndex: 0, segmentCount: 2, payload });
    }
    expectEqual('the reason', await one.peer.nextReset(one.id), 'segments_out_of_order');
    expectEqual('terminate on the other', (await other.ask('process/terminate', fence)).result, notRunning);
  }),
];
