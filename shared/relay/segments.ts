// Message ⇄ segments: how a message is cut, and how segments that come in order become messages again, within bounds.

import { concatBytes } from '../bytes.ts';
import type { RelayData } from './frame.ts';

/** @returns how many segments a message of `messageBytes` has. */
export function segmentCount(messageBytes: number, segmentBytes: number): number {
  return Math.max(1, Math.ceil(messageBytes / segmentBytes));
}

/** A view of segment `index`; nothing is copied. */
export function segmentOf(message: Uint8Array, index: number, count: number, segmentBytes: number): Uint8Array {
  return count === 1 ? message : message.subarray(index * segmentBytes, (index + 1) * segmentBytes);
}

/**
 * The bytes themselves, or a copy when they are a small view into something large, which would be kept alive with them:
 * WebSocket libraries cut messages out of larger reads.
 */
export function compacted(bytes: Uint8Array): Uint8Array {
  return bytes.buffer.byteLength > 2 * bytes.length + 1024 ? bytes.slice() : bytes;
}

/** Why segments do not make a message; the reason of the stream's reset. */
export type SegmentFault = 'message_too_large' | 'segments_out_of_order';

/** Puts the segments of one stream together; they must be given in the order of their seqs, without gaps. */
export class Reassembler {
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #segmentCount = 0;

  constructor(
    private readonly maxMessageBytes: number,
    private readonly maxSegments: number,
  ) {}

  /** Bytes of an unfinished message. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @returns the message that this segment completes, undefined when some are missing, or what is wrong. */
  push(segment: RelayData): Uint8Array | SegmentFault | undefined {
    const { segmentIndex, payload } = segment;
    if (segment.segmentCount > this.maxSegments || this.#bytes + payload.length > this.maxMessageBytes) {
      return 'message_too_large';
    }
    if (segmentIndex !== this.#parts.length) return 'segments_out_of_order';
    if (segmentIndex === 0) {
      if (segment.segmentCount === 1) return payload;
      this.#segmentCount = segment.segmentCount;
    } else if (segment.segmentCount !== this.#segmentCount) return 'segments_out_of_order';
    this.#parts.push(compacted(payload));
    this.#bytes += payload.length;
    if (this.#parts.length < this.#segmentCount) return undefined;
    const message = concatBytes(this.#parts);
    this.clear();
    return message;
  }

  clear(): void {
    this.#parts = [];
    this.#bytes = 0;
  }
}
