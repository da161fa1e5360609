// A TCP proxy between a Codex CLI and an exec server: it records every message of both directions and can cut the
// connection at a chosen one. It changes no byte of what it passes on.
import { appendFileSync } from 'node:fs';
import net from 'node:net';
import * as z from 'zod';
import { WebSocketReader } from './websocket-frames.ts';

export type Direction = 'to-server' | 'to-cli';

const messageSchema = z.looseObject({
  id: z.union([z.string(), z.number()]).optional(),
  method: z.string().optional(),
  params: z.unknown().optional(),
  result: z.unknown().optional(),
  error: z.looseObject({ code: z.number(), message: z.string() }).optional(),
});
export type WireMessage = z.infer<typeof messageSchema>;

export interface TappedMessage {
  /** Milliseconds since the tap was opened. */
  readonly atMs: number;
  /** Connections are numbered from 1 in the order in which the CLI opened them. */
  readonly connection: number;
  readonly direction: Direction;
  readonly message: WireMessage;
}

/**
 * How a connection is cut. `reset`: both sides see a TCP reset, the server knows at once. `half-open`: only the CLI is
 * cut off; towards the server the connection stays open and silent, as when a network path dies.
 */
export type CutKind = 'reset' | 'half-open';

/** One connection of the CLI with its counterpart at the server. */
interface Link {
  readonly connection: number;
  cutBy: CutKind | undefined;
}

/** Reading a message may have cut the link: the compiler has no way to know, so the question is asked anew. */
function isCut(link: Link): boolean {
  return link.cutBy !== undefined;
}

interface Cut {
  readonly kind: CutKind;
  readonly matches: (message: TappedMessage) => boolean;
}

/** Opens on a free loopback port; `close()` ends every connection and may be called twice. */
export class WireTap {
  readonly messages: TappedMessage[] = [];
  /** Called with each message whole and as text, also with what is no JSON-RPC, e.g. the frames of a relay. */
  onText: ((text: string) => void) | undefined;
  readonly #upstream: { host: string; port: number };
  readonly #server = net.createServer((socket) => {
    this.#accept(socket);
  });
  readonly #sockets = new Set<net.Socket>();
  readonly #openedAtMs = performance.now();
  readonly #traceFile: string | undefined;
  #connections = 0;
  #cuts = 0;
  #cut: Cut | undefined;

  private constructor(upstreamUrl: string, traceFile: string | undefined) {
    const url = new URL(upstreamUrl);
    this.#upstream = { host: url.hostname, port: Number(url.port) };
    this.#traceFile = traceFile;
  }

  /** @param traceFile where each message is appended as one JSON line; left out: kept in memory only. */
  static async open(upstreamUrl: string, traceFile?: string): Promise<WireTap> {
    const tap = new WireTap(upstreamUrl, traceFile);
    await new Promise<void>((resolve, reject) => {
      tap.#server.once('error', reject);
      tap.#server.listen(0, '127.0.0.1', resolve);
    });
    return tap;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the tap is closed');
    return address.port;
  }

  /** How many connections the CLI has opened through this tap. */
  get connections(): number {
    return this.#connections;
  }

  /** How many of them were cut by `cutAt`. */
  get cuts(): number {
    return this.#cuts;
  }

  /** Cuts, once, the connection on which a message to the CLI matches: half of the bytes that hold it still pass. */
  cutAt(kind: CutKind, matches: (message: TappedMessage) => boolean): void {
    this.#cut = { kind, matches };
  }

  /** Messages of the CLI with that method, in order. */
  requests(method: string): TappedMessage[] {
    return this.messages.filter((entry) => entry.direction === 'to-server' && entry.message.method === method);
  }

  /** The answer to a request of the same connection, if one came. */
  answerTo(request: TappedMessage): WireMessage | undefined {
    return this.messages.find(
      (entry) =>
        entry.direction === 'to-cli' &&
        entry.connection === request.connection &&
        entry.message.method === undefined &&
        entry.message.id === request.message.id,
    )?.message;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }

  #accept(cli: net.Socket): void {
    const server = net.connect(this.#upstream);
    const link: Link = { connection: ++this.#connections, cutBy: undefined };
    for (const socket of [cli, server]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      // A reset is how the CLI and the servers end a connection, too: it is passed on by 'close', and is no error here.
      socket.on('error', () => undefined);
    }
    this.#pass(link, 'to-server', cli, server);
    this.#pass(link, 'to-cli', server, cli);
    cli.on('close', () => {
      this.#sockets.delete(cli);
      if (link.cutBy !== 'half-open') server.destroy();
    });
    server.on('close', () => {
      this.#sockets.delete(server);
      cli.destroy();
    });
  }

  #pass(link: Link, direction: Direction, from: net.Socket, to: net.Socket): void {
    const reader = new WebSocketReader((text) => {
      this.onText?.(text);
      const entry = this.#record(link.connection, direction, text);
      if (direction !== 'to-cli' || link.cutBy !== undefined || this.#cut?.matches(entry) !== true) return;
      link.cutBy = this.#cut.kind;
      this.#cut = undefined;
    });
    from.on('data', (chunk: Buffer) => {
      if (link.cutBy !== undefined) return;
      reader.push(chunk);
      if (isCut(link)) {
        this.#cuts++;
        if (link.cutBy === 'half-open') from.pause();
        to.write(chunk.subarray(0, Math.floor(chunk.length / 2)), () => {
          to.resetAndDestroy();
          if (link.cutBy === 'reset') from.resetAndDestroy();
        });
        return;
      }
      if (to.writable && !to.write(chunk)) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    });
    from.on('end', () => to.end());
  }

  #record(connection: number, direction: Direction, text: string): TappedMessage {
    let message: WireMessage;
    try {
      message = messageSchema.parse(JSON.parse(text));
    } catch {
      message = { unreadable: text.slice(0, 1000) };
    }
    const entry = { atMs: Math.round(performance.now() - this.#openedAtMs), connection, direction, message };
    this.messages.push(entry);
    if (this.#traceFile !== undefined) appendFileSync(this.#traceFile, `${JSON.stringify(entry)}\n`);
    return entry;
  }
}
