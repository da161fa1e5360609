// How a WebSocket comes in: the only file that knows @hono/node-ws and ws. Refuses what must not get in before the upgrade,
// and makes a Connection of what may.
//
// @hono/node-ws 1.3 needs guarding: its upgrade listener parses the request target with `new URL` and dies on `GET //`, and
// a reset during the upgrade is an unhandled socket error. So it is called by a listener of ours, for what has passed.

import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { createNodeWebSocket, type NodeWebSocket } from '@hono/node-ws';
import type { Env, Hono } from 'hono';
import type { WebSocket } from 'ws';
import { tryUtf8Decode } from '../../shared/bytes.ts';
import {
  CloseCode,
  type CloseInfo,
  type Connection,
  type ConnectionHandler,
  type MessagePart,
} from '../../shared/connection/connection.ts';
import { errorText } from '../../shared/errors.ts';
import { limits } from '../../shared/limits.ts';
import { longTextBytes, textOf } from '../text-of.ts';
import { lengthOf, writeFrames, type OutgoingMessage } from './frame-writer.ts';
import { readSimpleFrames } from './simple-frames.ts';
import { stayAwake } from './stay-awake.ts';

export interface WebSocketOptions {
  /** Larger messages end the connection with 1009, as soon as their length is known. */
  readonly maxMessageBytes: number;
  /** A ping is sent this often, ms; a peer that is silent for two of them is dropped. */
  readonly pingIntervalMs: number;
}

/** Why an upgrade is refused, as the HTTP answer. */
export interface UpgradeRefusal {
  readonly status: number;
  readonly reason: string;
  readonly retryAfterSec?: number;
}

/** What the guard says about an upgrade: undefined lets it pass. */
export type UpgradeGuard = (
  request: IncomingMessage,
) => UpgradeRefusal | undefined | Promise<UpgradeRefusal | undefined>;

/** Pongs wait while more than this is unread: a peer that only pings must not fill our memory. */
const maxPongBacklogBytes = 64 * 1024;
/** Before the upgrade nothing may take longer, ms. */
const upgradeTimeoutMs = 10_000;

/** Prepares `app` for WebSockets. Call `attach` with the HTTP server before it listens. */
export function webSockets<E extends Env>(app: Hono<E>, options: WebSocketOptions) {
  const nodeWebSocket: NodeWebSocket = createNodeWebSocket({ app });
  Object.assign(nodeWebSocket.wss.options, {
    maxPayload: options.maxMessageBytes,
    maxFragments: limits.maxMessageFragments,
    perMessageDeflate: false,
    autoPong: false,
    closeTimeout: 5000,
    // No subprotocol is negotiated.
    handleProtocols: () => false,
  });
  return {
    upgradeWebSocket: nodeWebSocket.upgradeWebSocket,
    attach(server: Server, guard: UpgradeGuard): void {
      // The listener of node-ws goes to a server that never listens; what has passed the guard is handed to it.
      const unbound = createServer();
      nodeWebSocket.injectWebSocket(unbound);
      const [upgrade] = unbound.listeners('upgrade') as UpgradeListener[];
      server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
        // A reset must not become an unhandled error.
        socket.on('error', () => socket.destroy());
        socket.setTimeout(upgradeTimeoutMs, () => socket.destroy());
        socket.setNoDelay(true);
        const judged = async () => {
          const refusal = upgradeProblem(request) ?? (await guard(request));
          if (refusal) refuseUpgrade(socket, refusal);
          else await upgrade?.(request, socket, head);
        };
        judged().catch(() => socket.destroy());
      });
    },
    /** The WebSocket server below, for counting. */
    sockets: nodeWebSocket.wss.clients as ReadonlySet<WebSocket>,
  };
}

type UpgradeListener = (request: IncomingMessage, socket: Socket, head: Buffer) => Promise<void>;

function refuseUpgrade(socket: Socket, { status, reason, retryAfterSec }: UpgradeRefusal): void {
  const body = `${reason}\n`;
  const retryAfter = retryAfterSec === undefined ? '' : `Retry-After: ${retryAfterSec}\r\n`;
  socket.end(
    `HTTP/1.1 ${status} ${statusTexts[status] ?? 'Refused'}\r\nConnection: close\r\n${retryAfter}` +
      `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

const statusTexts: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
};

function upgradeProblem(request: IncomingMessage): UpgradeRefusal | undefined {
  const target = request.url ?? '';
  if (!/^\/(?!\/)/.test(target) || !URL.canParse(target, 'http://localhost')) {
    return { status: 400, reason: 'the request target must be a path' };
  }
  if (request.headers.upgrade?.toLowerCase() !== 'websocket')
    return { status: 400, reason: 'only upgrades to websocket are served' };
  if (request.method !== 'GET') return { status: 400, reason: 'an upgrade must be a GET request' };
  if (request.headers['sec-websocket-version'] !== '13') {
    return { status: 400, reason: "`Sec-WebSocket-Version` header did not include '13'" };
  }
  if (!/^[+/0-9A-Za-z]{22}==$/.test(request.headers['sec-websocket-key'] ?? '')) {
    return { status: 400, reason: '`Sec-WebSocket-Key` header is missing or invalid' };
  }
  return undefined;
}

/** A Connection over an accepted WebSocket and the socket below it, to which long output is written directly. */
export class ServerWebSocket implements Connection {
  isClosed = false;
  readonly #raw: Socket;
  #handler: ConnectionHandler | undefined;
  #outbox: OutgoingMessage[] = [];
  #outboxBytes = 0;
  #pingTimer: NodeJS.Timeout | undefined;
  #isSilent = false;
  #ownClose: CloseInfo | undefined;
  #pongWaiters: (() => void)[] = [];

  constructor(
    private readonly socket: WebSocket,
    raw: Socket,
    readonly label: string,
    private readonly pingIntervalMs: number,
  ) {
    this.#raw = raw;
    raw.setTimeout(0);
  }

  get bufferedBytes(): number {
    return this.#outboxBytes + this.#raw.writableLength;
  }

  get isWritable(): boolean {
    return !this.isClosed && this.bufferedBytes < limits.highWaterBytes;
  }

  open(handler: ConnectionHandler): void {
    this.#handler = handler;
    const { socket } = this;
    // node-ws has added a listener of its own, which would look at each message for nothing.
    socket.removeAllListeners('message');
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      this.#heard();
      // Text was checked by ws; binary must hold the same JSON. What is no UTF-8 becomes what no JSON parser takes.
      if (isBinary) handler.onMessage(tryUtf8Decode(data) ?? '\uFFFD');
      else if (handler.onLongMessage && data.length > longTextBytes && data.length === data.buffer.byteLength)
        handler.onLongMessage(data);
      else handler.onMessage(textOf(data));
    });
    const onShort = (text: string) => {
      this.#heard();
      handler.onMessage(text);
    };
    readSimpleFrames(socket, this.#raw, { isMasked: true, onText: onShort });
    this.#raw.on('data', stayAwake);
    socket.on('ping', (data: Buffer) => {
      this.#heard();
      if (this.#raw.writableLength < maxPongBacklogBytes && !this.isClosed) socket.pong(data);
    });
    socket.on('pong', () => {
      this.#heard();
      for (const heard of this.#pongWaiters.splice(0)) heard();
    });
    this.#raw.on('drain', () => {
      if (!this.isClosed) handler.onWritable();
    });
    socket.on(
      'error',
      (error: Error) => (this.#ownClose ??= { code: CloseCode.protocolError, reason: errorText(error) }),
    );
    socket.on('close', (code: number, reason: Buffer) => this.#end(code, reason.toString()));
    this.#pingTimer = setInterval(() => this.#ping(), this.pingIntervalMs);
    this.#pingTimer.unref();
  }

  send(message: string | Uint8Array): boolean {
    return this.#enqueue(message);
  }

  sendParts(parts: readonly MessagePart[]): boolean {
    return this.#enqueue(parts);
  }

  #enqueue(message: OutgoingMessage): boolean {
    if (this.isClosed || this.socket.readyState !== 1) return false;
    this.#outbox.push(message);
    this.#outboxBytes += lengthOf(message);
    // What is sent within one turn leaves in one system call: an answer and the notifications behind it.
    if (this.#outbox.length === 1) process.nextTick(() => this.#flush());
    return this.bufferedBytes < limits.highWaterBytes;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  probe(timeoutMs: number): Promise<boolean> {
    if (this.isClosed) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeoutMs);
      this.#pongWaiters.push(() => {
        clearTimeout(timer);
        resolve(!this.isClosed);
      });
      this.socket.ping();
    });
  }

  close(code: number = CloseCode.normal, reason = ''): void {
    if (this.isClosed) return;
    this.#ownClose ??= { code, reason };
    this.#flush();
    this.socket.resume();
    // A close frame holds 125 bytes, two of them for the code.
    this.socket.close(code, reason.slice(0, 120));
  }

  #flush(): void {
    const messages = this.#outbox;
    if (messages.length === 0) return;
    this.#outbox = [];
    this.#outboxBytes = 0;
    // Nothing may follow a close frame, and ws may have answered one meanwhile (RFC 6455 section 5.5.1).
    if (this.socket.readyState !== this.socket.OPEN) return;
    writeFrames(this.#raw, messages);
  }

  #heard(): void {
    this.#isSilent = false;
  }

  #ping(): void {
    if (this.#isSilent && this.#raw.writableLength === 0) {
      this.#ownClose ??= { code: 1006, reason: `silent for ${2 * this.pingIntervalMs} ms` };
      this.socket.terminate();
      return;
    }
    this.#isSilent = true;
    if (this.#raw.writableLength < maxPongBacklogBytes) this.socket.ping();
  }

  #end(code: number, reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    clearInterval(this.#pingTimer);
    for (const heard of this.#pongWaiters.splice(0)) heard();
    const close = this.#ownClose ?? {
      code,
      reason: reason || (code === 1006 ? 'connection lost' : `closed with code ${code}`),
    };
    this.#handler?.onClose(close);
  }
}
