// The bus over NATS: one subject per node and one for all. Loaded only with --bus; nothing is stored in NATS.
//
// Messages larger than the server takes go in parts. NATS keeps the order of one sender; a part that is lost (the server was
// away) loses its message, which the endpoints of the streams resend.

import { createHash, randomUUID } from 'node:crypto';
import { connect, type ConnectionOptions, type NatsConnection } from '@nats-io/transport-node';
import type { BusHandler, FrameBus } from './bus.ts';

export interface NatsBusOptions {
  /** `nats://[USER:PASSWORD@|TOKEN@]HOST[:PORT]`, several separated by commas. */
  readonly url: string;
  /** Nodes that do not share it do not meet, even on one NATS server. */
  readonly secret: Uint8Array;
  /** A message could not be sent. */
  readonly onDropped: () => void;
}

/** Senders are paused while more than this waits … */
const highWaterBytes = 4 * 1024 * 1024;
/** … and beyond this messages are dropped: the server is away. */
const maxWaitingBytes = 64 * 1024 * 1024;
/** Head of each part: number of the message (4 bytes), 1 if more parts follow, id of the sender (36 characters). */
const headBytes = 4 + 1 + 36;

export class NatsBus implements FrameBus {
  readonly nodeId = randomUUID();
  readonly #prefix: string;
  #connection: NatsConnection | undefined;
  #handler: BusHandler | undefined;
  #maxPartBytes = 0;
  #messageCount = 0;
  #waitingBytes = 0;
  #isFlushing = false;
  #wasFull = false;
  /** Parts of the message that a sender is in the middle of, by subject and sender. */
  readonly #parts = new Map<string, { readonly message: number; readonly parts: Uint8Array[] }>();

  constructor(private readonly options: NatsBusOptions) {
    const scope = createHash('sha256').update('bus scope').update(options.secret).digest('hex').slice(0, 16);
    this.#prefix = `exec-workbench.relay.${scope}`;
  }

  get isWritable(): boolean {
    if (this.#waitingBytes < highWaterBytes) return true;
    this.#wasFull = true;
    return false;
  }

  async open(handler: BusHandler): Promise<void> {
    const connection = await connect(connectionOptions(this.options.url));
    this.#handler = handler;
    this.#connection = connection;
    this.#maxPartBytes = (connection.info?.max_payload ?? 1024 * 1024) - headBytes;
    for (const subject of [`${this.#prefix}.node.${this.nodeId}`, `${this.#prefix}.all`]) {
      connection.subscribe(subject, {
        callback: (error, message) => {
          if (!error) this.#receive(subject, message.data);
        },
      });
    }
    await connection.flush();
  }

  send(nodeId: string, message: Uint8Array): void {
    this.#publish(`${this.#prefix}.node.${nodeId}`, message);
  }

  broadcast(message: Uint8Array): void {
    this.#publish(`${this.#prefix}.all`, message);
  }

  async close(): Promise<void> {
    await this.#connection?.close();
  }

  #publish(subject: string, message: Uint8Array): void {
    const connection = this.#connection;
    if (!connection || connection.isClosed() || this.#waitingBytes > maxWaitingBytes) {
      this.options.onDropped();
      return;
    }
    const number = (this.#messageCount = (this.#messageCount + 1) >>> 0);
    let from = 0;
    do {
      const to = Math.min(from + this.#maxPartBytes, message.length);
      const part = Buffer.allocUnsafe(headBytes + to - from);
      part.writeUInt32BE(number);
      part[4] = to < message.length ? 1 : 0;
      part.write(this.nodeId, 5, 'latin1');
      part.set(message.subarray(from, to), headBytes);
      connection.publish(subject, part);
      this.#waitingBytes += part.length;
      from = to;
    } while (from < message.length);
    this.#watchBacklog(connection);
  }

  /** The client tells of no backlog: a flush is answered when all before it has reached the server. */
  #watchBacklog(connection: NatsConnection): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    const flushedBytes = this.#waitingBytes;
    const done = (): void => {
      this.#isFlushing = false;
      this.#waitingBytes -= flushedBytes;
      if (this.#waitingBytes > 0) this.#watchBacklog(connection);
      if (!this.#wasFull || this.#waitingBytes >= highWaterBytes) return;
      this.#wasFull = false;
      this.#handler?.onWritable();
    };
    connection.flush().then(done, () => {
      this.#isFlushing = false;
      if (connection.isClosed()) this.#waitingBytes = 0;
    });
  }

  #receive(subject: string, data: Uint8Array): void {
    if (data.length < headBytes) return;
    const part = Buffer.from(data.buffer, data.byteOffset, data.length);
    const sender = part.toString('latin1', 5, headBytes);
    if (sender === this.nodeId) return;
    const number = part.readUInt32BE();
    const content = part.subarray(headBytes);
    const key = `${subject} ${sender}`;
    let begun = this.#parts.get(key);
    if (begun && begun.message !== number) {
      this.#parts.delete(key);
      begun = undefined;
    }
    if (part[4] === 1) {
      if (begun) begun.parts.push(content);
      else this.#parts.set(key, { message: number, parts: [content] });
      return;
    }
    this.#parts.delete(key);
    this.#handler?.onMessage(sender, begun ? Buffer.concat([...begun.parts, content]) : content);
  }
}

function connectionOptions(urls: string): ConnectionOptions {
  const parsed = urls.split(',').map((url) => new URL(url.trim()));
  const { username = '', password = '' } = parsed[0] ?? {};
  const credentials =
    username === ''
      ? {}
      : password === ''
        ? { token: decodeURIComponent(username) }
        : { user: decodeURIComponent(username), pass: decodeURIComponent(password) };
  return {
    servers: parsed.map(({ host }) => host),
    name: 'exec-workbench',
    // The relay waits for NATS for as long as it takes; meanwhile peers at one node go on.
    maxReconnectAttempts: -1,
    reconnectTimeWait: 500,
    ...credentials,
  };
}
