// The asking side of JSON-RPC over a Connection: pairs requests with answers, hands notifications on.

import type { CloseInfo, Connection } from '../connection/connection.ts';
import { LocalError, RpcError } from '../errors.ts';
import { timerMs } from '../limits.ts';
import { notificationText, parseEnvelope, requestText, type RequestId } from './envelope.ts';

export interface RpcPeerEvents {
  onNotification(method: string, params: unknown): void;
  /** The peer sent what it may not send (a request, an answer to nothing, no JSON-RPC). The connection goes on. */
  onAnomaly?(reason: string): void;
  onWritable?(): void;
  onClose(close: CloseInfo): void;
}

export interface RequestOptions {
  /** Longest wait for the answer, ms. Default: none; the end of the connection ends every wait. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Pending {
  readonly method: string;
  resolve(result: unknown): void;
  reject(error: Error): void;
}

export class RpcPeer {
  readonly #pending = new Map<RequestId, Pending>();
  #lastId = 0;
  #closed: CloseInfo | undefined;

  constructor(
    readonly connection: Connection,
    private readonly events: RpcPeerEvents,
  ) {
    connection.open({
      onMessage: (text) => this.#receive(text),
      onWritable: () => events.onWritable?.(),
      onClose: (close) => this.#close(close),
    });
  }

  /**
   * @returns the result as it came; the caller knows its shape and parses it.
   * @throws RpcError as the peer answered it; LocalError `closed`, `timeout` or `aborted`.
   */
  request(method: string, params: unknown, { timeoutMs, signal }: RequestOptions = {}): Promise<unknown> {
    if (this.#closed) return Promise.reject(closedError(method, this.#closed));
    if (signal?.aborted) return Promise.reject(new LocalError('aborted', `${method} was aborted`));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const settle = () => {
        this.#pending.delete(id);
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const fail = (error: Error) => {
        settle();
        reject(error);
      };
      const onAbort = () => fail(new LocalError('aborted', `${method} was aborted`));
      this.#pending.set(id, {
        method,
        resolve: (result) => {
          settle();
          resolve(result);
        },
        reject: fail,
      });
      signal?.addEventListener('abort', onAbort);
      if (timeoutMs !== undefined) {
        timer = setTimeout(
          () => fail(new LocalError('timeout', `${method} was not answered within ${timeoutMs} ms`)),
          timerMs(timeoutMs),
        );
      }
      this.connection.send(requestText(id, method, params));
    });
  }

  notify(method: string, params: unknown): void {
    this.connection.send(notificationText(method, params));
  }

  #receive(text: string): void {
    const envelope = parseEnvelope(text);
    switch (envelope.kind) {
      case 'notification':
        this.events.onNotification(envelope.method, envelope.params);
        return;
      case 'response':
      case 'error': {
        const pending = this.#pending.get(envelope.id);
        if (!pending) this.events.onAnomaly?.(`answer to the unknown request ${String(envelope.id)}`);
        else if (envelope.kind === 'response') pending.resolve(envelope.result);
        else pending.reject(new RpcError(envelope.error.code, envelope.error.message, envelope.error.data));
        return;
      }
      case 'request':
        this.events.onAnomaly?.(`unexpected request ${envelope.method}`);
        return;
      case 'malformed':
        this.events.onAnomaly?.(envelope.reason);
    }
  }

  #close(close: CloseInfo): void {
    this.#closed = close;
    for (const pending of [...this.#pending.values()]) pending.reject(closedError(pending.method, close));
    this.events.onClose(close);
  }
}

function closedError(what: string, close: CloseInfo): LocalError {
  return new LocalError('closed', `${what} cannot be answered: ${close.reason}`);
}
