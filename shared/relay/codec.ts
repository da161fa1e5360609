// Bytes ⇄ relay frames, by hand for frames as every peer writes them; whatever else protobuf allows goes through the
// generated code, which is also what the tests compare with. peekRoute() reads only what a rendezvous needs.

import { fromBinary } from '@bufbuild/protobuf';
import { utf8Encode } from '../bytes.ts';
import { RelayMessageFrameSchema } from '../gen/codex/exec_server/relay/v1/relay_pb.ts';
import {
  frameFault,
  frameVersion,
  isStreamId,
  type FrameFault,
  type RelayBody,
  type RelayBodyKind,
  type RelayFrame,
} from './frame.ts';

// Hot path: decoding costs two small objects and the stream id's string, encoding one buffer and one copy of the
// payload. Nothing here may copy a payload on the way in.

/** Tag bytes: field number << 3 | wire type (0 varint, 2 length-delimited). All fields have numbers below 16. */
const Tag = {
  version: 0x08,
  streamId: 0x12,
  ack: 0x18,
  ackBits: 0x20,
  data: 0x2a,
  ackFrame: 0x32,
  resume: 0x3a,
  reset: 0x42,
  heartbeat: 0x4a,
  handshake: 0x52,
} as const;
/** Tags inside the bodies. */
const DataTag = { seq: 0x08, segmentIndex: 0x10, segmentCount: 0x18, payload: 0x22 } as const;
const resumeNextSeqTag = 0x08;
const resetReasonTag = 0x0a;
const handshakePayloadTag = 0x0a;

const bodyKindOfTag: Readonly<Record<number, RelayBodyKind>> = {
  [Tag.data]: 'data',
  [Tag.ackFrame]: 'ackFrame',
  [Tag.resume]: 'resume',
  [Tag.reset]: 'reset',
  [Tag.heartbeat]: 'heartbeat',
  [Tag.handshake]: 'handshake',
};

/** What Node's Buffer does several times faster; found at run time, since this file also runs in browsers. */
interface FastBytes {
  allocUnsafe(size: number): Uint8Array<ArrayBuffer>;
  readonly prototype: {
    latin1Slice(this: Uint8Array, start: number, end: number): string;
    latin1Write(this: Uint8Array, text: string, offset: number, length: number): number;
  };
}
const fastBytes = (globalThis as { Buffer?: FastBytes }).Buffer;
const latin1Slice = fastBytes?.prototype.latin1Slice;
const latin1Write = fastBytes?.prototype.latin1Write;

/** Where a read in progress stands, and whether it met something that only the generated code may judge. */
let cursor = 0;
let isUnusual = false;

/** A uint32 at `cursor`. Truncated or longer than five bytes: sets `isUnusual`. */
function readUint32(bytes: Uint8Array, end: number): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    if (cursor >= end) break;
    const byte = bytes[cursor++] ?? 0;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
  isUnusual = true;
  return 0;
}

/** The end of a length-delimited field whose length stands at `cursor`. */
function readEnd(bytes: Uint8Array, end: number): number {
  const fieldEnd = readUint32(bytes, end) + cursor;
  if (fieldEnd > end) isUnusual = true;
  return fieldEnd;
}

/** ASCII text of `bytes[start, end)`, or undefined when it holds another character. */
function tryAscii(bytes: Uint8Array, start: number, end: number): string | undefined {
  for (let index = start; index < end; index++) if ((bytes[index] ?? 0x80) >= 0x80) return undefined;
  if (latin1Slice) return latin1Slice.call(bytes, start, end);
  return String.fromCharCode(...bytes.subarray(start, end));
}

/** Ids longer than this are not valid anyway; keeps the spread in `tryAscii` small. */
const maxFastIdBytes = 256;

/**
 * Decodes and validates. The payload is a view into `bytes`, which must not change while it is used.
 * @returns the frame, or the fault for which it must be dropped (docs/relay.md). Never throws.
 */
export function decodeFrame(bytes: Uint8Array): RelayFrame | FrameFault {
  return tryDecodeUsual(bytes) ?? decodeUnusual(bytes);
}

function tryDecodeUsual(bytes: Uint8Array): RelayFrame | FrameFault | undefined {
  const end = bytes.length;
  let version = 0;
  let streamId = '';
  let ack = 0;
  let ackBits = 0;
  let body: RelayBody | undefined;
  cursor = 0;
  isUnusual = false;
  while (cursor < end) {
    const tag = bytes[cursor++] ?? 0;
    switch (tag) {
      case Tag.version:
        version = readUint32(bytes, end);
        break;
      case Tag.ack:
        ack = readUint32(bytes, end);
        break;
      case Tag.ackBits:
        ackBits = readUint32(bytes, end);
        break;
      case Tag.streamId: {
        const idEnd = readEnd(bytes, end);
        if (isUnusual || idEnd - cursor > maxFastIdBytes) return undefined;
        const id = tryAscii(bytes, cursor, idEnd);
        if (id === undefined) return undefined;
        streamId = id;
        cursor = idEnd;
        break;
      }
      default: {
        const kind = bodyKindOfTag[tag];
        // A repeated body is merged or replaces the first one, an unknown field is skipped: rare, so not done here.
        if (kind === undefined || body) return undefined;
        const bodyEnd = readEnd(bytes, end);
        if (isUnusual) return undefined;
        body = tryReadBody(kind, bytes, bodyEnd);
        if (!body) return undefined;
      }
    }
    if (isUnusual) return undefined;
  }
  if (!body) return version === frameVersion ? (isStreamId(streamId) ? 'no_body' : 'stream_id') : 'version';
  const frame = { streamId, ack, ackBits, body };
  return frameFault(version, frame) ?? frame;
}

/** Reads from `cursor` to `end`, and leaves `cursor` there. */
function tryReadBody(kind: RelayBodyKind, bytes: Uint8Array, end: number): RelayBody | undefined {
  switch (kind) {
    case 'data': {
      let seq = 0;
      let segmentIndex = 0;
      let segmentCount = 0;
      let payload: Uint8Array = noBytes;
      while (cursor < end) {
        const tag = bytes[cursor++];
        if (tag === DataTag.seq) seq = readUint32(bytes, end);
        else if (tag === DataTag.segmentIndex) segmentIndex = readUint32(bytes, end);
        else if (tag === DataTag.segmentCount) segmentCount = readUint32(bytes, end);
        else if (tag === DataTag.payload) {
          const payloadEnd = readEnd(bytes, end);
          if (isUnusual) return undefined;
          payload = bytes.subarray(cursor, payloadEnd);
          cursor = payloadEnd;
        } else return undefined;
        if (isUnusual) return undefined;
      }
      return { kind, seq, segmentIndex, segmentCount, payload };
    }
    case 'resume': {
      let nextSeq = 0;
      while (cursor < end) {
        if (bytes[cursor++] !== resumeNextSeqTag) return undefined;
        nextSeq = readUint32(bytes, end);
        if (isUnusual) return undefined;
      }
      return { kind, nextSeq };
    }
    case 'ackFrame':
    case 'heartbeat':
      return cursor === end ? { kind } : undefined;
    case 'reset':
    case 'handshake':
      return undefined;
  }
}

const noBytes: Uint8Array = new Uint8Array(0);

/** Everything that protobuf allows, by the generated code: about ten times slower. */
function decodeUnusual(bytes: Uint8Array): RelayFrame | FrameFault {
  if (!isWellFormed(bytes, bytes.length, frameFields)) return 'malformed';
  try {
    const message = fromBinary(RelayMessageFrameSchema, bytes, { readUnknownFields: false });
    const { version, streamId, ack, ackBits } = message;
    const body = bodyOfMessage(message.body);
    if (!body) return version === frameVersion ? (isStreamId(streamId) ? 'no_body' : 'stream_id') : 'version';
    const frame = { streamId, ack, ackBits, body };
    return frameFault(version, frame) ?? frame;
  } catch {
    return 'malformed';
  }
}

/** Fields of a message by number: the wire type, or the fields of the message that it holds. */
type Fields = Readonly<Record<number, 0 | 2 | { readonly message: Fields }>>;
const noFields: Fields = {};
const frameFields: Fields = {
  1: 0,
  2: 2,
  3: 0,
  4: 0,
  5: { message: { 1: 0, 2: 0, 3: 0, 4: 2 } },
  6: { message: noFields },
  7: { message: { 1: 0 } },
  8: { message: { 1: 2 } },
  9: { message: noFields },
  10: { message: { 1: 2 } },
};

/**
 * Whether `bytes[from, end)` is a message whose known fields have their wire types and whose parts end where they
 * should: the generated code reads on beyond the end of a part, and takes any wire type.
 */
function isWellFormed(bytes: Uint8Array, end: number, fields: Fields, from = 0): boolean {
  let at = from;
  const skipVarint = (): boolean => {
    for (let length = 1; length <= 10 && at < end; length++) if ((bytes[at++] ?? 0) < 0x80) return true;
    return false;
  };
  while (at < end) {
    cursor = at;
    isUnusual = false;
    const tag = readUint32(bytes, end);
    at = cursor;
    const number = tag >>> 3;
    const wireType = tag & 7;
    const field = fields[number];
    const expected = typeof field === 'object' ? 2 : field;
    if (isUnusual || number === 0 || (expected !== undefined && expected !== wireType)) return false;
    if (wireType === 0) {
      if (!skipVarint()) return false;
    } else if (wireType === 2) {
      cursor = at;
      const partEnd = readEnd(bytes, end);
      if (isUnusual) return false;
      if (typeof field === 'object' && !isWellFormed(bytes, partEnd, field.message, cursor)) return false;
      at = partEnd;
    } else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    // Groups are no part of proto3.
    else return false;
  }
  return at === end;
}

type MessageBody = ReturnType<typeof fromBinary<typeof RelayMessageFrameSchema>>['body'];

function bodyOfMessage(body: MessageBody): RelayBody | undefined {
  switch (body.case) {
    case 'data': {
      const { seq, segmentIndex, segmentCount, payload } = body.value;
      return { kind: 'data', seq, segmentIndex, segmentCount, payload };
    }
    case 'resume':
      return { kind: 'resume', nextSeq: body.value.nextSeq };
    case 'reset':
      return { kind: 'reset', reason: body.value.reason };
    case 'handshake':
      return { kind: 'handshake', payload: body.value.payload };
    case 'ackFrame':
    case 'heartbeat':
      return { kind: body.case };
    case undefined:
      return undefined;
  }
}

export interface Route {
  readonly streamId: string;
  readonly kind: RelayBodyKind;
}

/**
 * What a rendezvous needs of a frame: reads the outer fields, skips the body. A route does not mean that the body is
 * valid: that is the endpoints' to judge.
 * @returns the route, or the fault for which the frame must be dropped. Never throws.
 */
export function peekRoute(bytes: Uint8Array): Route | FrameFault {
  const end = bytes.length;
  let version = 0;
  let idStart = 0;
  let idEnd = 0;
  let kind: RelayBodyKind | undefined;
  cursor = 0;
  isUnusual = false;
  while (cursor < end && !isUnusual) {
    const tag = bytes[cursor++] ?? 0;
    if (tag === Tag.version) version = readUint32(bytes, end);
    else if (tag === Tag.ack || tag === Tag.ackBits) readUint32(bytes, end);
    else if (tag === Tag.streamId) {
      idEnd = readEnd(bytes, end);
      idStart = cursor;
      cursor = idEnd;
    } else {
      kind = bodyKindOfTag[tag];
      if (kind === undefined) isUnusual = true;
      else cursor = readEnd(bytes, end);
    }
  }
  if (isUnusual || idEnd - idStart > maxFastIdBytes) return peekUnusual(bytes);
  const streamId = tryAscii(bytes, idStart, idEnd);
  if (streamId === undefined) return peekUnusual(bytes);
  if (version !== frameVersion) return 'version';
  if (!isStreamId(streamId)) return 'stream_id';
  return kind === undefined ? 'no_body' : { streamId, kind };
}

/** As `peekRoute`, for frames with unknown fields, ids beyond ASCII and the like. */
function peekUnusual(bytes: Uint8Array): Route | FrameFault {
  if (!isWellFormed(bytes, bytes.length, frameFields)) return 'malformed';
  try {
    const { version, streamId, body } = fromBinary(RelayMessageFrameSchema, bytes, { readUnknownFields: false });
    if (version !== frameVersion) return 'version';
    if (!isStreamId(streamId)) return 'stream_id';
    return body.case === undefined ? 'no_body' : { streamId, kind: body.case };
  } catch {
    return 'malformed';
  }
}

/**
 * Encodes as proto3 does: fields by number, zeros left out.
 * @returns bytes of their own; the payload was copied once.
 */
export function encodeFrame(frame: RelayFrame): Uint8Array<ArrayBuffer> {
  return encode(frame, true);
}

/** All of a frame but the payload of data, which is its end: for who can send both without joining them before. */
export function encodeHead(frame: RelayFrame): Uint8Array<ArrayBuffer> {
  return encode(frame, false);
}

function encode(frame: RelayFrame, withPayload: boolean): Uint8Array<ArrayBuffer> {
  const { streamId, ack, ackBits, body } = frame;
  const idBytes = isAscii(streamId) ? undefined : utf8Encode(streamId);
  const idLength = idBytes?.length ?? streamId.length;
  const reason = body.kind === 'reset' ? utf8Encode(body.reason) : noBytes;
  const bodyLength = lengthOfBody(body, reason);
  const left = withPayload || body.kind !== 'data' ? 0 : body.payload.length;
  const bytes = allocate(
    2 +
      lengthOfBytesField(idLength) +
      lengthOfField(ack) +
      lengthOfField(ackBits) +
      1 +
      lengthOfUint32(bodyLength) +
      bodyLength -
      left,
  );
  bytes[0] = Tag.version;
  bytes[1] = frameVersion;
  bytes[2] = Tag.streamId;
  let at = writeUint32(bytes, 3, idLength);
  if (idBytes) bytes.set(idBytes, at);
  else writeAscii(bytes, at, streamId);
  at = writeField(bytes, at + idLength, Tag.ack, ack);
  at = writeField(bytes, at, Tag.ackBits, ackBits);
  bytes[at] = Tag[body.kind];
  at = writeUint32(bytes, at + 1, bodyLength);
  switch (body.kind) {
    case 'data':
      at = writeField(bytes, at, DataTag.seq, body.seq);
      at = writeField(bytes, at, DataTag.segmentIndex, body.segmentIndex);
      at = writeField(bytes, at, DataTag.segmentCount, body.segmentCount);
      if (body.payload.length === 0) break;
      bytes[at] = DataTag.payload;
      at = writeUint32(bytes, at + 1, body.payload.length);
      if (withPayload) bytes.set(body.payload, at);
      break;
    case 'resume':
      writeField(bytes, at, resumeNextSeqTag, body.nextSeq);
      break;
    case 'reset':
      writeBytesField(bytes, at, resetReasonTag, reason);
      break;
    case 'handshake':
      writeBytesField(bytes, at, handshakePayloadTag, body.payload);
      break;
    case 'ackFrame':
    case 'heartbeat':
  }
  return bytes;
}

function lengthOfBody(body: RelayBody, reason: Uint8Array): number {
  switch (body.kind) {
    case 'data':
      return (
        lengthOfField(body.seq) +
        lengthOfField(body.segmentIndex) +
        lengthOfField(body.segmentCount) +
        lengthOfBytesField(body.payload.length)
      );
    case 'resume':
      return lengthOfField(body.nextSeq);
    case 'reset':
      return lengthOfBytesField(reason.length);
    case 'handshake':
      return lengthOfBytesField(body.payload.length);
    case 'ackFrame':
    case 'heartbeat':
      return 0;
  }
}

function allocate(size: number): Uint8Array<ArrayBuffer> {
  // Every byte is written, so none of the memory's former content leaves.
  return fastBytes ? fastBytes.allocUnsafe(size) : new Uint8Array(size);
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) >= 0x80) return false;
  return true;
}

function writeAscii(bytes: Uint8Array, at: number, text: string): void {
  if (latin1Write) latin1Write.call(bytes, text, at, text.length);
  else for (let index = 0; index < text.length; index++) bytes[at + index] = text.charCodeAt(index);
}

function lengthOfUint32(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
}

function lengthOfField(value: number): number {
  return value === 0 ? 0 : 1 + lengthOfUint32(value);
}

function lengthOfBytesField(length: number): number {
  return length === 0 ? 0 : 1 + lengthOfUint32(length) + length;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  while (rest >= 0x80) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

function writeField(bytes: Uint8Array, at: number, tag: number, value: number): number {
  if (value === 0) return at;
  bytes[at] = tag;
  return writeUint32(bytes, at + 1, value);
}

function writeBytesField(bytes: Uint8Array, at: number, tag: number, value: Uint8Array): void {
  if (value.length === 0) return;
  bytes[at] = tag;
  bytes.set(value, writeUint32(bytes, at + 1, value.length));
}
