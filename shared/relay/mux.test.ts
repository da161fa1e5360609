import { describe, expect, it } from 'vitest';
import { bodiesOf, data, executor, harness, ManualClock, open, TestCarrier } from '../../tests/helpers/mux-ends.ts';
import type { RelayBody } from './frame.ts';
import { RelayMux } from './mux.ts';
import type { StreamConnection } from './stream-connection.ts';

describe('the executor side', () => {
  it('makes a connection of the first complete message of a stream', () => {
    const { carrier, opened, mux } = executor();
    carrier.receive('a', { kind: 'resume', nextSeq: 0 });
    expect(mux.streamCount).toBe(0);
    carrier.receive('a', data(1, 'second'));
    expect(opened.length).toBe(0);
    carrier.receive('a', data(0, 'first'));
    expect(opened[0]?.messages).toEqual(['first', 'second']);
    opened[0]?.connection.send('answer');
    const answer = carrier.drain().map(({ body }) => body.kind);
    expect(answer).toEqual(['ackFrame', 'data']);
  });

  it('keeps messages for a connection that is opened later', () => {
    const connections: StreamConnection[] = [];
    const { carrier } = executor({ onConnection: (connection) => connections.push(connection) });
    carrier.receive('a', data(0, 'first'));
    carrier.receive('a', data(1, 'second'));
    const [connection] = connections;
    expect(connection && open(connection).messages).toEqual(['first', 'second']);
  });

  it('is not disturbed on one stream by what happens on another', () => {
    const drops: string[] = [];
    const { carrier, opened, mux } = executor({ onDrop: (drop) => drops.push(drop) });
    carrier.receive('a', data(0, 'a0'));
    carrier.receive('b', data(0, 'b0'));
    carrier.handler?.onFrame(Uint8Array.of(0xff, 0xff));
    carrier.handler?.onFrame(new Uint8Array(0));
    carrier.receive('b', { kind: 'handshake', payload: Uint8Array.of(1) });
    carrier.receive('b', { kind: 'ackFrame' }, 77);
    carrier.receive('a', data(1, 'a1'));
    expect(opened.map(({ messages, closed }) => ({ messages, closed }))).toEqual([
      { messages: ['a0', 'a1'], closed: undefined },
      { messages: ['b0'], closed: 'acknowledges_unsent' },
    ]);
    expect(drops).toEqual(['malformed', 'version', 'handshake']);
    expect(mux.stats).toMatchObject({ streams: 1, dropped: { malformed: 1, version: 1, handshake: 1 } });
    expect(bodiesOf(carrier.drain())).toContainEqual({ kind: 'reset', reason: 'acknowledges_unsent' });
  });

  it('refuses streams beyond its limit with a reason', () => {
    const { carrier, mux } = executor({ limits: { maxStreams: 2 } });
    for (const id of ['a', 'b', 'c']) carrier.receive(id, data(0, 'm'));
    expect(mux.streamCount).toBe(2);
    expect(carrier.drain()).toContainEqual({
      streamId: 'c',
      ack: 0,
      ackBits: 0,
      body: { kind: 'reset', reason: 'too_many_streams' },
    });
  });

  it('ends streams that never deliver a message', () => {
    const { carrier, clock, mux, opened } = executor({ limits: { beginTimeoutMs: 1_000 } });
    carrier.receive('a', data(5, 'm'));
    clock.pass(1_100);
    expect(mux.streamCount).toBe(0);
    expect(opened).toEqual([]);
    expect(bodiesOf(carrier.drain())).toEqual([{ kind: 'reset', reason: 'never_began' }]);
    expect(mux.stats.receiveBytes).toBe(0);
  });

  it('tells a harness whose beginning was lost that it may resend it', () => {
    const { carrier, opened } = executor();
    carrier.receive('a', { kind: 'resume', nextSeq: 2 });
    expect(bodiesOf(carrier.drain())).toEqual([{ kind: 'resume', nextSeq: 0 }]);
    expect(opened).toEqual([]);
  });

  it('tells a harness that it does not know its stream, whatever the frame', () => {
    const { carrier } = executor();
    carrier.receive('a', { kind: 'heartbeat' }, 3);
    carrier.receive('b', data(9, 'm'), 3);
    carrier.receive('c', { kind: 'resume', nextSeq: 9 }, 3);
    carrier.receive('d', { kind: 'reset', reason: 'gone' }, 3);
    carrier.receive('e', { kind: 'heartbeat' });
    expect(carrier.drain().map(({ streamId, body }) => [streamId, body.kind])).toEqual([
      ['a', 'reset'],
      ['b', 'reset'],
      ['c', 'reset'],
    ]);
  });

  it('begins anew on an id whose stream the harness has reset', () => {
    const { carrier, opened } = executor();
    carrier.receive('a', data(0, 'first'));
    carrier.receive('a', { kind: 'reset', reason: 'harness closed' });
    expect(opened[0]?.closed).toBe('harness closed');
    carrier.receive('a', data(0, 'again'));
    expect(opened[1]?.messages).toEqual(['again']);
  });

  it('repeats the reason of its reset to a harness that missed it', () => {
    const { carrier, opened } = executor();
    carrier.receive('a', data(0, 'first'));
    opened[0]?.connection.close(undefined, 'server stops');
    expect(bodiesOf(carrier.drain())).toContainEqual({ kind: 'reset', reason: 'server stops' });
    carrier.receive('a', data(1, 'late'));
    expect(bodiesOf(carrier.drain())).toEqual([{ kind: 'reset', reason: 'server stops' }]);
    expect(opened.length).toBe(1);
  });

  it('bounds what all streams together hold, at the cost of the one that holds most', () => {
    const { carrier, mux, opened } = executor({ limits: { maxReceiveBytes: 100_000 } });
    carrier.receive('small', data(0, 'm'));
    for (const id of ['big', 'bigger']) {
      carrier.receive(id, data(0, 'm'));
      opened.at(-1)?.connection.pause();
    }
    for (let seq = 1; seq < 10; seq++) {
      carrier.receive('big', data(seq, 'x'.repeat(6_000)));
      carrier.receive('bigger', data(seq, 'x'.repeat(7_000)));
      expect(mux.stats.receiveBytes).toBeLessThanOrEqual(100_000);
    }
    expect(bodiesOf(carrier.drain())).toContainEqual({ kind: 'reset', reason: 'relay_memory_limit' });
    expect([...mux.connections()].map(({ streamId }) => streamId)).toEqual(['small', 'big']);
  });

  it('survives 20,000 random frames of hostile harnesses within its bounds', { timeout: 60_000 }, () => {
    const { carrier, mux, clock } = executor({ limits: { maxStreams: 20, maxReceiveBytes: 1_000_000 } });
    let state = 12345;
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % below;
    };
    const numbers = [0, 1, 2, 3, 31, 32, 1000, 2 ** 31, 2 ** 32 - 1];
    const number = () => numbers[random(numbers.length)] ?? 0;
    let [mostStreams, mostBytes] = [0, 0];
    for (let round = 0; round < 20_000; round++) {
      const id = `s${random(40)}`;
      const bodies: RelayBody[] = [
        {
          kind: 'data',
          seq: number(),
          segmentIndex: random(3),
          segmentCount: 3 + number(),
          payload: new Uint8Array(1 + random(5_000)),
        },
        data(random(6), 'm'.repeat(1 + random(100))),
        { kind: 'ackFrame' },
        { kind: 'resume', nextSeq: number() },
        { kind: 'heartbeat' },
        { kind: 'reset', reason: 'r' },
      ];
      const body = bodies[random(bodies.length)];
      if (body) carrier.receive(id, body, random(2) ? 0 : number(), random(2) ? 0 : number());
      if (round % 50 === 0) {
        clock.pass(random(2_000));
        carrier.drain();
      }
      mostStreams = Math.max(mostStreams, mux.streamCount);
      mostBytes = Math.max(mostBytes, mux.stats.receiveBytes);
    }
    expect(mostStreams).toBeLessThanOrEqual(20);
    expect(mostBytes).toBeLessThanOrEqual(1_000_000);
    mux.close('end');
    expect(mux.stats).toMatchObject({ streams: 0, receiveBytes: 0 });
  });
});

describe('the harness side', () => {
  it('begins streams with ids that are UUIDs of version 4', () => {
    const { carrier, mux } = harness();
    mux.openStream();
    const [first] = carrier.drain();
    expect(first?.body).toEqual({ kind: 'resume', nextSeq: 0 });
    expect(first?.streamId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(() => mux.openStream(first?.streamId)).toThrow(RangeError);
    expect(() => mux.openStream(' ')).toThrow(RangeError);
  });

  it('may begin a stream before there is a carrier', () => {
    const clock = new ManualClock();
    const mux = new RelayMux({ role: 'harness', clock });
    const connection = mux.openStream('a');
    connection.send('hello');
    const carrier = new TestCarrier();
    mux.attach(carrier);
    expect(bodiesOf(carrier.drain()).map(({ kind }) => kind)).toEqual(['resume', 'data']);
  });

  it('answers frames of streams it does not know by a reset', () => {
    const { carrier } = harness();
    carrier.receive('ghost', data(0, 'm'));
    expect(bodiesOf(carrier.drain())).toEqual([{ kind: 'reset', reason: 'unknown_stream' }]);
  });

  it('delivers bytes that are not UTF-8 as a text that no JSON parser takes', () => {
    const { carrier, mux } = harness();
    const opened = open(mux.openStream('a'));
    const body: RelayBody = { kind: 'data', seq: 0, segmentIndex: 0, segmentCount: 1, payload: Uint8Array.of(0xff) };
    carrier.receive('a', body);
    expect(opened.messages).toEqual(['\uFFFD']);
  });
});

describe('a slow carrier', () => {
  it('lets streams take turns: a flood delays others by one turn', () => {
    const { carrier, mux } = harness();
    carrier.room = 64 * 1024;
    const flood = open(mux.openStream('flood')).connection;
    const quiet = open(mux.openStream('quiet')).connection;
    carrier.receive('flood', { kind: 'resume', nextSeq: 0 });
    carrier.drain();
    flood.send(new Uint8Array(900_000).fill(65));
    carrier.drain();
    quiet.send('hello');
    // The flood's segment that was under way, one turn of the flood, and then the other stream.
    const order = [...carrier.drain(), ...carrier.drain(), ...carrier.drain()].map(({ streamId }) => streamId);
    expect(order.filter((id) => id === 'quiet')).toEqual(['quiet']);
    expect(order.indexOf('quiet')).toBeLessThanOrEqual(2);
  });

  it('shares itself evenly between floods', () => {
    const { carrier, mux } = harness();
    carrier.room = 64 * 1024;
    const ids = ['a', 'b', 'c', 'd'];
    for (const id of ids) {
      const connection = mux.openStream(id);
      carrier.receive(id, { kind: 'resume', nextSeq: 0 });
      connection.send(new Uint8Array(2_000_000).fill(65));
    }
    const bytes = new Map<string, number>();
    for (let round = 0; round < 40; round++) {
      for (const { streamId, body } of carrier.drain()) {
        if (body.kind === 'data') bytes.set(streamId, (bytes.get(streamId) ?? 0) + body.payload.length);
      }
    }
    const shares = ids.map((id) => bytes.get(id) ?? 0);
    expect(Math.min(...shares)).toBeGreaterThan(0.8 * Math.max(...shares));
  });

  it('becomes backpressure of the connection, and is taken back', () => {
    const { carrier, mux } = harness();
    carrier.room = 1;
    const opened = open(mux.openStream('a'));
    const { connection } = opened;
    expect(connection.send('small')).toBe(true);
    expect(connection.send(new Uint8Array(2_000_000))).toBe(false);
    expect(connection.isWritable).toBe(false);
    expect(connection.bufferedBytes).toBeGreaterThan(2_000_000);
    expect(opened.writable).toBe(0);
    carrier.room = Infinity;
    carrier.drain();
    expect(opened.writable).toBe(1);
    expect(connection.bufferedBytes).toBe(0);
  });

  it('a stopped reader on one stream holds its window, and no other stream', () => {
    const { carrier, mux } = harness();
    const stopped = mux.openStream('stopped');
    const other = mux.openStream('other');
    for (const id of ['stopped', 'other']) carrier.receive(id, { kind: 'resume', nextSeq: 0 });
    carrier.drain();
    for (let count = 0; count < 8; count++) stopped.send(new Uint8Array(1_000_000).fill(65));
    other.send('hello');
    const frames = carrier.drain();
    const bytes = frames
      .filter(({ streamId }) => streamId === 'stopped')
      .map(({ body }) => (body.kind === 'data' ? body.payload.length : 0));
    expect(bytes.reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(2 * 1024 * 1024);
    expect(frames.some(({ streamId, body }) => streamId === 'other' && body.kind === 'data')).toBe(true);
    expect(stopped.isWritable).toBe(false);
    expect(other.isWritable).toBe(true);
  });
});

describe('the carrier', () => {
  it('lost and replaced: streams go on, and the application sees only a pause', () => {
    const lost: string[] = [];
    const { carrier, mux, clock } = harness({ onCarrierLost: ({ reason }) => lost.push(reason) });
    const opened = open(mux.openStream('a'));
    opened.connection.send('one');
    carrier.drain();
    carrier.receive('a', { kind: 'ackFrame' });
    opened.connection.send('two');
    carrier.lose();
    expect(lost).toEqual(['lost']);
    expect(mux.isConnected).toBe(false);
    opened.connection.send('three');
    clock.pass(5_000);
    const next = new TestCarrier();
    mux.attach(next);
    expect(next.drain()[0]?.body).toEqual({ kind: 'resume', nextSeq: 2 });
    next.receive('a', { kind: 'resume', nextSeq: 0 });
    const seqs = bodiesOf(next.drain()).map((body) => (body.kind === 'data' ? body.seq : body.kind));
    expect(seqs).toContain(1);
    expect(opened.closed).toBeUndefined();
    carrier.receive('a', { kind: 'reset', reason: 'from the old carrier' });
    expect(opened.closed).toBeUndefined();
  });

  it('replaced by a newer one is closed with a reason', () => {
    const { carrier, mux } = harness();
    mux.attach(new TestCarrier());
    expect(carrier.closeReason).toBe('replaced');
  });

  it('that stays away ends the streams', () => {
    const { carrier, mux, clock } = harness();
    const opened = open(mux.openStream('a'));
    carrier.lose();
    clock.pass(29_000);
    expect(opened.closed).toBeUndefined();
    clock.pass(2_000);
    expect(opened.closed).toBe('not_resumed');
    expect(mux.streamCount).toBe(0);
    expect(clock.timers).toBe(0);
  });
});

describe('the end', () => {
  it('of the mux resets all streams, then closes the carrier', () => {
    const { carrier, mux, clock } = harness();
    const opened = [open(mux.openStream('a')), open(mux.openStream('b'))];
    carrier.room = 0;
    mux.close('shutting down');
    mux.close('again');
    expect(opened.map(({ closed }) => closed)).toEqual(['shutting down', 'shutting down']);
    expect(bodiesOf(carrier.drain()).filter(({ kind }) => kind === 'reset').length).toBe(2);
    expect(carrier.closeReason).toBe('shutting down');
    expect(clock.timers).toBe(0);
    expect(() => mux.openStream('c')).toThrow('closed');
    expect(opened[0]?.connection.send('late')).toBe(false);
  });

  it('of a paused connection is told after it has read what had come', () => {
    const { carrier, opened } = executor();
    carrier.receive('a', data(0, 'first'));
    opened[0]?.connection.pause();
    carrier.receive('a', data(1, 'second'));
    carrier.receive('a', { kind: 'reset', reason: 'gone' });
    expect(opened[0]?.closed).toBeUndefined();
    opened[0]?.connection.resume();
    expect(opened[0]).toMatchObject({ messages: ['first', 'second'], closed: 'gone' });
  });

  it('of a paused connection that is closed drops what had come', () => {
    const { carrier, opened, mux } = executor();
    carrier.receive('a', data(0, 'first'));
    opened[0]?.connection.pause();
    carrier.receive('a', data(1, 'second'));
    carrier.receive('a', { kind: 'reset', reason: 'gone' });
    opened[0]?.connection.close();
    expect(opened[0]).toMatchObject({ messages: ['first'], closed: 'gone' });
    expect(mux.stats.receiveBytes).toBe(0);
  });

  it('is told once, with the last counters', () => {
    const ends: string[] = [];
    const { carrier } = executor({
      onStreamEnd: (id, end, stats) => ends.push(`${id} ${end.reason} ${stats.messagesIn}`),
    });
    carrier.receive('a', data(0, 'first'));
    carrier.receive('a', { kind: 'reset', reason: 'gone' });
    carrier.receive('a', { kind: 'reset', reason: 'gone' });
    expect(ends).toEqual(['a gone 1']);
  });
});
