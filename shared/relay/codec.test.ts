import { readdirSync, readFileSync } from 'node:fs';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { RelayMessageFrameSchema, type RelayMessageFrame } from '../gen/codex/exec_server/relay/v1/relay_pb.ts';
import { decodeFrame, encodeFrame, encodeHead, peekRoute } from './codec.ts';
import { frameFault, frameText, resetReason, type FrameFault, type RelayBody, type RelayFrame } from './frame.ts';

/** Small seeded generator (mulberry32): a failing case can be run again. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
const again = `run again with SEED=${seed}`;

/** What `decodeFrame` must answer, by the generated code alone: slow and obvious. */
function decodeSlowly(bytes: Uint8Array): RelayFrame | FrameFault {
  // The generated code reads on beyond the end of a part, and takes any wire type for a known field.
  if (!isStrict(bytes, ['varint', 'bytes', 'varint', 'varint', ...bodyFields])) return 'malformed';
  let message: RelayMessageFrame;
  try {
    message = fromBinary(RelayMessageFrameSchema, bytes);
  } catch {
    return 'malformed';
  }
  const { version, streamId, ack, ackBits, body } = message;
  const bodies: Record<string, () => RelayBody> = {
    data: () => ({ kind: 'data', ...pick(body.value, 'seq', 'segmentIndex', 'segmentCount', 'payload') }) as RelayBody,
    ackFrame: () => ({ kind: 'ackFrame' }),
    resume: () => ({ kind: 'resume', ...pick(body.value, 'nextSeq') }) as RelayBody,
    reset: () => ({ kind: 'reset', ...pick(body.value, 'reason') }) as RelayBody,
    heartbeat: () => ({ kind: 'heartbeat' }),
    handshake: () => ({ kind: 'handshake', ...pick(body.value, 'payload') }) as RelayBody,
  };
  const make = body.case ? bodies[body.case] : undefined;
  const placeholder: RelayFrame = { streamId, ack, ackBits, body: { kind: 'heartbeat' } };
  if (!make) return frameFault(version, placeholder) ?? 'no_body';
  const frame = { streamId, ack, ackBits, body: make() };
  return frameFault(version, frame) ?? frame;
}

type FieldForm = 'varint' | 'bytes' | FieldForm[];
const bodyFields: FieldForm[] = [['varint', 'varint', 'varint', 'bytes'], [], ['varint'], ['bytes'], [], ['bytes']];

/** Reads field after field until nothing is left: whether that goes up, and every known field has its form. */
function isStrict(bytes: Uint8Array, forms: FieldForm[]): boolean {
  let at = 0;
  const varint = (longest: number): number | undefined => {
    let value = 0;
    for (let length = 0; length < longest && at < bytes.length; length++) {
      const byte = bytes[at++] ?? 0;
      value += (byte % 128) * 2 ** (7 * length);
      if (byte < 128) return value;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const tag = varint(5);
    if (tag === undefined) return false;
    const number = Math.floor((tag % 2 ** 32) / 8);
    const form = forms[number - 1];
    if (number === 0 || (form !== undefined && (form === 'varint' ? 0 : 2) !== tag % 8)) return false;
    if (tag % 8 === 0) {
      if (varint(10) === undefined) return false;
      continue;
    }
    const length = { 1: 8, 2: varint, 5: 4 }[tag % 8];
    const size = typeof length === 'function' ? length(5) : length;
    if (size === undefined || size % 2 ** 32 > bytes.length - at) return false;
    const end = at + (size % 2 ** 32);
    if (Array.isArray(form) && !isStrict(bytes.subarray(at, end), form)) return false;
    at = end;
  }
  return true;
}

function pick(value: unknown, ...keys: string[]): Record<string, unknown> {
  const source = value as Record<string, unknown>;
  return Object.fromEntries(keys.map((key) => [key, source[key]]));
}

/** Buffers and plain arrays compare as the same bytes. */
function plain(frame: RelayFrame | FrameFault): unknown {
  if (typeof frame === 'string' || !('payload' in frame.body)) return frame;
  return { ...frame, body: { ...frame.body, payload: [...frame.body.payload] } };
}

const edges = [0, 1, 127, 128, 16383, 16384, 2 ** 21, 2 ** 28, 2 ** 31, 2 ** 32 - 1];

function randomFrame(random: () => number, longest = 400): RelayFrame {
  const uint = () =>
    random() < 0.4 ? (edges[Math.floor(random() * edges.length)] ?? 0) : Math.floor(random() * 2 ** (32 * random()));
  const bytes = () => Uint8Array.from({ length: 1 + Math.floor(random() * random() * longest) }, () => random() * 256);
  const ids = ['a', '3f2a6c1e-8f55-4b0e-9c57-2f6d1c0f9e77', 'ключ', 'x'.repeat(128), '名前-🙂'];
  const segmentCount = 1 + (uint() % 2 ** 31);
  const bodies: (() => RelayBody)[] = [
    () => ({ kind: 'data', seq: uint(), segmentIndex: uint() % segmentCount, segmentCount, payload: bytes() }),
    () => ({ kind: 'ackFrame' }),
    () => ({ kind: 'resume', nextSeq: uint() }),
    () => ({ kind: 'reset', reason: ids[Math.floor(random() * ids.length)] ?? 'r' }),
    () => ({ kind: 'heartbeat' }),
    () => ({ kind: 'handshake', payload: random() < 0.2 ? new Uint8Array(0) : bytes() }),
  ];
  const make = bodies[Math.floor(random() * bodies.length)];
  return {
    streamId: ids[Math.floor(random() * ids.length)] ?? 'a',
    ack: random() < 0.3 ? 0 : uint(),
    ackBits: random() < 0.3 ? 0 : uint(),
    body: make ? make() : { kind: 'heartbeat' },
  };
}

function toMessage({ streamId, ack, ackBits, body }: RelayFrame): Uint8Array {
  const { kind, ...value } = body;
  return toBinary(
    RelayMessageFrameSchema,
    create(RelayMessageFrameSchema, { version: 1, streamId, ack, ackBits, body: { case: kind, value } as never }),
  );
}

interface GoldenStep {
  readonly wireBase64?: string;
  readonly frame?: Record<string, unknown> & { version: number; streamId: string; body?: string };
}

describe('frames of real peers', () => {
  const folder = new URL('../../tests/golden/relay/', import.meta.url);
  const steps = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => {
      const file = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as { steps?: GoldenStep[] };
      return (file.steps ?? []).map((step, index) => ({ ...step, where: `${name} step ${index}` }));
    })
    .filter((step) => step.wireBase64 !== undefined);

  it('there are recordings', () => {
    expect(steps.length).toBeGreaterThan(60);
  });

  it('decode to what was recorded, and encode to the same bytes', () => {
    for (const { wireBase64 = '', frame, where } of steps) {
      const bytes = Uint8Array.from(Buffer.from(wireBase64, 'base64'));
      const decoded = decodeFrame(bytes);
      expect(plain(decoded), where).toEqual(plain(decodeSlowly(bytes)));
      if (!frame) {
        expect(typeof decoded, where).toBe('string');
        continue;
      }
      const isValid = frame.version === 1 && frame.streamId.trim() !== '' && frame.body !== undefined;
      if (typeof decoded === 'string') {
        expect(
          isValid && !['empty_payload', 'reset_reason', 'segment_fields'].includes(decoded),
          `${where}: ${decoded}`,
        ).toBe(false);
        continue;
      }
      expect(decoded, where).toMatchObject({ ack: frame['ack'], ackBits: frame['ackBits'] });
      expect(decoded.body.kind, where).toBe(frame.body);
      if (decoded.body.kind === 'data') {
        const { seq, segmentIndex, segmentCount } = frame['data'] as Record<string, number>;
        expect(decoded.body, where).toMatchObject({ seq, segmentIndex, segmentCount });
        const { payloadBase64 } = frame['data'] as { payloadBase64: string };
        expect(decoded.body.payload.length > 0, where).toBe(payloadBase64 !== '');
      }
      expect(Buffer.from(encodeFrame(decoded)).toString('base64'), where).toBe(wireBase64);
      expect(peekRoute(bytes), where).toEqual({ streamId: decoded.streamId, kind: decoded.body.kind });
    }
  });
});

describe('the codec', () => {
  it('encodes and decodes random frames as the generated code does', { timeout: 60_000 }, () => {
    const random = randomOf(seed);
    for (let round = 0; round < 5_000; round++) {
      const frame = randomFrame(random);
      const bytes = encodeFrame(frame);
      expect(Buffer.from(bytes).equals(toMessage(frame)), `${again}, round ${round}: ${frameText(frame)}`).toBe(true);
      expect(plain(decodeFrame(bytes)), again).toEqual(plain(frame));
      // Its head and its payload, side by side, are the same frame.
      const payload = frame.body.kind === 'data' ? frame.body.payload : new Uint8Array(0);
      expect(Buffer.concat([encodeHead(frame), payload]).equals(bytes), again).toBe(true);
    }
  });

  it('judges 100,000 damaged frames as the generated code does, and never throws', { timeout: 60_000 }, () => {
    const random = randomOf(seed + 1);
    let faults = 0;
    for (let round = 0; round < 100_000; round++) {
      const bytes = damaged(encodeFrame(randomFrame(random, 40)), random);
      const decoded = decodeFrame(bytes);
      const expected = decodeSlowly(bytes);
      if (typeof decoded === 'string') faults++;
      const where = `${again}, round ${round}: ${Buffer.from(bytes).toString('hex')}`;
      const isSame = typeof decoded === 'string' ? decoded === expected : sameFrame(decoded, expected);
      if (!isSame) expect(plain(decoded), where).toEqual(plain(expected));
      const route = peekRoute(bytes);
      if (typeof decoded !== 'string' && typeof route === 'string') expect.fail(`${where}: peekRoute says ${route}`);
      if (typeof decoded !== 'string' && typeof route !== 'string') {
        if (route.streamId !== decoded.streamId || route.kind !== decoded.body.kind) expect.fail(where);
      }
      if (route === 'malformed' && expected !== 'malformed') expect.fail(`${where}: peekRoute says malformed`);
    }
    expect(faults).toBeGreaterThan(1_000);
  });

  it('takes unknown fields, repeated fields and fields in any order', () => {
    const frame: RelayFrame = { streamId: 's', ack: 7, ackBits: 1, body: { kind: 'resume', nextSeq: 3 } };
    const bytes = encodeFrame(frame);
    const unknown = Uint8Array.of(0x7a, 2, 1, 2, 0xf8, 0x01, 5);
    const reversed = Uint8Array.of(0x3a, 2, 0x08, 3, 0x20, 1, 0x18, 7, 0x12, 1, 0x73, 0x08, 1);
    for (const variant of [[...bytes, ...unknown], [...unknown, ...bytes], [...bytes, ...bytes], [...reversed]]) {
      expect(decodeFrame(Uint8Array.from(variant))).toEqual(frame);
      expect(peekRoute(Uint8Array.from(variant))).toEqual({ streamId: 's', kind: 'resume' });
    }
  });

  it('does not copy the payload of an arriving frame', () => {
    const payload = new Uint8Array(1000).fill(65);
    const body = { kind: 'data', seq: 0, segmentIndex: 0, segmentCount: 1, payload } as const;
    const bytes = encodeFrame({ streamId: 's', ack: 0, ackBits: 0, body });
    const decoded = decodeFrame(bytes);
    if (typeof decoded === 'string' || decoded.body.kind !== 'data') throw new Error('no data');
    expect(decoded.body.payload.buffer).toBe(bytes.buffer);
  });

  it('names the fault of each kind of invalid frame', () => {
    const data = { kind: 'data', seq: 0, segmentIndex: 0, segmentCount: 1, payload: Uint8Array.of(1) } as const;
    const valid: RelayFrame = { streamId: 's', ack: 0, ackBits: 0, body: data };
    const faultOf = (frame: RelayFrame) => decodeFrame(encodeFrame(frame));
    expect(faultOf({ ...valid, streamId: ' s' })).toBe('stream_id');
    expect(faultOf({ ...valid, streamId: 'x'.repeat(129) })).toBe('stream_id');
    expect(faultOf({ ...valid, streamId: 'я'.repeat(65) })).toBe('stream_id');
    expect(faultOf({ ...valid, body: { ...data, payload: new Uint8Array(0) } })).toBe('empty_payload');
    expect(faultOf({ ...valid, body: { ...data, segmentCount: 0 } })).toBe('segment_fields');
    expect(faultOf({ ...valid, body: { ...data, segmentIndex: 2, segmentCount: 2 } })).toBe('segment_fields');
    expect(faultOf({ ...valid, body: { kind: 'reset', reason: '' } })).toBe('reset_reason');
    expect(faultOf({ ...valid, body: { kind: 'reset', reason: 'x'.repeat(257) } })).toBe('reset_reason');
    expect(decodeFrame(Uint8Array.of(0x08, 1, 0x12, 1, 0x73))).toBe('no_body');
    expect(decodeFrame(Uint8Array.of(0x08, 2, 0x12, 1, 0x73, 0x4a, 0))).toBe('version');
    expect(decodeFrame(Uint8Array.of())).toBe('version');
    expect(decodeFrame(Uint8Array.of(0xff))).toBe('malformed');
  });
});

describe('a reset reason', () => {
  it('is never empty, never too long, and never ends in half a character', () => {
    expect(resetReason('')).toBe('closed');
    expect(new TextEncoder().encode(resetReason('я'.repeat(300))).length).toBeLessThanOrEqual(256);
    const emoji = resetReason('🙂'.repeat(100));
    expect(new TextEncoder().encode(emoji).length).toBe(256);
    expect(emoji.endsWith('🙂')).toBe(true);
  });
});

function sameFrame(a: RelayFrame, b: RelayFrame | FrameFault): boolean {
  return typeof b !== 'string' && Buffer.from(encodeFrame(a)).equals(encodeFrame(b));
}

/** One to three random changes: a flipped bit, a cut, an insertion, a doubled piece. */
function damaged(frame: Uint8Array, random: () => number): Uint8Array {
  let bytes = [...frame];
  const place = () => Math.floor(random() * (bytes.length + 1));
  for (let change = 1 + Math.floor(random() * 3); change > 0; change--) {
    const at = place();
    const kind = random();
    if (kind < 0.4) bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
    else if (kind < 0.6) bytes = bytes.slice(0, at);
    else if (kind < 0.8) bytes.splice(at, 0, Math.floor(random() * 256));
    else bytes.splice(place(), 0, ...bytes.slice(at, at + 8));
  }
  return Uint8Array.from(bytes);
}
