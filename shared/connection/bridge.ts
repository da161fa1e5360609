// The bridge of `serve` (`/api/bridge`, docs/security.md): the server connects on a page's behalf to what the page cannot reach,
// and from then on passes messages both ways as they are. The first message says where to, so that no secret stands in a URL.

import * as z from 'zod';
import { LocalError } from '../errors.ts';
import { CloseCode, type CloseInfo, type Connection, type ConnectionHandler } from './connection.ts';

/** The first message: a WebSocket to dial, or a program to start and to speak to by its stdin and stdout. */
export const bridgeTarget = z.union([
  z.strictObject({
    target: z.string().regex(/^wss?:\/\//i, 'must be a ws:// or wss:// URL'),
    headers: z.record(z.string(), z.string()).optional(),
  }),
  z.strictObject({
    command: z.array(z.string()).min(1),
    cwd: z.string().optional(),
    env: z.record(z.string(), z.string()).optional(),
  }),
]);
export type BridgeTarget = z.output<typeof bridgeTarget>;

/** The answer to it, once the target is reached. */
export const bridgeOpen = z.looseObject({ bridge: z.literal('open') });

/** Largest first message, bytes, and how long it is waited for, ms. */
export const maxBridgeTargetBytes = 64 * 1024;
export const bridgeTargetTimeoutMs = 10_000;

/** How a bridge ends that never was open; the reason says why. */
export const BridgeCloseCode = {
  /** The first message is none. */
  badTarget: 4400,
  /** The target refuses, does not answer, or cannot be started. */
  unreachable: 4502,
  tooManyBridges: CloseCode.tryAgainLater,
} as const;

/**
 * Says over `connection`, which has been dialled to `/api/bridge` and not been opened, where to, and waits for the answer.
 * @returns the connection to the target.
 * @throws LocalError `connect` with the bridge's reason.
 */
export function openBridge(connection: Connection, target: BridgeTarget): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const bridged = new BridgedConnection(connection);
    connection.open({
      onMessage: (text) => {
        if (bridged.isOpen) bridged.deliver(text);
        else if (isOpenAnswer(text)) {
          bridged.isOpen = true;
          resolve(bridged);
        } else {
          connection.close();
          reject(new LocalError('connect', `${connection.label} does not answer as a bridge does`));
        }
      },
      onWritable: () => bridged.handler?.onWritable(),
      onClose: (close) => {
        bridged.end(close);
        reject(new LocalError('connect', `the bridge ended: ${close.reason}`));
      },
    });
    connection.send(JSON.stringify(target));
  });
}

function isOpenAnswer(text: string): boolean {
  try {
    return bridgeOpen.safeParse(JSON.parse(text)).success;
  } catch {
    return false;
  }
}

class BridgedConnection implements Connection {
  isOpen = false;
  handler: ConnectionHandler | undefined;
  /** What came before `open`. */
  readonly #kept: string[] = [];
  #close: CloseInfo | undefined;

  constructor(private readonly inner: Connection) {}

  get label(): string {
    return this.inner.label;
  }

  get isClosed(): boolean {
    return this.inner.isClosed;
  }

  get isWritable(): boolean {
    return this.inner.isWritable;
  }

  get bufferedBytes(): number {
    return this.inner.bufferedBytes;
  }

  open(handler: ConnectionHandler): void {
    this.handler = handler;
    for (const text of this.#kept.splice(0)) handler.onMessage(text);
    if (this.#close) handler.onClose(this.#close);
  }

  deliver(text: string): void {
    if (this.handler) this.handler.onMessage(text);
    else this.#kept.push(text);
  }

  end(close: CloseInfo): void {
    this.#close = close;
    this.handler?.onClose(close);
  }

  send(message: string | Uint8Array): boolean {
    return this.inner.send(message);
  }

  pause(): void {
    this.inner.pause();
  }

  resume(): void {
    this.inner.resume();
  }

  close(code?: number, reason?: string): void {
    this.inner.close(code, reason);
  }
}
