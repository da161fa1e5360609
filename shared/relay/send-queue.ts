// Messages that wait to be sent, and how they are cut into segments when they are. Pure; what was sent is send-window.ts's.

import { Fifo } from './fifo.ts';
import { segmentCount, segmentOf } from './segments.ts';

interface UnsentMessage {
  readonly bytes: Uint8Array;
  /** Of its next segment. */
  segmentIndex: number;
  /** Fixed when its first segment is sent; 0 before. */
  segmentCount: number;
}

/** A segment that is about to be sent. */
export interface NextSegment {
  readonly segmentIndex: number;
  readonly segmentCount: number;
  /** A view of the message. */
  readonly payload: Uint8Array;
}

export class SendQueue {
  readonly #messages = new Fifo<UnsentMessage>();
  #bytes = 0;

  /** @param segmentBytes largest payload of a segment. */
  constructor(private readonly segmentBytes: number) {}

  get isEmpty(): boolean {
    return this.#messages.length === 0;
  }

  /** What is in no segment yet, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param message never empty; must not change afterwards. */
  push(message: Uint8Array): void {
    this.#messages.push({ bytes: message, segmentIndex: 0, segmentCount: 0 });
    this.#bytes += message.length;
  }

  /** The next segment, which stays here until `take`. @param mayCut false: the peer knows no segments. */
  peek(mayCut: boolean): NextSegment | undefined {
    const message = this.#messages.at(0);
    if (!message) return undefined;
    const { bytes, segmentIndex } = message;
    // A message that was begun keeps its count.
    if (segmentIndex === 0) message.segmentCount = mayCut ? segmentCount(bytes.length, this.segmentBytes) : 1;
    const payload = segmentOf(bytes, segmentIndex, message.segmentCount, this.segmentBytes);
    return { segmentIndex, segmentCount: message.segmentCount, payload };
  }

  /** The segment that `peek` has shown is sent. @returns whether it was the last one of its message. */
  take({ payload }: NextSegment): boolean {
    const message = this.#messages.at(0);
    if (!message) return false;
    this.#bytes -= payload.length;
    if (++message.segmentIndex < message.segmentCount) return false;
    this.#messages.shift();
    return true;
  }

  clear(): void {
    this.#messages.clear();
    this.#bytes = 0;
  }
}
