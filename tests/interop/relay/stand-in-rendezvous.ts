// Stands in for a registry and a rendezvous that are not ours, since the real ones cannot be had: written from what the
// genuine peers need (docs/protocol.md §11), with none of our code but the frame codec. It knows no resume, no grace and no
// backpressure: executor frames go to whoever used their stream first, and who is gone is told to the other side at once.
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { encodeFrame, peekRoute } from '../../../shared/relay/codec.ts';
import type { CutEnd } from './checks.ts';

interface Executor {
  readonly socket: WebSocket;
  /** By stream. */
  readonly harnesses: Map<string, WebSocket>;
}

const maxFrameBytes = 64 * 1024 * 1024;

export class StandInRendezvous {
  readonly token = randomBytes(16).toString('hex');
  readonly #executors = new Map<string, Executor>();
  readonly #harnesses = new Map<string, Set<WebSocket>>();
  readonly #server = createServer((request, response) => this.#register(request, response));
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: maxFrameBytes,
  });

  static async start(): Promise<StandInRendezvous> {
    const standIn = new StandInRendezvous();
    standIn.#server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => undefined);
      const { executorId, role, key } = partsOf(request);
      if (executorId === undefined || key !== standIn.token) {
        socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
        return;
      }
      standIn.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.on('error', () => undefined);
        if (role === 'harness') standIn.#takeHarness(executorId, webSocket);
        else standIn.#takeExecutor(executorId, webSocket);
      });
    });
    await new Promise<void>((resolve) => standIn.#server.listen(0, '127.0.0.1', resolve));
    return standIn;
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  isOnline(executorId: string): boolean {
    return this.#executors.has(executorId);
  }

  cut(executorId: string, end: CutEnd): void {
    if (end === 'executor') this.#executors.get(executorId)?.socket.terminate();
    else for (const harness of this.#harnesses.get(executorId) ?? []) harness.terminate();
  }

  async close(): Promise<void> {
    for (const { socket } of this.#executors.values()) socket.terminate();
    for (const harnesses of this.#harnesses.values()) for (const harness of harnesses) harness.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #register(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    const [, executorId, door] = /^\/cloud\/executor\/([\w-]+)\/(register|connect)$/.exec(pathOf(request)) ?? [];
    const isKnown = request.headers.authorization === `Bearer ${this.token}`;
    if (executorId === undefined || request.method !== 'POST' || !isKnown) {
      response.writeHead(isKnown ? 404 : 401).end();
      return;
    }
    const role = door === 'register' ? 'executor' : 'harness';
    const url = `ws://${request.headers.host ?? ''}/rendezvous/${executorId}?role=${role}&key=${this.token}`;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ executor_id: executorId, url }));
  }

  #takeExecutor(executorId: string, socket: WebSocket): void {
    const executor: Executor = { socket, harnesses: new Map() };
    this.#executors.get(executorId)?.socket.terminate();
    this.#executors.set(executorId, executor);
    socket.on('message', (frame: Buffer, isBinary) => {
      const route = peekRoute(frame);
      if (isBinary && typeof route !== 'string') executor.harnesses.get(route.streamId)?.send(frame);
    });
    socket.on('close', () => {
      if (this.#executors.get(executorId) === executor) this.#executors.delete(executorId);
      for (const [streamId, harness] of executor.harnesses) reset(harness, streamId, 'executor disconnected');
    });
  }

  #takeHarness(executorId: string, socket: WebSocket): void {
    const harnesses = this.#harnesses.get(executorId) ?? new Set();
    this.#harnesses.set(executorId, harnesses.add(socket));
    socket.on('message', (frame: Buffer, isBinary) => {
      const route = peekRoute(frame);
      if (!isBinary || typeof route === 'string') return;
      const executor = this.#executors.get(executorId);
      if (!executor) {
        reset(socket, route.streamId, 'no executor');
        return;
      }
      if (!executor.harnesses.has(route.streamId)) executor.harnesses.set(route.streamId, socket);
      if (executor.harnesses.get(route.streamId) === socket) executor.socket.send(frame);
    });
    socket.on('close', () => {
      harnesses.delete(socket);
      const executor = this.#executors.get(executorId);
      for (const [streamId, harness] of executor?.harnesses ?? []) {
        if (!executor || harness !== socket) continue;
        executor.harnesses.delete(streamId);
        reset(executor.socket, streamId, 'harness disconnected');
      }
    });
  }
}

function reset(socket: WebSocket, streamId: string, reason: string): void {
  if (socket.readyState !== WebSocket.OPEN) return;
  socket.send(encodeFrame({ streamId, ack: 0, ackBits: 0, body: { kind: 'reset', reason } }));
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

function partsOf(request: IncomingMessage): {
  readonly executorId: string | undefined;
  readonly role: string | null;
  readonly key: string | null;
} {
  const query = new URLSearchParams((request.url ?? '').split('?')[1]);
  const [, executorId] = /^\/rendezvous\/([\w-]+)$/.exec(pathOf(request)) ?? [];
  return { executorId, role: query.get('role'), key: query.get('key') };
}
