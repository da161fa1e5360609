// A deliberately faulty exec server: the real one behind a proxy that breaks one rule. What a fault does not touch passes
// through as it is, byte for byte.
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { isObject, parseJson, type Json, type JsonObject } from '../../helpers/json.ts';

/** One message on its way: the text as it came, and the object if it is one. */
export interface Passing {
  readonly text: string;
  readonly message: JsonObject | undefined;
  readonly id: Json | undefined;
  readonly method: string | undefined;
  readonly params: JsonObject;
  /** Of an answer; {} for others. */
  readonly result: JsonObject;
  readonly error: JsonObject | undefined;
  /** Of an answer: the method and params that it answers. */
  readonly asked: { readonly method: string; readonly params: JsonObject } | undefined;
}

/** What goes on in place of a message; undefined: the message as it is. */
export type Instead = readonly (JsonObject | string)[] | undefined;

/** One connection through the proxy. */
export interface Link {
  sendToHarness(message: JsonObject | string | Uint8Array): void;
  sendToServer(message: JsonObject | string): void;
  closeHarness(code: number, reason: string): void;
  /** For what a fault remembers about this connection. */
  readonly memory: Map<string, unknown>;
}

export interface Fault {
  readonly name: string;
  /** Ids of the cases that must fail by it, and no others. */
  readonly fails: readonly string[];
  readonly toHarness?: (passing: Passing, link: Link) => Instead;
  readonly toServer?: (passing: Passing, link: Link) => Instead;
  /** The server has ended the connection; true: the harness has been told. */
  readonly onServerClose?: (link: Link) => boolean;
}

export class FaultyServer {
  private constructor(
    readonly url: string,
    private readonly listener: WebSocketServer,
    private readonly fault: Omit<Fault, 'fails'>,
  ) {}

  /** @param serverUrl the real one */
  static async start(serverUrl: string, fault: Omit<Fault, 'fails'>): Promise<FaultyServer> {
    const listener = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
    await new Promise((resolve) => listener.once('listening', resolve));
    const address = listener.address() as AddressInfo;
    const server = new FaultyServer(`ws://127.0.0.1:${String(address.port)}`, listener, fault);
    listener.on('connection', (harness) => server.#join(harness, serverUrl));
    return server;
  }

  async stop(): Promise<void> {
    for (const socket of this.listener.clients) socket.terminate();
    await new Promise((resolve) => this.listener.close(resolve));
  }

  #join(harness: WebSocket, serverUrl: string): void {
    const { fault } = this;
    const server = new WebSocket(serverUrl, { perMessageDeflate: false, maxPayload: 128 * 1024 * 1024 });
    const early: string[] = [];
    const asked = new Map<unknown, { method: string; params: JsonObject }>();
    const textOf = (message: JsonObject | string) => (typeof message === 'string' ? message : JSON.stringify(message));
    const link: Link = {
      sendToHarness: (message) => harness.send(message instanceof Uint8Array ? message : textOf(message)),
      sendToServer: (message) => {
        if (server.readyState === WebSocket.CONNECTING) early.push(textOf(message));
        else server.send(textOf(message));
      },
      closeHarness: (code, reason) => harness.close(code, reason),
      memory: new Map(),
    };
    harness.on('message', (data: Buffer) => {
      const passing = passingOf(data.toString(), undefined);
      if (passing.method !== undefined && passing.id !== undefined) {
        asked.set(passing.id, { method: passing.method, params: passing.params });
      }
      for (const message of fault.toServer?.(passing, link) ?? [passing.text]) link.sendToServer(message);
    });
    server.on('message', (data: Buffer) => {
      const passing = passingOf(data.toString(), asked);
      for (const message of fault.toHarness?.(passing, link) ?? [passing.text]) link.sendToHarness(message);
    });
    server.on('open', () => {
      for (const text of early.splice(0)) server.send(text);
    });
    server.on('close', (code, reason) => {
      const hasTold = fault.onServerClose?.(link) === true;
      if (!hasTold) harness.close(code === 1005 || code === 1006 ? 1000 : code, reason.toString());
    });
    harness.on('close', () => server.close());
    for (const socket of [harness, server]) socket.on('error', () => undefined);
  }
}

function passingOf(text: string, asked: Map<unknown, { method: string; params: JsonObject }> | undefined): Passing {
  let message: JsonObject | undefined;
  try {
    const value = parseJson(text);
    message = isObject(value) ? value : undefined;
  } catch {
    message = undefined;
  }
  const member = (name: string): JsonObject | undefined => {
    const value = message?.[name];
    return isObject(value) ? value : undefined;
  };
  const method = message?.['method'];
  return {
    text,
    message,
    id: message?.['id'],
    method: typeof method === 'string' ? method : undefined,
    params: member('params') ?? {},
    result: member('result') ?? {},
    error: member('error'),
    asked: asked?.get(message?.['id']),
  };
}
