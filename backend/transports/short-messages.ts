// Short text messages, which most requests are, read where they lie in what the socket gave: ws's own reader takes each apart
// into buffers and hands it through three emitters. All else goes on to ws, byte for byte: fragments, control frames, long or
// binary messages, and whatever breaks the rules, so that there is one judge of them (RFC 6455 section 5).

import { isAscii } from 'node:buffer';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { tryUtf8Decode } from '../../shared/bytes.ts';

/** Longest payload that is read here, in bytes: unmasking it byte by byte costs less than the way through ws. */
const maxShortBytes = 4096;
/** FIN and the opcode of text; the reserved bits are 0. */
const wholeText = 0x81;
/** Masked, and the length is in the eight bytes that follow. */
const longLength = 0xff;
const headBytes = 2;
const maskBytes = 4;

type OnData = (chunk: Buffer) => void;

/**
 * Puts itself between `raw` and the WebSocket that ws has made of it.
 * @param onText gets each short text message, between those that ws tells of: in order.
 */
export function readShortMessages(socket: WebSocket, raw: Socket, onText: (text: string) => void): void {
  const toWs = raw.listeners('data') as OnData[];
  raw.removeAllListeners('data');
  const frames = new FrameWalk();
  let isBroken = false;
  // After a breach of the rules ws reads nothing more.
  socket.once('error', () => (isBroken = true));
  raw.on('data', (chunk: Buffer) => {
    if (isBroken) return;
    let offset = 0;
    if (frames.isBetweenMessages) {
      while (offset < chunk.length && socket.readyState === socket.OPEN) {
        const next = takeShort(chunk, offset, onText);
        if (next < 0) break;
        offset = next;
      }
      if (offset === chunk.length) return;
    }
    const rest = offset === 0 ? chunk : chunk.subarray(offset);
    frames.walk(rest);
    for (const listener of toWs) listener.call(raw, rest);
  });
}

/** @returns where the next frame begins; -1 when the frame at `offset` is not one for us. */
function takeShort(chunk: Buffer, offset: number, onText: (text: string) => void): number {
  if (offset + headBytes + maskBytes > chunk.length || chunk[offset] !== wholeText) return -1;
  const second = chunk[offset + 1] ?? 0;
  let length = second - 0x80;
  let start = offset + headBytes;
  if (length === 126) {
    length = chunk.readUInt16BE(start);
    start += 2;
  }
  const mask = start;
  start += maskBytes;
  const end = start + length;
  // Not masked, or so long that eight bytes say it, or not all here.
  if (length < 0 || second === longLength || length > maxShortBytes || end > chunk.length) return -1;
  const bytes = chunk.subarray(start, end);
  unmask(bytes, chunk, mask);
  const text = isAscii(bytes) ? bytes.toString('latin1') : tryUtf8Decode(bytes);
  if (text === undefined) {
    // ws closes with 1007; it wants it as it came.
    unmask(bytes, chunk, mask);
    return -1;
  }
  onText(text);
  return end;
}

/** Twice is as if nothing was done. */
function unmask(bytes: Buffer, chunk: Buffer, mask: number): void {
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = (bytes[index] ?? 0) ^ (chunk[mask + (index & 3)] ?? 0);
  }
}

/** Knows, of what went to ws, whether it ended between two messages. */
class FrameWalk {
  /** Of the frame under way. */
  #payloadLeft = 0;
  readonly #head: number[] = [];
  #isFragmented = false;

  get isBetweenMessages(): boolean {
    return this.#payloadLeft === 0 && this.#head.length === 0 && !this.#isFragmented;
  }

  walk(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#payloadLeft > 0) {
        const step = Math.min(this.#payloadLeft, chunk.length - offset);
        this.#payloadLeft -= step;
        offset += step;
        continue;
      }
      this.#head.push(chunk[offset++] ?? 0);
      this.#tryHead();
    }
  }

  #tryHead(): void {
    const head = this.#head;
    const [first = 0, second = 0] = head;
    const shortLength = second & 0x7f;
    const lengthBytes = shortLength === 127 ? 8 : shortLength === 126 ? 2 : 0;
    const size = headBytes + lengthBytes + (second & 0x80 ? maskBytes : 0);
    if (head.length < headBytes || head.length < size) return;
    const length = head.slice(headBytes, headBytes + lengthBytes).reduce((sum, byte) => sum * 256 + byte, 0);
    this.#payloadLeft = lengthBytes === 0 ? shortLength : length;
    const isControl = (first & 0x08) !== 0;
    if (!isControl) this.#isFragmented = (first & 0x80) === 0;
    head.length = 0;
  }
}
