// JSON-RPC over the raw WebSocket: handshake, requests, notifications by process, and the two spellings of the
// protocol. 0.169.0 wants file URIs and tells about itself in the result of `initialize`; 0.131.0 wants plain paths.

import { randomBytes } from 'node:crypto';
import { pathToFileURL } from 'node:url';

import { encodeFrame, RawWebSocket, type RawWebSocketOptions } from './raw-websocket.ts';

export type ClientOptions = RawWebSocketOptions;

export type JsonObject = Record<string, unknown>;

/** The `env` of every process here: enough to find programs. */
const CHILD_ENV = { PATH: '/usr/local/bin:/usr/bin:/bin' };

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws Error when the text is no JSON object. */
export function parseMessage(text: string): JsonObject {
  const message: unknown = JSON.parse(text);
  if (!isJsonObject(message)) throw new Error(`a message that is no object: ${text.slice(0, 100)}`);
  return message;
}

interface Waiter {
  resolve(value: JsonObject): void;
  reject(reason: Error): void;
}

export class BenchClient {
  readonly socket: RawWebSocket;
  /** Every notification, in the order of arrival. */
  onNotification: (method: string, params: JsonObject) => void = () => undefined;

  readonly #pending = new Map<number, Waiter>();
  /** Those who wait for the end of a process, by processId, and the exit codes that came before `closed`. */
  readonly #endings = new Map<string, Waiter>();
  readonly #exitCodes = new Map<string, unknown>();
  readonly #prefix = randomBytes(4).toString('hex');
  #usesFileUris = false;
  #lastId = 0;
  #closedReason: Error | undefined;

  /** Connects and completes the handshake. The caller closes it. */
  static async open(url: string, options: ClientOptions = {}): Promise<BenchClient> {
    const client = new BenchClient(await RawWebSocket.connect(url, options));
    try {
      const result = await client.request('initialize', { clientName: 'exec-workbench-bench' });
      // Our own server sends environmentInfo as well and takes either spelling of a path.
      client.#usesFileUris = isJsonObject(result['environmentInfo']);
      client.socket.send(encodeFrame('{"method":"initialized","params":{}}'));
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  private constructor(socket: RawWebSocket) {
    this.socket = socket;
    this.dispatchMessages();
    socket.onClosed = (reason) => this.#rejectAll(reason);
  }

  /** Makes messages go to `request`, `onNotification` and `ended` again after a case took them itself. */
  dispatchMessages(): void {
    this.socket.onMessage = (buffer, start, end) => this.#dispatch(parseMessage(buffer.toString('utf8', start, end)));
  }

  close(): void {
    this.socket.close();
    this.#rejectAll(new Error('this client closed the connection'));
  }

  /** An absolute path as this server wants it. */
  path(path: string): string {
    return this.#usesFileUris ? pathToFileURL(path).href : path;
  }

  /** A processId that nobody has used on this server. */
  newProcessId(): string {
    return `${this.#prefix}-${++this.#lastId}`;
  }

  /** The frame of a request whose answer the caller recognises itself. */
  requestFrame(id: number, method: string, params: JsonObject): Buffer {
    return encodeFrame(JSON.stringify({ id, method, params }));
  }

  startParams(processId: string, argv: readonly string[], tty: boolean): JsonObject {
    return { processId, argv, cwd: this.path('/tmp'), env: CHILD_ENV, tty, pipeStdin: false, arg0: null };
  }

  /** @throws Error with the code and text of an error answer, or the reason why the connection ended. */
  request(method: string, params: JsonObject): Promise<JsonObject> {
    return new Promise((resolve, reject) => {
      if (this.#closedReason) return reject(this.#closedReason);
      const id = ++this.#lastId;
      this.#pending.set(id, { resolve, reject });
      this.socket.send(this.requestFrame(id, method, params));
    });
  }

  /** Starts a process, and waits for `closed`. @throws Error when it cannot start or its exit code is not 0. */
  async runToClosed(argv: readonly string[], tty: boolean): Promise<void> {
    const processId = this.newProcessId();
    const ended = this.ended(processId);
    ended.catch(() => undefined); // A failed start rejects first; both are of one cause.
    await this.request('process/start', this.startParams(processId, argv, tty));
    const { exitCode } = await ended;
    if (exitCode !== 0) throw new Error(`${argv.join(' ')} ended with exit code ${String(exitCode)}`);
  }

  /** Waits for `process/closed` of a process that is about to be started or runs; answers `{exitCode}`. */
  ended(processId: string): Promise<JsonObject> {
    return new Promise((resolve, reject) => {
      if (this.#closedReason) return reject(this.#closedReason);
      this.#endings.set(processId, { resolve, reject });
    });
  }

  #dispatch(message: JsonObject): void {
    const { id, method, params, result, error } = message;
    if (typeof id === 'number') {
      const waiter = this.#pending.get(id);
      this.#pending.delete(id);
      if (isJsonObject(error)) waiter?.reject(new Error(`${String(error['code'])} ${String(error['message'])}`));
      else waiter?.resolve(isJsonObject(result) ? result : {});
    } else if (typeof method === 'string' && isJsonObject(params)) {
      this.#noteEnding(method, params);
      this.onNotification(method, params);
    }
  }

  #noteEnding(method: string, params: JsonObject): void {
    const processId = String(params['processId']);
    if (method === 'process/exited') this.#exitCodes.set(processId, params['exitCode']);
    if (method !== 'process/closed') return;
    const waiter = this.#endings.get(processId);
    this.#endings.delete(processId);
    // 0.169.0 has been seen to send `closed` before `exited`; then the exit code is not known here.
    waiter?.resolve({ exitCode: this.#exitCodes.get(processId) ?? 0 });
    this.#exitCodes.delete(processId);
  }

  #rejectAll(reason: Error): void {
    this.#closedReason ??= reason;
    for (const waiter of [...this.#pending.values(), ...this.#endings.values()]) waiter.reject(reason);
    this.#pending.clear();
    this.#endings.clear();
  }
}
