// A WebSocket client that costs as little as possible, so that the server is what gets measured: it reads straight
// into one buffer, hands out payloads as positions in it, and takes frames that were encoded before the clock started.
// It takes only what a server may send to us: unfragmented, unmasked frames. For measuring only.

import { createHash, randomBytes } from 'node:crypto';
import net from 'node:net';

export interface RawWebSocketOptions {
  /** Room for received bytes; the largest message must fit. Default 64 KiB. */
  readonly buffer?: Buffer;
  /** Keep everything that arrives: nothing in the buffer is overwritten, and it must hold the whole session. */
  readonly isRecording?: boolean;
}

/** Called for each message with the position of its payload; unless recording, valid only during the call. */
export type MessageListener = (buffer: Buffer, start: number, end: number) => void;

const DEFAULT_BUFFER_BYTES = 64 * 1024;
/** Below this much room at the end of the buffer, what is left of it moves to the front before the next read. */
const LEAST_READ_BYTES = 16 * 1024;
const MOST_READ_BYTES = 256 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;

const OPCODE = { continuation: 0, text: 1, close: 8, ping: 9, pong: 10 } as const;
const FINAL = 0x80;
const MASKED = 0x80;

/**
 * One masking key for all frames. Not zero, though that would be free for us: some servers skip the unmasking then, and
 * no real client sends it.
 */
const maskingKey = randomBytes(4).map((byte) => byte | 1);

/** A whole client frame. Frames may be joined and sent in one write. */
export function encodeFrame(payload: string | Buffer, opcode: number = OPCODE.text): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
  const lengthBytes = bytes.length < 126 ? 0 : bytes.length < 0x10000 ? 2 : 8;
  const frame = Buffer.alloc(2 + lengthBytes + 4 + bytes.length);
  frame[0] = FINAL | opcode;
  if (lengthBytes === 0) frame[1] = MASKED | bytes.length;
  else if (lengthBytes === 2) {
    frame[1] = MASKED | 126;
    frame.writeUInt16BE(bytes.length, 2);
  } else {
    frame[1] = MASKED | 127;
    frame.writeBigUInt64BE(BigInt(bytes.length), 2);
  }
  const start = 2 + lengthBytes;
  frame.set(maskingKey, start);
  for (let index = 0; index < bytes.length; index += 1) {
    frame[start + 4 + index] = (bytes[index] ?? 0) ^ (maskingKey[index & 3] ?? 0);
  }
  return frame;
}

export class RawWebSocket {
  onMessage: MessageListener = () => undefined;
  onClosed: (reason: Error) => void = () => undefined;

  readonly #socket: net.Socket;
  readonly #buffer: Buffer;
  readonly #isRecording: boolean;
  readonly #expectedAccept: string;
  readonly #opened: { resolve: () => void; reject: (reason: Error) => void };
  #isOpen = false;
  #isClosed = false;
  /** First byte that is not yet parsed, and the first that is not yet received. */
  #parsed = 0;
  #received = 0;

  /** @throws Error when the server cannot be reached or refuses the upgrade, after 10 s at the latest. */
  static async connect(url: string, options: RawWebSocketOptions = {}): Promise<RawWebSocket> {
    let timer: NodeJS.Timeout | undefined;
    let webSocket: RawWebSocket | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        webSocket = new RawWebSocket(new URL(url), options, { resolve, reject });
        timer = setTimeout(
          () => reject(new Error(`no answer to the upgrade within ${CONNECT_TIMEOUT_MS} ms`)),
          CONNECT_TIMEOUT_MS,
        );
      });
    } catch (error) {
      webSocket?.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
    if (!webSocket) throw new Error('unreachable: the connection exists once it is open');
    return webSocket;
  }

  private constructor(
    url: URL,
    options: RawWebSocketOptions,
    opened: { resolve: () => void; reject: (reason: Error) => void },
  ) {
    this.#buffer = options.buffer ?? Buffer.allocUnsafeSlow(DEFAULT_BUFFER_BYTES);
    this.#isRecording = options.isRecording ?? false;
    this.#opened = opened;
    const key = randomBytes(16).toString('base64');
    this.#expectedAccept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    this.#socket = net.connect({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port),
      noDelay: true,
      onread: { buffer: () => this.#roomToRead(), callback: (count) => this.#onBytes(count) },
    });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the server closed the connection')));
    this.#socket.write(
      `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    );
  }

  /** Sends frames made by `encodeFrame`; the bytes must not change before they have left. */
  send(frames: Uint8Array): void {
    this.#socket.write(frames);
  }

  /** Ends the TCP connection at once, as the Codex CLI does. Safe to call twice. */
  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #fail(reason: Error): void {
    if (this.#isClosed) return;
    this.close();
    this.#opened.reject(reason);
    this.onClosed(reason);
  }

  /** Where the next read goes. Costs one view object per read, and a copy only of a message that is cut at the end. */
  #roomToRead(): Buffer {
    const buffer = this.#buffer;
    if (!this.#isRecording && buffer.length - this.#received < LEAST_READ_BYTES) {
      buffer.copyWithin(0, this.#parsed, this.#received);
      this.#received -= this.#parsed;
      this.#parsed = 0;
    }
    if (this.#received === buffer.length) {
      queueMicrotask(() => this.#fail(new Error(`the receive buffer of ${buffer.length} bytes is full`)));
      return Buffer.allocUnsafe(1);
    }
    return buffer.subarray(this.#received, Math.min(this.#received + MOST_READ_BYTES, buffer.length));
  }

  #onBytes(count: number): boolean {
    if (this.#isClosed) return false;
    this.#received += count;
    try {
      if (this.#isOpen || this.#finishUpgrade()) this.#parseFrames();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
    if (!this.#isRecording && this.#parsed === this.#received) this.#parsed = this.#received = 0;
    return true;
  }

  #finishUpgrade(): boolean {
    const head = this.#buffer.toString('latin1', this.#parsed, this.#received);
    const length = head.indexOf('\r\n\r\n');
    if (length < 0) return false;
    const isAccepted = head.startsWith('HTTP/1.1 101') && head.slice(0, length).includes(this.#expectedAccept);
    if (!isAccepted) throw new Error(`the server refused the upgrade: ${head.slice(0, head.indexOf('\r\n'))}`);
    this.#parsed += length + 4;
    this.#isOpen = true;
    this.#opened.resolve();
    return true;
  }

  #parseFrames(): void {
    const buffer = this.#buffer;
    for (;;) {
      const start = this.#parsed;
      const available = this.#received - start;
      if (available < 2) return;
      const first = buffer[start] ?? 0;
      let length = buffer[start + 1] ?? 0;
      let payload = start + 2;
      if (length === 126) {
        if (available < 4) return;
        length = buffer.readUInt16BE(start + 2);
        payload = start + 4;
      } else if (length === 127) {
        if (available < 10) return;
        length = Number(buffer.readBigUInt64BE(start + 2));
        payload = start + 10;
      }
      const end = payload + length;
      if (end > this.#received) return;
      this.#parsed = end;
      if (first === (FINAL | OPCODE.text)) this.onMessage(buffer, payload, end);
      else this.#onOtherFrame(first, payload, end);
    }
  }

  #onOtherFrame(first: number, start: number, end: number): void {
    if (first === (FINAL | OPCODE.ping)) {
      this.send(encodeFrame(Buffer.from(this.#buffer.subarray(start, end)), OPCODE.pong));
    } else if (first === (FINAL | OPCODE.close)) {
      const code = end - start >= 2 ? this.#buffer.readUInt16BE(start) : 1005;
      throw new Error(`the server closed the connection: ${code} ${this.#buffer.toString('utf8', start + 2, end)}`);
    } else if (first !== (FINAL | OPCODE.pong)) {
      throw new Error(`a frame that this client does not take: first byte 0x${first.toString(16)}`);
    }
  }
}
