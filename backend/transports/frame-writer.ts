// Makes WebSocket frames of messages and writes them to a socket with as few copies, system calls and objects as can be.
// Not by ws, which takes two writes and three objects per message: at 100,000 answers a second that is most of the cost.

import type { Socket } from 'node:net';
import type { MessagePart } from '../../shared/connection/connection.ts';
import { mask, maskBytes, newMaskingKey } from './masking.ts';

export type OutgoingMessage = string | Uint8Array | readonly MessagePart[];

export interface FrameKind {
  readonly isBinary: boolean;
  /** A client masks what it sends, a server does not (RFC 6455 section 5.3). */
  readonly isMasked: boolean;
}

const serverText: FrameKind = { isBinary: false, isMasked: false };

/** Holds the notification of one full read of a pipe: 64 KiB as base64, and its envelope. */
const slabBytes = 96 * 1024;
/** Slabs kept for reuse: without them each chunk of output is garbage outside of the heap, and the collector runs for it. */
const maxFreeSlabs = 64;
/** Longer bytes go out as they are, and may not change any more. */
const maxCopiedBytes = 64 * 1024;
const maxHeaderBytes = 14;

const freeSlabs: Buffer[] = [];

/** Characters, which are bytes as far as they are ASCII: what counts for backpressure. */
export function lengthOf(message: OutgoingMessage): number {
  if (typeof message === 'string' || message instanceof Uint8Array) return message.length;
  let sum = 0;
  for (const part of message) sum += part.length;
  return sum;
}

/**
 * Writes each message as one frame that is final (RFC 6455 section 5.2).
 * @param onTaken called for bytes that nobody here will look at again
 */
export function writeFrames(
  socket: Socket,
  messages: readonly OutgoingMessage[],
  kind = serverText,
  onTaken?: (bytes: Uint8Array) => void,
): void {
  const writer = new FrameWriter(socket, messages, kind, onTaken);
  socket.cork();
  for (const message of messages) writer.add(message);
  writer.flush();
  socket.uncork();
}

class FrameWriter {
  #target: Buffer | undefined;
  #used = 0;

  constructor(
    private readonly socket: Socket,
    private readonly messages: readonly OutgoingMessage[],
    private readonly kind: FrameKind,
    private readonly onTaken: ((bytes: Uint8Array) => void) | undefined,
  ) {}

  add(message: OutgoingMessage): void {
    const { isBinary, isMasked } = this.kind;
    const byteLength = typeof message === 'string' ? Buffer.byteLength(message) : lengthOf(message);
    const target = this.#room(maxHeaderBytes + byteLength - this.#uncopiedBytes(message));
    this.#used += writeHeader(target, this.#used, byteLength, isBinary, isMasked);
    const start = this.#used;
    if (typeof message === 'string') this.#used += target.write(message, this.#used);
    else if (message instanceof Uint8Array) this.#put(message);
    else for (const part of message) this.#put(part);
    if (isMasked) mask(target.subarray(start, this.#used), target.subarray(start - maskBytes, start));
  }

  flush(): void {
    const target = this.#target;
    if (!target || this.#used === 0) return;
    const isSlab = target.length === slabBytes;
    this.socket.write(target.subarray(0, this.#used), isSlab ? () => reuse(target) : undefined);
    this.#target = undefined;
    this.#used = 0;
  }

  /** A part is ASCII text, or bytes. */
  #put(part: MessagePart): void {
    const { onTaken } = this;
    if (this.#isUncopied(part)) {
      this.flush();
      this.socket.write(part, onTaken && (() => onTaken(part)));
      return;
    }
    const { length } = part;
    const target = this.#room(length);
    if (typeof part === 'string') target.write(part, this.#used, 'latin1');
    else {
      target.set(part, this.#used);
      onTaken?.(part);
    }
    this.#used += length;
  }

  /** What is masked is changed, so it must be ours. */
  #isUncopied(part: MessagePart): part is Uint8Array {
    return part.length > maxCopiedBytes && typeof part !== 'string' && !this.kind.isMasked;
  }

  #uncopiedBytes(message: OutgoingMessage): number {
    if (typeof message === 'string') return 0;
    if (message instanceof Uint8Array) return this.#isUncopied(message) ? message.length : 0;
    let sum = 0;
    for (const part of message) if (this.#isUncopied(part)) sum += part.length;
    return sum;
  }

  #room(byteLength: number): Buffer {
    if (this.#target && this.#target.length - this.#used >= byteLength) return this.#target;
    this.flush();
    // A lone short answer must not hold a slab while its reader sleeps.
    const isShort = byteLength < 1024 && this.messages.length === 1;
    if (isShort || byteLength > slabBytes) this.#target = Buffer.allocUnsafe(byteLength);
    else this.#target = freeSlabs.pop() ?? Buffer.allocUnsafeSlow(slabBytes);
    return this.#target;
  }
}

function reuse(slab: Buffer): void {
  if (freeSlabs.length < maxFreeSlabs) freeSlabs.push(slab);
}

function writeHeader(target: Buffer, offset: number, byteLength: number, isBinary: boolean, isMasked: boolean): number {
  const maskBit = isMasked ? 0x80 : 0;
  target[offset] = isBinary ? 0x82 : 0x81;
  let length = 2;
  if (byteLength < 126) target[offset + 1] = maskBit | byteLength;
  else if (byteLength < 65_536) {
    target[offset + 1] = maskBit | 126;
    target.writeUInt16BE(byteLength, offset + 2);
    length = 4;
  } else {
    target[offset + 1] = maskBit | 127;
    target.writeBigUInt64BE(BigInt(byteLength), offset + 2);
    length = 10;
  }
  if (!isMasked) return length;
  target.set(newMaskingKey(), offset + length);
  return length + maskBytes;
}
