// A Connection over a WebSocketStream (Chromium 124 and later): unlike with a WebSocket, reading can really stop, so that
// TCP tells the server to wait. A page that shows floods of output needs that; elsewhere `dialWebSocket` does.

import { tryUtf8Decode } from '../bytes.ts';
import { limits } from '../limits.ts';
import { CloseCode, type Connection, type ConnectionHandler } from './connection.ts';
import { closeReason, notAWebSocketUrl, openedInTime, urlWithoutSecrets, type DialOptions } from './dialing.ts';
import { messageText } from './websocket.ts';

interface MessageReader {
  read(): Promise<{ readonly done: boolean; readonly value?: unknown }>;
}

interface MessageWriter {
  write(message: string): Promise<void>;
}

/** The part of a WebSocketStream that is used here. */
export interface WebSocketStreamLike {
  readonly opened: Promise<{
    readonly readable: { getReader(): MessageReader };
    readonly writable: { getWriter(): MessageWriter };
  }>;
  /** Rejects with an error that has the same members when the connection is dropped. */
  readonly closed: Promise<{ readonly closeCode?: number; readonly reason?: string }>;
  close(info?: { closeCode?: number; reason?: string }): void;
}

export type WebSocketStreamFactory = (url: string) => WebSocketStreamLike;

/** Dials `url`. @throws LocalError as `dialWebSocket`. */
export async function dialWebSocketStream(
  url: string,
  options: DialOptions & { readonly factory: WebSocketStreamFactory },
): Promise<Connection> {
  const label = options.label ?? urlWithoutSecrets(url);
  let stream: WebSocketStreamLike;
  try {
    stream = options.factory(url);
  } catch (cause) {
    throw notAWebSocketUrl(label, cause);
  }
  // Rejects along with `opened` when connecting fails; that is told once, by `opened`.
  stream.closed.catch(() => undefined);
  const opening = stream.opened.then(
    ({ readable, writable }) =>
      new WebSocketStreamConnection(stream, readable.getReader(), writable.getWriter(), label),
    () => Promise.reject(new Error()), // its text says no more than that it failed
  );
  return openedInTime(opening, label, options, () => stream.close());
}

class WebSocketStreamConnection implements Connection {
  isClosed = false;
  bufferedBytes = 0;
  #handler: ConnectionHandler | undefined;
  #isPaused = false;
  #isBacklogHigh = false;
  #goOn: (() => void) | undefined;

  constructor(
    private readonly stream: WebSocketStreamLike,
    private readonly reader: MessageReader,
    private readonly writer: MessageWriter,
    readonly label: string,
  ) {}

  get isWritable(): boolean {
    return !this.isClosed && this.bufferedBytes < limits.highWaterBytes;
  }

  open(handler: ConnectionHandler): void {
    this.#handler = handler;
    void this.#deliver(handler);
  }

  send(message: string | Uint8Array): boolean {
    if (this.isClosed) return false;
    const text = typeof message === 'string' ? message : (tryUtf8Decode(message) ?? '');
    this.bufferedBytes += text.length;
    // A failed write says that the connection has ended, which `closed` tells as well.
    this.writer.write(text).then(
      () => this.#written(text.length),
      () => undefined,
    );
    this.#isBacklogHigh ||= !this.isWritable;
    return this.isWritable;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#goOn?.();
  }

  close(code: number = CloseCode.normal, reason = ''): void {
    if (this.isClosed) return;
    this.stream.close({ closeCode: code, reason });
    this.resume();
  }

  /** Reads until the end. While paused nothing is read, so the browser's small buffer fills and the peer feels it. */
  async #deliver(handler: ConnectionHandler): Promise<void> {
    try {
      for (;;) {
        if (this.#isPaused) await new Promise<void>((resolve) => (this.#goOn = resolve));
        const { done, value } = await this.reader.read();
        if (done) break;
        // What was read while `pause` was called is delivered: a few messages may still come.
        handler.onMessage(messageText(value));
      }
    } catch {
      // Dropped: `closed` knows more.
    }
    this.#end(
      await this.stream.closed.catch((error: unknown) => (typeof error === 'object' && error !== null ? error : {})),
    );
  }

  #written(bytes: number): void {
    this.bufferedBytes -= bytes;
    if (!this.#isBacklogHigh || this.isClosed || this.bufferedBytes > limits.lowWaterBytes) return;
    this.#isBacklogHigh = false;
    this.#handler?.onWritable();
  }

  #end({ closeCode: code = 1006, reason = '' }: { closeCode?: number; reason?: string }): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#handler?.onClose({ code, reason: closeReason(code, reason) });
  }
}
