// Looks on while a connection is used: what goes through is recorded and otherwise left alone.

import { tryUtf8Decode } from '../bytes.ts';
import type { Connection, ConnectionHandler, MessagePart } from '../connection/connection.ts';
import type { FrameCarrier, FrameCarrierHandler } from '../relay/carrier.ts';
import type { Direction, Recorder } from './entry.ts';

export interface Observation {
  /** The name of the connection in the recording. */
  readonly connection: string;
  readonly recorder: Recorder;
  /** The relay stream of the connection, if it is one. */
  readonly stream?: string;
  /** The clock of the recording, ms. */
  readonly nowMs: () => number;
  /** What is recorded as `out`: what this end sends (a harness, the default), or what it receives (an executor). */
  readonly role?: 'harness' | 'executor';
}

/** @returns a connection to be used instead of `inner`. Messages are recorded when they are sent and when they are delivered. */
export function observeConnection(inner: Connection, observation: Observation): Connection {
  return new ObservedConnection(inner, observation);
}

/** @returns a carrier to be used instead of `inner`: each of its frames is recorded. */
export function observeCarrier(inner: FrameCarrier, observation: Observation): FrameCarrier {
  return new ObservedCarrier(inner, observation);
}

function directionOf(isSent: boolean, { role }: Observation): Direction {
  return isSent === (role !== 'executor') ? 'out' : 'in';
}

function recordClose({ connection, recorder, nowMs }: Observation, reason: string, code: number | undefined): void {
  const entry = { kind: 'event', event: 'closed', connection, atMs: nowMs(), detail: reason } as const;
  recorder(code === undefined ? entry : { ...entry, code });
}

class ObservedConnection implements Connection {
  readonly sendParts?: (parts: readonly MessagePart[]) => boolean;
  readonly probe?: (timeoutMs: number) => Promise<boolean>;

  constructor(
    private readonly inner: Connection,
    private readonly observation: Observation,
  ) {
    if (inner.sendParts) {
      this.sendParts = (parts) => {
        this.#record(true, parts.map(messageText).join(''));
        return inner.sendParts?.(parts) ?? false;
      };
    }
    if (inner.probe) this.probe = (timeoutMs) => inner.probe?.(timeoutMs) ?? Promise.resolve(false);
  }

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
    this.inner.open({
      onMessage: (text) => {
        this.#record(false, text);
        handler.onMessage(text);
      },
      onWritable: () => handler.onWritable(),
      ...(handler.onInputEnd ? { onInputEnd: () => handler.onInputEnd?.() ?? Promise.resolve() } : {}),
      onClose: (close) => {
        recordClose(this.observation, close.reason, close.code);
        handler.onClose(close);
      },
    });
  }

  send(message: string | Uint8Array): boolean {
    this.#record(true, messageText(message));
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

  #record(isSent: boolean, text: string): void {
    const { connection, recorder, stream, nowMs } = this.observation;
    const dir = directionOf(isSent, this.observation);
    const entry = { kind: 'message', dir, text, connection, atMs: nowMs() } as const;
    recorder(stream === undefined ? entry : { ...entry, stream });
  }
}

class ObservedCarrier implements FrameCarrier {
  constructor(
    private readonly inner: FrameCarrier,
    private readonly observation: Observation,
  ) {}

  get label(): string {
    return this.inner.label;
  }

  get bufferedBytes(): number {
    return this.inner.bufferedBytes;
  }

  get isWritable(): boolean {
    return this.inner.isWritable;
  }

  open(handler: FrameCarrierHandler): void {
    this.inner.open({
      onFrame: (frame) => {
        this.#record(false, frame);
        handler.onFrame(frame);
      },
      onWritable: () => handler.onWritable(),
      onClose: (close) => {
        recordClose(this.observation, close.reason, close.code);
        handler.onClose(close);
      },
    });
  }

  send(frame: Uint8Array): boolean {
    this.#record(true, frame);
    return this.inner.send(frame);
  }

  close(code?: number, reason?: string): void {
    this.inner.close(code, reason);
  }

  #record(isSent: boolean, bytes: Uint8Array): void {
    const { connection, recorder, nowMs } = this.observation;
    recorder({ kind: 'frame', dir: directionOf(isSent, this.observation), bytes, connection, atMs: nowMs() });
  }
}

/** Bytes that are no UTF-8 are shown as such; the connection itself sends what it was given. */
function messageText(part: MessagePart): string {
  return typeof part === 'string' ? part : (tryUtf8Decode(part) ?? '\uFFFD');
}
