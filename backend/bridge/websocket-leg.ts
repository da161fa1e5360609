// A leg over a WebSocket of `ws`, accepted or dialled.

import type { WebSocket } from 'ws';
import { openedInTime, urlWithoutSecrets, type DialOptions } from '../../shared/connection/dialing.ts';
import { errorText } from '../../shared/errors.ts';
import { limits } from '../../shared/limits.ts';
import { openSocket } from '../client/sockets.ts';
import { closeFrameText, isSendableCode, type Leg, type LegClose, type LegHandler, type LegMessage } from './leg.ts';

/** Time for the peer to answer a close frame, ms. */
const closeTimeoutMs = 2000;
/** Pongs wait while more than this is unread. */
const maxPongBacklogBytes = 64 * 1024;

export interface WebSocketLegOptions {
  /** A ping is sent this often, ms; a peer that is silent for two of them is dropped. Default: none are sent. */
  readonly pingIntervalMs?: number;
}

export class WebSocketLeg implements Leg {
  #handler: LegHandler | undefined;
  #isBlocked = false;
  #isSilent = false;
  #error = '';
  #closeTimer: NodeJS.Timeout | undefined;

  /** @param socket open; nothing of it has been read yet. It is paused until `open`. */
  constructor(
    private readonly socket: WebSocket,
    readonly label: string,
    { pingIntervalMs }: WebSocketLegOptions = {},
  ) {
    socket.pause();
    const heard = () => (this.#isSilent = false);
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      heard();
      this.#handler?.onMessage({ data, isBinary });
    });
    socket.on('pong', heard);
    socket.on('ping', (data: Buffer) => {
      heard();
      // `ws` answers by itself unless it was told not to, as the server's sockets are.
      if (!this.#answersPings && socket.bufferedAmount < maxPongBacklogBytes) socket.pong(data);
    });
    const pings = pingIntervalMs === undefined ? undefined : setInterval(() => this.#ping(), pingIntervalMs).unref();
    socket.on('error', (error) => (this.#error = errorText(error)));
    socket.once('close', (code: number, reason: Buffer) => {
      clearInterval(pings);
      clearTimeout(this.#closeTimer);
      this.#handler?.onClose({ code, reason: this.#error || reason.toString() });
    });
  }

  open(handler: LegHandler): void {
    this.#handler = handler;
    this.socket.resume();
  }

  send({ data, isBinary }: LegMessage): boolean {
    const { socket } = this;
    if (socket.readyState !== socket.OPEN) return true;
    socket.send(data, { binary: isBinary }, () => this.#written());
    this.#isBlocked ||= socket.bufferedAmount > limits.highWaterBytes;
    return !this.#isBlocked;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  close({ code, reason }: LegClose): void {
    const { socket } = this;
    if (socket.readyState !== socket.OPEN) return;
    // The peer's close frame is to be read.
    socket.resume();
    if (code === 1006) socket.terminate();
    else if (code === undefined || !isSendableCode(code)) socket.close();
    else socket.close(code, closeFrameText(reason));
    this.#closeTimer = setTimeout(() => socket.terminate(), closeTimeoutMs).unref();
  }

  get #answersPings(): boolean {
    // Private in the types of `ws`; the option of the constructor or of the server.
    return (this.socket as { _autoPong?: boolean })._autoPong !== false;
  }

  #written(): void {
    if (!this.#isBlocked || this.socket.bufferedAmount > limits.lowWaterBytes) return;
    this.#isBlocked = false;
    this.#handler?.onWritable();
  }

  #ping(): void {
    if (this.#isSilent) {
      this.#error ||= 'nothing was heard for two pings';
      this.socket.terminate();
      return;
    }
    // A peer that we do not read cannot be heard.
    this.#isSilent = !this.socket.isPaused;
    this.socket.ping();
  }
}

/** @throws LocalError `invalid-argument`, `connect`, `connect-timeout`, `aborted`. */
export async function dialLeg(
  url: string,
  headers: Readonly<Record<string, string>>,
  options: DialOptions & WebSocketLegOptions = {},
): Promise<WebSocketLeg> {
  const label = urlWithoutSecrets(url);
  const socket = openSocket(url, headers);
  const opening = new Promise<WebSocketLeg>((resolve, reject) => {
    socket.on('error', reject);
    socket.once('open', () => resolve(new WebSocketLeg(socket, label, options)));
  });
  return openedInTime(opening, label, options, () => socket.terminate());
}
