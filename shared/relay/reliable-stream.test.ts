import { describe, expect, it } from 'vitest';
import type { RelayBody, RelayData, RelayFrame } from './frame.ts';
import { defaultRelayLimits, type RelayLimits } from './limits.ts';
import { ReliableStream } from './reliable-stream.ts';
import type { RelayRole } from './stream-types.ts';

const text = new TextEncoder();

function streamOf(role: RelayRole, limits: Partial<RelayLimits> = {}): ReliableStream {
  return new ReliableStream({
    streamId: 's',
    role,
    limits: { ...defaultRelayLimits, ...limits },
    nowMs: 0,
    carrierIsUp: true,
  });
}

function framesOf(stream: ReliableStream, nowMs: number): RelayFrame[] {
  const frames: RelayFrame[] = [];
  for (let frame = stream.nextFrame(nowMs); frame; frame = stream.nextFrame(nowMs)) frames.push(frame);
  return frames;
}

const kindsOf = (frames: RelayFrame[]) => frames.map(({ body }) => (body.kind === 'data' ? body.seq : body.kind));

function data(seq: number, payload: string | Uint8Array = 'x', segmentIndex = 0, segmentCount = 1): RelayData {
  const bytes = typeof payload === 'string' ? text.encode(payload) : payload;
  return { kind: 'data', seq, segmentIndex, segmentCount, payload: bytes };
}

function frame(body: RelayBody, ack = 0, ackBits = 0): RelayFrame {
  return { streamId: 's', ack, ackBits, body };
}

const ackFrame = (ack: number, ackBits = 0) => frame({ kind: 'ackFrame' }, ack, ackBits);

/** A stream whose peer has proven reliable: seq 0 was sent and acknowledged at 20 ms. */
function reliable(role: RelayRole, limits: Partial<RelayLimits> = {}): ReliableStream {
  const stream = streamOf(role, limits);
  stream.send(text.encode('first'));
  framesOf(stream, 0);
  stream.receive(ackFrame(0), 20);
  expect(stream.stats.peer).toBe('reliable');
  return stream;
}

/** Lets time pass up to `untilMs`, and collects what is sent. */
function pass(stream: ReliableStream, untilMs: number): { atMs: number; frame: RelayFrame }[] {
  const sent: { atMs: number; frame: RelayFrame }[] = [];
  for (let rounds = 0; stream.deadlineMs <= untilMs && rounds < 10_000; rounds++) {
    const atMs = stream.deadlineMs;
    stream.advance(atMs);
    for (const one of framesOf(stream, atMs)) sent.push({ atMs, frame: one });
  }
  return sent;
}

describe('opening', () => {
  it('a harness begins with resume {next_seq: 0}, then data from seq 0', () => {
    const stream = streamOf('harness');
    stream.send(text.encode('a'));
    stream.send(text.encode('b'));
    expect(kindsOf(framesOf(stream, 0))).toEqual(['resume', 0, 1]);
  });

  it('an executor sends nothing on its own', () => {
    expect(framesOf(streamOf('executor'), 0)).toEqual([]);
    expect(streamOf('executor').deadlineMs).toBe(Infinity);
  });
});

describe('old peers', () => {
  it('get whole messages at once, without waiting for an acknowledgement, and nothing twice', () => {
    const stream = streamOf('executor');
    stream.receive(frame({ kind: 'resume', nextSeq: 0 }), 0);
    stream.receive(frame(data(0)), 0);
    stream.send(new Uint8Array(300_000).fill(65));
    for (let index = 0; index < 2_000; index++) stream.send(text.encode('m'));
    const sent = framesOf(stream, 0);
    sent.push(...pass(stream, 60_000).map((one) => one.frame));
    const segments = sent.map(({ body }) => body).filter((body) => body.kind === 'data');
    expect(segments.map(({ seq }) => seq)).toEqual(Array.from({ length: 2_001 }, (_, seq) => seq));
    expect(segments.every(({ segmentCount }) => segmentCount === 1)).toBe(true);
    expect(stream.stats.peer).toBe('old');
    expect(stream.end).toBeUndefined();
  });

  it('are held up by a full tail for three seconds at most, once', () => {
    const stream = streamOf('executor', { unprovenTailSegments: 10 });
    for (let index = 0; index < 30; index++) stream.send(text.encode('m'));
    expect(framesOf(stream, 0).length).toBe(10);
    const rest = pass(stream, 10_000).filter((one) => one.frame.body.kind === 'data');
    expect(rest.length).toBe(20);
    expect(rest.at(-1)?.atMs).toBeLessThanOrEqual(3_000);
    stream.send(text.encode('m'));
    expect(kindsOf(framesOf(stream, 10_000))).toContain(30);
  });

  it('keep only a bounded tail here', () => {
    const stream = streamOf('executor');
    for (let index = 0; index < 900; index++) stream.send(new Uint8Array(1_000));
    framesOf(stream, 0);
    expect(stream.stats.unackedSegments).toBe(900);
    pass(stream, 30_000);
    expect(stream.stats.unackedSegments).toBeLessThanOrEqual(defaultRelayLimits.oldTailSegments);
    expect(stream.stats.unackedBytes).toBeLessThanOrEqual(defaultRelayLimits.oldTailBytes);
  });

  it('are not ended by their zeros, their gaps in time, or their silence', () => {
    const stream = streamOf('executor');
    stream.receive(frame(data(0)), 0);
    stream.send(text.encode('answer'));
    framesOf(stream, 0);
    pass(stream, 3_600_000);
    stream.receive(frame(data(1)), 3_600_000);
    expect(stream.end).toBeUndefined();
    expect(stream.stats.peer).toBe('old');
  });

  it('that are too slow a reader are ended with a reason instead of losing messages', () => {
    const stream = streamOf('executor', { maxUnreadBytesOfOldPeer: 1_000 });
    stream.pauseReading();
    for (let seq = 0; seq < 20 && !stream.end; seq++) stream.receive(frame(data(seq, new Uint8Array(100))), 0);
    expect(stream.end).toEqual({ reason: 'reader_too_slow', by: 'us' });
  });

  it('cannot resume: after a lost carrier the stream ends, since something may be missing', () => {
    const stream = streamOf('harness');
    stream.send(text.encode('a'));
    framesOf(stream, 0);
    stream.carrierDown(10);
    stream.carrierUp(20);
    stream.send(text.encode('b'));
    expect(kindsOf(framesOf(stream, 20))).toEqual(['resume']);
    pass(stream, 60_000);
    expect(stream.end?.reason).toBe('not_resumed');
  });
});

describe('proof of reliability', () => {
  it('is an acknowledgement that counts: ack, ack_bits, or an ack frame', () => {
    for (const proof of [ackFrame(0), frame(data(0), 1), frame(data(0), 0, 1)]) {
      const stream = streamOf('executor');
      for (let index = 0; index < 3; index++) stream.send(text.encode('m'));
      framesOf(stream, 0);
      stream.receive(proof, 5);
      expect(stream.stats.peer).toBe('reliable');
    }
  });

  it('is never zero on a data frame or a heartbeat', () => {
    const stream = streamOf('executor');
    stream.send(text.encode('m'));
    framesOf(stream, 0);
    stream.receive(frame(data(0)), 1);
    stream.receive(frame({ kind: 'heartbeat' }), 2);
    stream.receive(frame({ kind: 'resume', nextSeq: 0 }), 3);
    expect(stream.stats.peer).toBe('unproven');
    expect(stream.stats.unackedSegments).toBe(1);
  });

  it('is a resume that old peers never send', () => {
    const harness = streamOf('harness');
    harness.receive(frame({ kind: 'resume', nextSeq: 0 }), 1);
    expect(harness.stats.peer).toBe('reliable');
    const executor = streamOf('executor');
    executor.receive(frame({ kind: 'resume', nextSeq: 1 }), 1);
    expect(executor.stats.peer).toBe('reliable');
  });

  it('is asked for by resume frames while something is unacknowledged', () => {
    const stream = streamOf('harness');
    stream.send(text.encode('m'));
    framesOf(stream, 0);
    const asked = pass(stream, 5_000);
    expect(kindsOf(asked.map((one) => one.frame))).toEqual(asked.map(() => 'resume'));
    expect(asked.length).toBeGreaterThan(4);
    stream.receive(frame({ kind: 'resume', nextSeq: 0 }), 5_000);
    expect(kindsOf(framesOf(stream, 5_000))).toEqual([0]);
  });
});

describe('sending to a reliable peer', () => {
  it('cuts messages into segments and stops at the window', () => {
    const stream = reliable('harness', { windowBytes: 100_000, segmentBytes: 30_000 });
    stream.send(new Uint8Array(200_000));
    const sent = framesOf(stream, 30);
    expect(sent.map(({ body }) => body.kind === 'data' && [body.seq, body.segmentIndex, body.segmentCount])).toEqual([
      [1, 0, 7],
      [2, 1, 7],
      [3, 2, 7],
    ]);
    expect(stream.unsentBytes).toBe(110_000);
    stream.receive(ackFrame(2), 60);
    expect(kindsOf(framesOf(stream, 60))).toEqual([4, 5]);
  });

  it('resends after three later segments were acknowledged, without waiting', () => {
    const stream = reliable('harness');
    for (let index = 0; index < 5; index++) stream.send(text.encode('m'));
    framesOf(stream, 30);
    stream.receive(ackFrame(0, 0b110), 50);
    expect(kindsOf(framesOf(stream, 50))).toEqual([]);
    stream.receive(ackFrame(0, 0b1110), 51);
    expect(kindsOf(framesOf(stream, 51))).toEqual([1]);
    stream.receive(ackFrame(4), 60);
    expect(stream.stats.unackedSegments).toBe(1);
    expect(stream.stats.retransmits).toBe(1);
  });

  it('resends after the timeout, which doubles up to its bound', () => {
    const stream = reliable('harness', { ackTimeoutMs: 1e9, heartbeatMs: 1e9, silenceMs: 1e9 });
    stream.send(text.encode('m'));
    framesOf(stream, 100);
    const times = pass(stream, 40_000).map((one) => one.atMs);
    const waits = times.map((atMs, index) => Math.round(atMs - (times[index - 1] ?? 100)));
    // First measurement 20 ms: 20 + 4 × 10 (RFC 6298).
    expect(waits.slice(0, 8)).toEqual([60, 120, 240, 480, 960, 1920, 3840, 5000]);
  });

  it('ends with a reason when nothing is ever acknowledged, though the peer is alive', () => {
    const stream = reliable('harness');
    stream.send(text.encode('m'));
    framesOf(stream, 100);
    for (let atMs = 1_000; atMs < 70_000 && !stream.end; atMs += 1_000) {
      stream.receive(frame({ kind: 'heartbeat' }), atMs);
      pass(stream, atMs);
    }
    expect(stream.end).toEqual({ reason: 'not_acknowledged', by: 'us' });
  });

  it('waits as long as it takes for a reader that is paused, with one segment now and then', () => {
    const stream = reliable('harness', { windowBytes: 64_000, segmentBytes: 16_000 });
    stream.send(new Uint8Array(100_000));
    framesOf(stream, 30);
    let resent = 0;
    for (let atMs = 1_000; atMs < 600_000; atMs += 1_000) {
      resent += pass(stream, atMs).filter((one) => one.frame.body.kind === 'data').length;
      stream.receive(ackFrame(0, 0b1110), atMs);
    }
    expect(stream.end).toBeUndefined();
    expect(resent).toBeLessThan(200);
    expect(stream.stats.unackedBytes).toBeLessThanOrEqual(64_000);
  });

  it('takes an acknowledgement of what was never sent for a protocol error', () => {
    for (const wrong of [ackFrame(1), ackFrame(0, 1), ackFrame(2 ** 31 - 1), ackFrame(0, 2 ** 31)]) {
      const stream = reliable('harness');
      stream.receive(wrong, 50);
      expect(stream.end).toEqual({ reason: 'acknowledges_unsent', by: 'us' });
      expect(framesOf(stream, 50).map(({ body }) => body)).toEqual([{ kind: 'reset', reason: 'acknowledges_unsent' }]);
      expect(framesOf(stream, 50)).toEqual([]);
      expect(stream.deadlineMs).toBe(Infinity);
    }
    const fresh = streamOf('executor');
    fresh.receive(frame(data(0), 5), 0);
    expect(fresh.end?.reason).toBe('acknowledges_unsent');
  });

  it('takes late acknowledgements for what they are', () => {
    const stream = reliable('harness');
    for (let index = 0; index < 5; index++) stream.send(text.encode('m'));
    framesOf(stream, 30);
    stream.receive(ackFrame(5), 50);
    stream.receive(ackFrame(2), 51);
    stream.receive(ackFrame(1, 0b11), 52);
    expect(stream.end).toBeUndefined();
    expect(stream.stats.unackedSegments).toBe(0);
  });
});

describe('receiving', () => {
  it('acknowledges within 10 ms, or with the eighth segment', () => {
    const stream = reliable('executor');
    stream.receive(frame(data(0)), 100);
    expect(framesOf(stream, 100)).toEqual([]);
    expect(stream.deadlineMs).toBe(110);
    stream.advance(110);
    expect(framesOf(stream, 110)).toEqual([ackFrame(0)]);
    for (let seq = 1; seq <= 7; seq++) stream.receive(frame(data(seq)), 120);
    expect(framesOf(stream, 120)).toEqual([]);
    stream.receive(frame(data(8)), 120);
    expect(framesOf(stream, 120)).toEqual([ackFrame(8)]);
  });

  it('lets acknowledgements ride on data, but for the ambiguous zero', () => {
    const stream = reliable('executor');
    stream.receive(frame(data(0)), 100);
    stream.send(text.encode('answer'));
    expect(kindsOf(framesOf(stream, 100))).toEqual([1]);
    expect(kindsOf(pass(stream, 110).map((one) => one.frame))).toEqual(['ackFrame']);
    stream.receive(ackFrame(1), 115);
    stream.receive(frame(data(1)), 120);
    stream.send(text.encode('answer'));
    expect(framesOf(stream, 120)).toMatchObject([{ ack: 1, body: { kind: 'data' } }]);
    expect(pass(stream, 160)).toEqual([]);
  });

  it('acknowledges gaps selectively at once', () => {
    const stream = reliable('executor');
    stream.receive(frame(data(0)), 100);
    stream.receive(frame(data(2)), 101);
    expect(framesOf(stream, 101)).toEqual([ackFrame(0, 0b10)]);
    stream.receive(frame(data(4)), 102);
    expect(framesOf(stream, 102)).toEqual([ackFrame(0, 0b1010)]);
    stream.receive(frame(data(1)), 103);
    expect(framesOf(stream, 103)).toEqual([ackFrame(2, 0b10)]);
  });

  it('says nothing of early segments while seq 0 is missing: zero would say that it is there', () => {
    const stream = streamOf('executor');
    stream.receive(frame(data(1)), 0);
    stream.receive(frame(data(2)), 0);
    expect(framesOf(stream, 0)).toEqual([]);
    stream.receive(frame(data(0)), 1);
    expect(framesOf(stream, 1)).toEqual([ackFrame(2)]);
  });

  it('delivers each message once and in order', () => {
    const stream = streamOf('executor');
    for (const seq of [2, 0, 0, 2, 1, 3, 1]) stream.receive(frame(data(seq, `m${seq}`)), 0);
    const messages: string[] = [];
    for (let one = stream.nextMessage(0); one; one = stream.nextMessage(0)) messages.push(Buffer.from(one).toString());
    expect(messages).toEqual(['m0', 'm1', 'm2', 'm3']);
    expect(stream.stats.duplicates).toBe(3);
  });

  it('resets a stream that announces four billion segments, and frees what it held', () => {
    const stream = reliable('executor');
    stream.receive(frame(data(0, new Uint8Array(50_000), 0, 2)), 10);
    expect(stream.receiveBytes).toBe(50_000);
    stream.receive(frame(data(1, 'x', 1, 4_294_967_295)), 10);
    expect(stream.end).toEqual({ reason: 'message_too_large', by: 'us' });
    expect(stream.receiveBytes).toBe(0);
    const other = reliable('executor');
    other.receive(frame(data(0, 'x', 0, 4_294_967_295)), 10);
    expect(other.end?.reason).toBe('message_too_large');
  });

  it('bounds what waits behind a gap, by bytes and by number', () => {
    const stream = reliable('executor', { reorderBytes: 10_000, reorderSegments: 50 });
    for (let seq = 1; seq < 200; seq++) stream.receive(frame(data(seq, new Uint8Array(1_000))), 10);
    expect(stream.receiveBytes).toBe(10_000);
    expect(stream.stats.dropped).toBe(189);
    stream.receive(frame(data(2 ** 31)), 10);
    expect(stream.end).toBeUndefined();
  });

  it('stops acknowledging while its reader is paused, and goes on when it reads', () => {
    const stream = reliable('executor', { unreadBytes: 2_000 });
    stream.pauseReading();
    for (let seq = 0; seq < 8; seq++) stream.receive(frame(data(seq, new Uint8Array(500))), 10);
    const [held] = framesOf(stream, 10);
    expect(held).toMatchObject({ ack: 4, ackBits: 0b111, body: { kind: 'ackFrame' } });
    stream.resumeReading();
    while (stream.nextMessage(20)) continue;
    expect(pass(stream, 40).map((one) => one.frame)).toMatchObject([{ ack: 7, ackBits: 0 }]);
  });
});

describe('the carrier', () => {
  it('lost and replaced: both say where they are and resend what the other lacks', () => {
    const stream = reliable('harness');
    stream.receive(frame(data(0)), 25);
    for (let index = 0; index < 3; index++) stream.send(text.encode('m'));
    framesOf(stream, 30);
    stream.carrierDown(40);
    stream.send(text.encode('late'));
    expect(framesOf(stream, 50)).toEqual([]);
    stream.carrierUp(1_000);
    expect(framesOf(stream, 1_000)[0]).toEqual(frame({ kind: 'resume', nextSeq: 4 }, 0));
    stream.receive(frame({ kind: 'resume', nextSeq: 1 }, 1), 1_020);
    expect(kindsOf(framesOf(stream, 1_020)).slice(0, 3)).toEqual(['ackFrame', 2, 3]);
    expect(stream.end).toBeUndefined();
  });

  it('answers a resume in kind, but not the answer to its own, nor copies of it', () => {
    const stream = reliable('executor');
    stream.receive(frame(data(0)), 100);
    stream.receive(frame({ kind: 'resume', nextSeq: 1 }, 0), 5_000);
    expect(kindsOf(framesOf(stream, 5_000))).toContain('resume');
    stream.receive(frame({ kind: 'resume', nextSeq: 1 }, 0), 5_010);
    stream.receive(frame({ kind: 'resume', nextSeq: 1 }, 0), 5_020);
    expect(kindsOf(framesOf(stream, 5_020))).not.toContain('resume');
  });

  it('that is not replaced in time ends the stream', () => {
    const stream = reliable('harness');
    stream.carrierDown(1_000);
    expect(stream.deadlineMs).toBe(31_000);
    stream.advance(31_000);
    expect(stream.end).toEqual({ reason: 'not_resumed', by: 'us' });
    const impatient = reliable('harness', { resumeTimeoutMs: 0 });
    impatient.carrierDown(1_000);
    expect(impatient.end?.reason).toBe('carrier_lost');
  });
});

describe('silence', () => {
  it('is broken by heartbeats', () => {
    const stream = reliable('harness');
    expect(kindsOf(pass(stream, 35_000).map((one) => one.frame))).toEqual(['heartbeat', 'heartbeat', 'heartbeat']);
  });

  it('of a reliable peer ends the stream', () => {
    const stream = reliable('harness');
    pass(stream, 200_000);
    expect(stream.end).toEqual({ reason: 'silent', by: 'us' });
  });
});

describe('the end', () => {
  it('by close waits for the last acknowledgement', () => {
    const stream = reliable('harness');
    stream.send(text.encode('last'));
    stream.close('done', 100);
    expect(kindsOf(framesOf(stream, 100))).toEqual([1]);
    stream.receive(ackFrame(1), 150);
    expect(framesOf(stream, 150).map(({ body }) => body)).toEqual([{ kind: 'reset', reason: 'done' }]);
    expect(stream.end).toEqual({ reason: 'done', by: 'us' });
  });

  it('by close does not wait for ever', () => {
    const stream = reliable('harness');
    stream.send(text.encode('last'));
    stream.close('done', 100);
    framesOf(stream, 100);
    pass(stream, 10_000);
    expect(stream.end).toEqual({ reason: 'done', by: 'us' });
  });

  it('by the peer leaves what was complete to its reader, and nothing else', () => {
    const stream = streamOf('executor');
    stream.receive(frame(data(0, 'whole')), 0);
    stream.receive(frame(data(1, 'half', 0, 2)), 0);
    stream.receive(frame(data(3, 'early')), 0);
    stream.send(text.encode('never sent'));
    stream.receive(frame({ kind: 'reset', reason: 'gone' }), 1);
    expect(stream.end).toEqual({ reason: 'gone', by: 'peer' });
    expect(stream.receiveBytes).toBe(5);
    expect(Buffer.from(stream.nextMessage(2) ?? []).toString()).toBe('whole');
    expect(stream.nextMessage(2)).toBeUndefined();
    expect(framesOf(stream, 2)).toEqual([]);
  });
});
