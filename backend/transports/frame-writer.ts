// Makes WebSocket frames of messages and writes them to a socket with as few copies, system calls and objects as can be.
// Not by ws, which takes two writes and three objects per message: at 100,000 answers a second that is most of the cost.

import type { Socket } from 'node:net';
import type { MessagePart } from '../../shared/connection/connection.ts';

export type OutgoingMessage = string | Uint8Array | readonly MessagePart[];

/** Holds the notification of one full read of a pipe: 64 KiB as base64, and its envelope. */
const slabBytes = 96 * 1024;
/** Slabs kept for reuse: without them each chunk of output is garbage outside of the heap, and the collector runs for it. */
const maxFreeSlabs = 64;
/** Longer bytes go out as they are, behind their header. */
const maxCopiedBytes = 64 * 1024;
const maxHeaderBytes = 10;

const freeSlabs: Buffer[] = [];

/** Characters, which are bytes as far as they are ASCII: what counts for backpressure. */
export function lengthOf(message: OutgoingMessage): number {
  if (typeof message === 'string' || message instanceof Uint8Array) return message.length;
  return message.reduce((sum, part) => sum + part.length, 0);
}

/** Writes each message as one text frame: final, unmasked (RFC 6455 section 5.2). */
export function writeFrames(socket: Socket, messages: readonly OutgoingMessage[]): void {
  const writer = new FrameWriter(socket, messages);
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
  ) {}

  add(message: OutgoingMessage): void {
    const byteLength = typeof message === 'string' ? Buffer.byteLength(message) : lengthOf(message);
    const isCopied = !(message instanceof Uint8Array) || byteLength <= maxCopiedBytes;
    const target = this.#room(maxHeaderBytes + (isCopied ? byteLength : 0));
    this.#used += writeHeader(target, this.#used, byteLength);
    if (!isCopied) {
      this.flush();
      this.socket.write(message);
    } else if (typeof message === 'string') {
      this.#used += target.write(message, this.#used);
    } else if (message instanceof Uint8Array) {
      this.#put(target, message);
    } else {
      for (const part of message) this.#put(target, part);
    }
  }

  flush(): void {
    const target = this.#target;
    if (!target || this.#used === 0) return;
    const isSlab = target.length === slabBytes;
    this.socket.write(target.subarray(0, this.#used), isSlab ? () => release(target) : undefined);
    this.#target = undefined;
    this.#used = 0;
  }

  /** A part is ASCII text, or bytes. */
  #put(target: Buffer, part: MessagePart): void {
    if (typeof part === 'string') target.write(part, this.#used, 'latin1');
    else target.set(part, this.#used);
    this.#used += part.length;
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

function release(slab: Buffer): void {
  if (freeSlabs.length < maxFreeSlabs) freeSlabs.push(slab);
}

function writeHeader(target: Buffer, offset: number, byteLength: number): number {
  target[offset] = 0x81;
  if (byteLength < 126) {
    target[offset + 1] = byteLength;
    return 2;
  }
  if (byteLength < 65_536) {
    target[offset + 1] = 126;
    target.writeUInt16BE(byteLength, offset + 2);
    return 4;
  }
  target[offset + 1] = 127;
  target.writeBigUInt64BE(BigInt(byteLength), offset + 2);
  return 10;
}
