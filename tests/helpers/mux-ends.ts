// One end of the relay without a network: a RelayMux on a clock that is moved by hand and a carrier that keeps what was sent.

import { expect } from 'vitest';
import type { FrameCarrier, FrameCarrierHandler } from '../../shared/relay/carrier.ts';
import type { RelayClock } from '../../shared/relay/clock.ts';
import { decodeFrame, encodeFrame } from '../../shared/relay/codec.ts';
import type { RelayBody, RelayFrame } from '../../shared/relay/frame.ts';
import { RelayMux, type RelayMuxOptions } from '../../shared/relay/mux.ts';
import type { StreamConnection } from '../../shared/relay/stream-connection.ts';

/** Moved by hand. */
export class ManualClock implements RelayClock {
  #nowMs = 0;
  #timers: { dueMs: number; callback: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  get timers(): number {
    return this.#timers.length;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  pass(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.dueMs - b.dueMs)[0];
      if (!next || next.dueMs > untilMs) break;
      this.#timers = this.#timers.filter((one) => one !== next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.callback();
    }
    this.#nowMs = untilMs;
  }
}

/** Keeps what was sent; takes `room` bytes before it is not writable. */
export class TestCarrier implements FrameCarrier {
  readonly label = 'test';
  room = Infinity;
  bufferedBytes = 0;
  sent: Uint8Array[] = [];
  closeReason: string | undefined;
  handler: FrameCarrierHandler | undefined;

  get isWritable(): boolean {
    return this.bufferedBytes < this.room;
  }

  open(handler: FrameCarrierHandler): void {
    this.handler = handler;
  }

  send(frame: Uint8Array): boolean {
    this.sent.push(frame);
    this.bufferedBytes += frame.length;
    return this.isWritable;
  }

  close(_code?: number, reason = ''): void {
    this.closeReason = reason;
  }

  /** The network took everything: what was sent, as frames. */
  drain(): RelayFrame[] {
    const frames = this.sent.map((bytes) => {
      const frame = decodeFrame(bytes);
      if (typeof frame === 'string') throw new Error(`sent a ${frame} frame`);
      return frame;
    });
    this.sent = [];
    this.bufferedBytes = 0;
    this.handler?.onWritable();
    return frames;
  }

  receive(streamId: string, body: RelayBody, ack = 0, ackBits = 0): void {
    this.handler?.onFrame(encodeFrame({ streamId, ack, ackBits, body }));
  }

  lose(): void {
    this.handler?.onClose({ reason: 'lost', code: 1006 });
  }
}

/** A whole message. */
export function data(seq: number, text: string): RelayBody {
  return { kind: 'data', seq, segmentIndex: 0, segmentCount: 1, payload: new TextEncoder().encode(text) };
}

export interface Opened {
  readonly connection: StreamConnection;
  readonly messages: string[];
  closed: string | undefined;
  writable: number;
}

export function open(connection: StreamConnection): Opened {
  const opened: Opened = { connection, messages: [], closed: undefined, writable: 0 };
  connection.open({
    onMessage: (message) => opened.messages.push(message),
    onWritable: () => opened.writable++,
    onClose: ({ reason }) => {
      expect(opened.closed).toBeUndefined();
      opened.closed = reason;
    },
  });
  return opened;
}

/** `opened` has each stream that its harness has begun, with what it delivered. */
export function executor(options: Partial<RelayMuxOptions> = {}) {
  const clock = new ManualClock();
  const carrier = new TestCarrier();
  const opened: Opened[] = [];
  const mux = new RelayMux({
    role: 'executor',
    clock,
    onConnection: (connection) => opened.push(open(connection)),
    ...options,
  });
  mux.attach(carrier);
  return { clock, carrier, mux, opened };
}

export function harness(options: Partial<RelayMuxOptions> = {}) {
  const clock = new ManualClock();
  const carrier = new TestCarrier();
  const mux = new RelayMux({ role: 'harness', clock, ...options });
  mux.attach(carrier);
  return { clock, carrier, mux };
}

export const bodiesOf = (frames: RelayFrame[]) => frames.map(({ body }) => body);
