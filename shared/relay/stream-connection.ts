// A Connection over one relay stream: turns text into messages and back, and passes on backpressure and the end.
// The stream is the state machine's, the frames are the mux's; this is the thin part between them and the application.

import { tryUtf8Decode, utf8Encode } from '../bytes.ts';
import type { Connection, ConnectionHandler } from '../connection/connection.ts';
import { limits } from '../limits.ts';
import type { DeadlineItem } from './deadlines.ts';
import type { ReliableStream } from './reliable-stream.ts';
import type { StreamStats } from './stream-types.ts';

/** What a connection needs of its mux. */
export interface StreamHost {
  nowMs(): number;
  /** The stream may have frames to send, a new deadline, or its end. */
  onChange(connection: StreamConnection): void;
}

/** Stands for a message that is not UTF-8: no JSON parser takes it. */
const undecodable = '\uFFFD';

export class StreamConnection implements Connection, DeadlineItem {
  readonly label: string;
  // For the mux.
  dueMs = Infinity;
  heapPlace = -1;
  /** Waits for its turn to send. */
  isQueued = false;
  /** What the mux has booked for `stream.receiveBytes`. */
  bookedBytes = 0;
  /** Its peer has begun it, and its first message must be complete by then, in ms; Infinity once the application has it. */
  beginByMs = Infinity;

  #handler: ConnectionHandler | undefined;
  #isPaused = false;
  #isClosed = false;
  #wantsWritable = false;
  #isDelivering = false;

  /** Made by the mux only. Nothing is delivered before `open`. */
  constructor(
    readonly stream: ReliableStream,
    private readonly host: StreamHost,
    label: string,
  ) {
    this.label = `${label} stream ${stream.streamId}`;
    stream.pauseReading();
  }

  get streamId(): string {
    return this.stream.streamId;
  }

  get stats(): StreamStats {
    return this.stream.stats;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isWritable(): boolean {
    return !this.#isClosed && this.stream.unsentBytes < limits.highWaterBytes;
  }

  get bufferedBytes(): number {
    return this.stream.unsentBytes;
  }

  open(handler: ConnectionHandler): void {
    this.#handler = handler;
    if (!this.#isPaused) this.stream.resumeReading();
    this.host.onChange(this);
  }

  send(message: string | Uint8Array): boolean {
    if (this.#isClosed) return false;
    this.stream.send(typeof message === 'string' ? utf8Encode(message) : message);
    this.host.onChange(this);
    if (this.isWritable) return true;
    this.#wantsWritable = true;
    return false;
  }

  pause(): void {
    this.#isPaused = true;
    this.stream.pauseReading();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (!this.#handler) return;
    this.stream.resumeReading();
    this.host.onChange(this);
  }

  /** `code` has no place in a relay frame; `reason` is the reset's. */
  close(_code?: number, reason = 'closed'): void {
    if (this.#isClosed) return;
    this.stream.close(reason, this.host.nowMs());
    this.host.onChange(this);
  }

  /** Hands out what has arrived, and the end after it. Called by the mux; a handler may call anything meanwhile. */
  deliver(): void {
    const handler = this.#handler;
    if (!handler || this.#isClosed || this.#isDelivering) return;
    this.#isDelivering = true;
    for (;;) {
      const message = this.stream.nextMessage(this.host.nowMs());
      if (!message) break;
      handler.onMessage(tryUtf8Decode(message) ?? undecodable);
    }
    this.#isDelivering = false;
    if (this.stream.end && !this.stream.hasUnread) {
      this.#isClosed = true;
      handler.onClose({ reason: this.stream.end.reason });
    }
  }

  /** Called by the mux after frames have left. */
  announceWritable(): void {
    if (!this.#wantsWritable || this.#isClosed || this.stream.unsentBytes > limits.lowWaterBytes) return;
    this.#wantsWritable = false;
    this.#handler?.onWritable();
  }
}
