// Messages that carry megabytes of base64: made of parts, with one copy of each, and without JSON.stringify, which looks at
// every character (3 ms per MiB). And those that come: decoded where they lie, and let go without the collector.

import { base64ByteLength } from '../../shared/bytes.ts';
import type { Connection, MessagePart } from '../../shared/connection/connection.ts';
import { idText, type BulkBytes, type Envelope, type RequestId } from '../../shared/rpc/envelope.ts';
import { release } from '../released-memory.ts';
import { textOf } from '../text-of.ts';
import type { Route } from './handler.ts';

/** By the carrier's own way, or as one buffer. */
export function sendParts(connection: Connection, parts: readonly MessagePart[]): boolean {
  return connection.sendParts?.(parts) ?? connection.send(joinParts(parts));
}

/** The parts one after the other. */
export function joinParts(parts: readonly MessagePart[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const message = Buffer.allocUnsafe(length);
  let offset = 0;
  for (const part of parts) {
    if (typeof part === 'string') message.write(part, offset, 'latin1');
    else message.set(part, offset);
    offset += part.length;
  }
  return message;
}

/** A result whose JSON is made already; the handler answers for its form. */
export class BulkResult {
  constructor(private readonly parts: readonly MessagePart[]) {}

  /** The whole answer. */
  response(id: RequestId): MessagePart[] {
    return [Buffer.from(`{"id":${idText(id)},"result":`), ...this.parts, '}'];
  }
}

type Request = Extract<Envelope, { kind: 'request' }>;

/** @returns the bulk of a request as bytes for a handler that takes them, else as text in its place in the params. */
export function bulkFor(
  { bulkMember }: Pick<Route, 'bulkMember'>,
  { params, bulk }: Pick<Request, 'params' | 'bulk'>,
): { rawParams: unknown; bulk?: BulkBytes } {
  return bulk?.member === bulkMember && bulk ? { rawParams: params, bulk } : { rawParams: withBulkText(params, bulk) };
}

/** The params with the bulk, whose bytes are then gone, in its place. */
export function withBulkText<Params>(params: Params, bulk: BulkBytes | undefined): Params {
  if (!bulk) return params;
  const whole = { ...params, [bulk.member]: textOf(bulk.base64) };
  release(bulk.base64);
  return whole;
}

/** Characters that become a string at a time: short ones live and die in the young generation, for nothing. */
const pieceLength = 32 * 1024;

/**
 * As tryBase64Decode of shared/bytes.ts, for text that is bytes already: the result takes the place of the text, and of memory
 * only what is there.
 */
export function tryDecodeInPlace(base64: Uint8Array): Uint8Array | undefined {
  const buffer = Buffer.from(base64.buffer, base64.byteOffset, base64.length);
  let length = 0;
  for (let offset = 0; offset < buffer.length; offset += pieceLength) {
    const piece = buffer.toString('latin1', offset, Math.min(offset + pieceLength, buffer.length));
    if (piece.length % 4 !== 0 || piece.includes('-') || piece.includes('_')) return undefined;
    // What Buffer does not know it skips, and stops at padding: then it writes less. Padding belongs to the last piece.
    const isLast = offset + pieceLength >= buffer.length;
    const pieceBytes = isLast ? base64ByteLength(piece) : (pieceLength / 4) * 3;
    if (buffer.write(piece, length, 'base64') !== pieceBytes) return undefined;
    length += pieceBytes;
  }
  return buffer.subarray(0, length);
}

/** Memory for `bytes` that `encodeInPlace` can take. */
export function allocateForBase64(bytes: number): Buffer {
  const whole = Buffer.allocUnsafeSlow(base64Length(bytes));
  return whole.subarray(whole.length - bytes);
}

/** The opposite: the base64 text of bytes from `allocateForBase64` takes their place, from the beginning of their memory. */
export function encodeInPlace(bytes: Buffer): Buffer {
  const target = Buffer.from(bytes.buffer, 0, base64Length(bytes.length));
  const step = (pieceLength / 4) * 3;
  // What is written never reaches what is still to be read: a third of it lay before it.
  for (let from = 0, to = 0; from < bytes.length; from += step) {
    to += target.write(bytes.toString('base64', from, Math.min(from + step, bytes.length)), to, 'latin1');
  }
  return target;
}

function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}
