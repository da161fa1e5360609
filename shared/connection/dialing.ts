// What dialling has in common for every kind of WebSocket: the deadline, the way out, and names without secrets.

import { LocalError } from '../errors.ts';
import { limits, timerMs } from '../limits.ts';
import type { WebSocketFactory, WebSocketLike } from './websocket.ts';

export interface DialOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** For messages and logs. Default: the URL without its query. */
  readonly label?: string;
}

/**
 * The value of `opening`.
 * @param giveUp ends the attempt; called once, unless `opening` was in time. What it closes may settle `opening` late.
 * @throws LocalError `connect` with the reason of `opening`, `connect-timeout` after `timeoutMs`, `aborted` by `signal`.
 */
export function openedInTime<T>(
  opening: Promise<T>,
  label: string,
  options: DialOptions,
  giveUp: () => void,
): Promise<T> {
  const timeoutMs = timerMs(options.timeoutMs ?? limits.connectTimeoutMs);
  const { signal } = options;
  return new Promise((resolve, reject) => {
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const fail = (error: LocalError) => {
      settle();
      giveUp();
      reject(error);
    };
    const onAbort = () => fail(new LocalError('aborted', `connecting to ${label} was aborted`));
    const timer = setTimeout(
      () => fail(new LocalError('connect-timeout', `${label} did not answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    opening.then(
      (opened) => {
        settle();
        resolve(opened);
      },
      (cause: unknown) => {
        const why = cause instanceof Error && cause.message !== '' ? `: ${cause.message}` : '';
        fail(new LocalError('connect', `cannot connect to ${label}${why}`, { cause }));
      },
    );
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort);
  });
}

/**
 * Dials `url`.
 * @param wrap makes of the socket what is wanted, before it is open: a message may follow the upgrade closely.
 * @throws LocalError `invalid-argument` for a URL that is no ws:// or wss:// one, `connect` when refused or dropped,
 * `connect-timeout` after `timeoutMs`, `aborted` by `signal`.
 */
export async function dialSocket<T>(
  url: string,
  options: DialOptions & { readonly factory: WebSocketFactory },
  wrap: (socket: WebSocketLike, label: string) => T,
): Promise<T> {
  const label = options.label ?? urlWithoutSecrets(url);
  let socket: WebSocketLike;
  try {
    socket = options.factory(url);
  } catch (cause) {
    throw cause instanceof LocalError ? cause : notAWebSocketUrl(label, cause);
  }
  // Browsers begin with Blobs, which cannot be read at once. Node's `ws` gives bytes without a copy as it is.
  if (socket.binaryType === 'blob') socket.binaryType = 'arraybuffer';
  const wrapped = wrap(socket, label);
  const opening = new Promise<T>((resolve, reject) => {
    let why = '';
    socket.addEventListener('error', (event) => {
      why = event.message ?? '';
    });
    socket.addEventListener('open', () => resolve(wrapped));
    socket.addEventListener('close', () => reject(new Error(why)));
  });
  return openedInTime(opening, label, options, () => socket.close());
}

export function notAWebSocketUrl(label: string, cause: unknown): LocalError {
  return new LocalError('invalid-argument', `${label} is not a WebSocket URL (ws:// or wss://)`, { cause });
}

/** Bytes of a binary message; undefined for a text. */
export function messageBytes(data: unknown): Uint8Array | undefined {
  if (data instanceof Uint8Array) return data;
  return data instanceof ArrayBuffer ? new Uint8Array(data) : undefined;
}

/** A URL for messages and logs: the query may hold a token or a signature, so it is left out. */
export function urlWithoutSecrets(url: string): string {
  return url.replace(/[?#].*$/s, '').replace(/\/\/[^/@]*@/, '//');
}

/** For people: why a WebSocket ended. Browsers leave `reason` empty, or give code 1006, when it was dropped. */
export function closeReason(code: number, reason: string): string {
  return reason || (code === 1006 ? 'connection lost' : `closed with code ${code}`);
}
