// Messages in one frame, which nearly all are, are read where they lie in what the socket gave: short texts, and binary ones. ws's
// own reader takes each apart into buffers and hands it through three emitters. All else goes on to ws, byte for byte:
// fragments, control frames, long texts, and whatever breaks the rules, so that there is one judge of them (RFC 6455 section 5).

import { isAscii } from 'node:buffer';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { tryUtf8Decode } from '../../shared/bytes.ts';
import { releaseWhole } from '../released-memory.ts';
import { mask, maskBytes } from './masking.ts';

/** Longest text that is read here, in bytes. */
const maxTextBytes = 4096;
/** FIN and the opcode; the reserved bits are 0. */
const wholeText = 0x81;
const wholeBinary = 0x82;
const headBytes = 2;
/** What the socket gave is given back at once from here on, bytes: for less the collector is cheaper. */
const minReleasedBytes = 16 * 1024;
const unmasked = new Uint8Array(maskBytes);

type OnData = (chunk: Buffer) => void;

export interface SimpleFrames {
  /** The peer masks what it sends: it is a client. */
  readonly isMasked: boolean;
  /** Gets each text message that is short. */
  readonly onText?: (text: string) => void;
  /** Gets each binary message of at most `maxBinaryBytes`; its memory is nobody else's if nothing else lies in it. */
  readonly onBinary?: (bytes: Buffer) => void;
  readonly maxBinaryBytes?: number;
}

/** Puts itself between `raw` and the WebSocket that ws has made of it; messages keep their order among those that ws tells of. */
export function readSimpleFrames(socket: WebSocket, raw: Socket, options: SimpleFrames): void {
  const toWs = raw.listeners('data') as OnData[];
  raw.removeAllListeners('data');
  const reader = new Reader(socket, options);
  let isBroken = false;
  // After a breach of the rules ws reads nothing more.
  socket.once('error', () => (isBroken = true));
  raw.on('data', (chunk: Buffer) => {
    if (isBroken) return;
    const rest = reader.read(chunk);
    if (rest) for (const listener of toWs) listener.call(raw, rest);
  });
}

/** A binary message of which a part has come. */
interface Unfinished {
  readonly bytes: Buffer;
  readonly key: Uint8Array;
  length: number;
}

class Reader {
  readonly #toWs = new FrameWalk();
  #unfinished: Unfinished | undefined;
  /** Something that was handed out lies in the chunk. */
  #isShared = false;

  constructor(
    private readonly socket: WebSocket,
    private readonly options: SimpleFrames,
  ) {}

  /** @returns what is ws's to read. */
  read(chunk: Buffer): Buffer | undefined {
    this.#isShared = false;
    let offset = this.#unfinished ? this.#continue(this.#unfinished, chunk, 0) : 0;
    if (this.#toWs.isBetweenMessages) {
      while (offset < chunk.length && this.socket.readyState === this.socket.OPEN) {
        const next = this.#take(chunk, offset);
        if (next < 0) break;
        offset = next;
      }
    }
    if (offset === chunk.length) {
      if (!this.#isShared && chunk.length >= minReleasedBytes) releaseWhole(chunk);
      return undefined;
    }
    const rest = offset === 0 ? chunk : chunk.subarray(offset);
    this.#toWs.walk(rest);
    return rest;
  }

  /** @returns where the next frame begins; -1 when the frame at `offset` is not one for us. */
  #take(chunk: Buffer, offset: number): number {
    const { isMasked, onText, onBinary, maxBinaryBytes = 0 } = this.options;
    const first = chunk[offset];
    const second = chunk[offset + 1] ?? 0;
    const isText = first === wholeText && onText !== undefined;
    if (!isText && !(first === wholeBinary && onBinary)) return -1;
    if (second >= 0x80 !== isMasked) return -1;
    const shortLength = second & 0x7f;
    const lengthBytes = shortLength === 127 ? 8 : shortLength === 126 ? 2 : 0;
    const payload = offset + headBytes + lengthBytes + (isMasked ? maskBytes : 0);
    if (payload > chunk.length) return -1;
    const at = offset + headBytes;
    // A length of which 32 bits are not enough is beyond every limit.
    if (lengthBytes === 8 && chunk.readUInt32BE(at) !== 0) return -1;
    const length =
      lengthBytes === 8 ? chunk.readUInt32BE(at + 4) : lengthBytes === 2 ? chunk.readUInt16BE(at) : shortLength;
    if (length > (isText ? maxTextBytes : maxBinaryBytes)) return -1;
    const key = isMasked ? chunk.subarray(payload - maskBytes, payload) : unmasked;
    const end = payload + length;
    if (end <= chunk.length) {
      const bytes = chunk.subarray(payload, end);
      if (isMasked) mask(bytes, key);
      return (isText ? this.#tellText(bytes, key) : this.#tellBinary(bytes)) ? end : -1;
    }
    if (isText) return -1;
    this.#unfinished = { bytes: Buffer.allocUnsafeSlow(length), key: Uint8Array.from(key), length: 0 };
    return this.#continue(this.#unfinished, chunk, payload);
  }

  #continue(unfinished: Unfinished, chunk: Buffer, offset: number): number {
    const { bytes, key, length } = unfinished;
    const end = Math.min(chunk.length, offset + bytes.length - length);
    const part = bytes.subarray(length, length + end - offset);
    chunk.copy(part, 0, offset, end);
    if (this.options.isMasked) mask(part, key, length);
    unfinished.length += part.length;
    if (unfinished.length === bytes.length) {
      this.#unfinished = undefined;
      this.options.onBinary?.(bytes);
    }
    return end;
  }

  #tellText(bytes: Buffer, key: Uint8Array): boolean {
    const text = isAscii(bytes) ? bytes.toString('latin1') : tryUtf8Decode(bytes);
    if (text !== undefined) this.options.onText?.(text);
    // ws closes with 1007; it wants it as it came.
    else if (this.options.isMasked) mask(bytes, key);
    return text !== undefined;
  }

  #tellBinary(bytes: Buffer): boolean {
    this.#isShared = true;
    this.options.onBinary?.(bytes);
    return true;
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
