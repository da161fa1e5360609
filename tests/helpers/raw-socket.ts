// A bare TCP client for hostile input: bytes out, bytes back, and how it ended. Knows just enough WebSocket to break it.
import { connect, type Socket } from 'node:net';
import { within } from './until.ts';

export class RawSocket {
  #received = Buffer.alloc(0);
  isEnded = false;
  /** Settles at the end of the connection, however it ended. */
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  #changed: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        this.isEnded = true;
        this.#changed();
        resolve();
      });
    });
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#changed();
    });
  }

  static async connect(port: number): Promise<RawSocket> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const raw = new RawSocket(socket);
    await within('a TCP connection', 5_000, new Promise((resolve) => socket.once('connect', resolve)));
    return raw;
  }

  get received(): Buffer {
    return this.#received;
  }

  send(bytes: string | Uint8Array): void {
    if (!this.isEnded) this.#socket.write(bytes);
  }

  /** Ends our half: "that was all I have to say". */
  finish(): void {
    this.#socket.end();
  }

  /** RST, as a peer that crashes or a firewall that has enough. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Waits until `holds` of what was received, or the end of the connection. */
  async waitUntil(what: string, holds: (received: Buffer) => boolean, withinMs = 5_000): Promise<Buffer> {
    const deadlineMs = performance.now() + withinMs;
    while (!holds(this.#received) && !this.isEnded) {
      const change = new Promise<void>((resolve) => (this.#changed = resolve));
      await within(what, deadlineMs - performance.now(), change);
    }
    return this.#received;
  }

  /** The HTTP status of the first answer, or undefined when the connection ended without one. */
  async status(withinMs = 5_000): Promise<number | undefined> {
    const received = await this.waitUntil('an HTTP answer', (bytes) => bytes.includes('\r\n\r\n'), withinMs);
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(received.toString('latin1'))?.[1];
    return status === undefined ? undefined : Number(status);
  }
}

export interface UpgradeOptions {
  readonly path?: string;
  readonly host: string;
  readonly headers?: readonly string[];
}

/** A WebSocket upgrade that any server takes, unless path, host or further headers say otherwise. */
export function upgradeRequest({ path = '/', host, headers = [] }: UpgradeOptions): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
    '',
    '',
  ].join('\r\n');
}

/** A frame of RFC 6455 §5.2 with a mask of zeros, so that payloads are readable; `first` is FIN, RSV and opcode. */
export function frame(
  first: number,
  payload: Uint8Array,
  options: { isMasked?: boolean; length?: bigint } = {},
): Buffer {
  const isMasked = options.isMasked ?? true;
  const length = options.length ?? BigInt(payload.length);
  const maskBit = isMasked ? 0x80 : 0;
  let head: Buffer;
  if (length < 126n) head = Buffer.from([first, maskBit | Number(length)]);
  else if (length < 65_536n) {
    head = Buffer.alloc(4, 0);
    head.writeUInt16BE(Number(length), 2);
    head[1] = maskBit | 126;
  } else {
    head = Buffer.alloc(10, 0);
    head.writeBigUInt64BE(length, 2);
    head[1] = maskBit | 127;
  }
  head[0] = first;
  return Buffer.concat([head, isMasked ? Buffer.alloc(4) : Buffer.alloc(0), payload]);
}

/** The code of the close frame at the end of what a server sent after its 101, or undefined when there is none. */
export function closeCodeIn(received: Buffer): number | undefined {
  const start = received.indexOf('\r\n\r\n') + 4;
  for (let at = start; at + 2 <= received.length;) {
    const opcode = (received[at] ?? 0) & 0x0f;
    const short = (received[at + 1] ?? 0) & 0x7f;
    const head = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (at + head > received.length) return undefined;
    const length =
      short === 126 ? received.readUInt16BE(at + 2) : short === 127 ? Number(received.readBigUInt64BE(at + 2)) : short;
    if (opcode === 8) return length >= 2 ? received.readUInt16BE(at + head) : 1005;
    at += head + length;
  }
  return undefined;
}
