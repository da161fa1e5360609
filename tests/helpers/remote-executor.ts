// Starts `exec-server --remote …` as a user would, and what tests need around it: a stand-in for somebody else's registry
// and rendezvous, and a Carrier over a relay stream. What a test started is gone after it.
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { dialRelay, RelayLink, type RelayLinkOptions } from '../../shared/client/relay-link.ts';
import type { Connection } from '../../shared/connection/connection.ts';
import type { Carrier, CarrierEnd } from './carriers.ts';
import { serverProgram } from './server.ts';
import { until, within } from './until.ts';

export interface RemoteExecutorOptions {
  readonly remote: string;
  readonly executorId: string;
  /** Undefined leaves the variable out. */
  readonly token?: string | undefined;
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
}

const executors = new Set<RemoteExecutorProcess>();

/** A running `exec-server --remote`. */
export class RemoteExecutorProcess {
  stderr = '';
  readonly exited: Promise<number | null>;

  private constructor(readonly child: ChildProcess) {
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exited = new Promise((resolve) => child.once('exit', resolve));
  }

  /** Does not wait for anything. */
  static spawn(options: RemoteExecutorOptions): RemoteExecutorProcess {
    const [program, ...first] = serverProgram();
    const args = [
      'exec-server',
      '--remote',
      options.remote,
      '--executor-id',
      options.executorId,
      ...(options.args ?? []),
    ];
    const child = spawn(program, [...first, ...args], {
      env: {
        HOME: process.env['HOME'] ?? '/',
        PATH: process.env['PATH'] ?? '/usr/bin:/bin',
        ...(options.token === undefined ? {} : { CODEX_EXEC_SERVER_REMOTE_BEARER_TOKEN: options.token }),
        ...options.env,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const executor = new RemoteExecutorProcess(child);
    executors.add(executor);
    return executor;
  }

  /** Waits until it has registered. */
  static async start(options: RemoteExecutorOptions): Promise<RemoteExecutorProcess> {
    const executor = RemoteExecutorProcess.spawn(options);
    await executor.waitForRegistrations(1);
    return executor;
  }

  async waitForRegistrations(count: number, withinMs = 15_000): Promise<void> {
    await until(`registration ${count}`, () => this.stderr.split('remote executor registered').length > count, {
      withinMs,
      describe: () => this.stderr,
    });
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('not started');
    return this.child.pid;
  }

  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM');
    try {
      return await within('the executor to end after SIGTERM', 10_000, this.exited);
    } finally {
      this.child.kill('SIGKILL');
    }
  }
}

const links = new Set<{ close(): void }>();

afterEach(async () => {
  for (const link of links) link.close();
  links.clear();
  const all = [...executors];
  executors.clear();
  for (const executor of all) {
    await executor.stop();
    expect(executor.stderr).not.toMatch(/\(node:\d+\)|Unhandled|^\s+at .*:\d+:\d+\)$/m);
  }
});

export const webSocketFactory: RelayLinkOptions['factory'] = (url) =>
  new WebSocket(url, { perMessageDeflate: false, maxPayload: 256 * 1024 * 1024 });

export async function openLink(options: Omit<RelayLinkOptions, 'factory'>): Promise<RelayLink> {
  const link = await RelayLink.connect({ factory: webSocketFactory, ...options });
  links.add(link);
  return link;
}

/** One stream as the tests' raw client wants it. */
export async function relayCarrier(options: Omit<RelayLinkOptions, 'factory'>): Promise<Carrier> {
  const connection = await dialRelay({ factory: webSocketFactory, ...options });
  links.add(connection);
  return carrierOf(connection);
}

export function carrierOf(connection: Connection): Carrier {
  let end: (end: CarrierEnd) => void = () => undefined;
  const ended = new Promise<CarrierEnd>((resolve) => (end = resolve));
  const send = (message: string | Uint8Array): void => void connection.send(message);
  const carrier: Carrier = {
    kind: 'websocket',
    onMessage: () => undefined,
    ended,
    sendText: send,
    sendRaw: send,
    sendBytes: send,
    unsentBytes: () => connection.bufferedBytes,
    pause: () => connection.pause(),
    resume: () => connection.resume(),
    drop: () => connection.close(),
    close: async () => {
      connection.close();
      await ended;
    },
  };
  connection.open({
    onMessage: (text) => carrier.onMessage(text),
    onWritable: () => undefined,
    onClose: ({ code, reason }) => end({ code: code ?? 1000, reason }),
  });
  return carrier;
}

// ---- Somebody else's registry and rendezvous ----

export interface RegistryAnswer {
  readonly status: number;
  readonly body: string;
}

/** Answers registrations as told, and hands out the sockets that are dialled then. */
export class StandInRegistry {
  readonly registrations: {
    readonly atMs: number;
    readonly method: string;
    readonly path: string;
    readonly headers: IncomingMessage['headers'];
    readonly body: string;
  }[] = [];
  readonly upgrades: { readonly path: string; readonly headers: IncomingMessage['headers'] }[] = [];
  readonly sockets: WebSocket[] = [];
  /** Undefined: a good answer. */
  answer: RegistryAnswer | undefined;
  refusesUpgrades = false;
  readonly #server = createServer((request, response) => this.#onRequest(request, response));
  readonly #webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });

  static async start(): Promise<StandInRegistry> {
    const registry = new StandInRegistry();
    registry.#server.on('upgrade', (request, socket, head) => {
      registry.upgrades.push({ path: request.url ?? '', headers: request.headers });
      if (registry.refusesUpgrades) socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
      else registry.#webSockets.handleUpgrade(request, socket, head, (webSocket) => registry.sockets.push(webSocket));
    });
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  async waitForSocket(count: number): Promise<WebSocket> {
    return await until(`connection ${count}`, () => this.sockets[count - 1], { withinMs: 15_000 });
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      this.registrations.push({
        atMs: performance.now(),
        method,
        path,
        headers,
        body: Buffer.concat(parts).toString(),
      });
      const url = `ws://${this.host}/rendezvous/exec-1?role=executor&sig=abc`;
      const good = { status: 200, body: JSON.stringify({ executor_id: 'exec-assigned', url }) };
      const { status, body } = this.answer ?? good;
      response.writeHead(status);
      response.end(body);
    });
  }
}
