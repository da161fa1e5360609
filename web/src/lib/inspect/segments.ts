// The message that a segment is a part of, put together from the rows around it.

import { decodeFrame } from '../../../../shared/relay/codec.ts';
import { Reassembler } from '../../../../shared/relay/segments.ts';
import { defaultRelayLimits } from '../../../../shared/relay/limits.ts';
import type { RelayData } from '../../../../shared/relay/frame.ts';
import type { FrameRow, Row } from './row.ts';
import type { RowStore } from './row-store.ts';

/** Rows that are looked through on either side. */
const reach = 20_000;

export interface WholeMessage {
  readonly rows: readonly FrameRow[];
  /** Absent while segments are missing. */
  readonly bytes: Uint8Array | undefined;
  readonly segmentCount: number;
}

/** @returns undefined when the row is no segment of several. */
export function messageOfSegment(row: Row, store: RowStore): WholeMessage | undefined {
  if (row.layer !== 'frame' || typeof row.frame === 'string') return undefined;
  const { data } = row.frame;
  if (!data || data.segmentCount < 2) return undefined;
  const { segmentCount } = data;
  const firstSeq = (data.seq - data.segmentIndex) >>> 0;
  const found = new Map<number, FrameRow>([[data.segmentIndex, row]]);
  for (const step of [-1, 1]) {
    for (let distance = 1; distance <= reach && found.size < segmentCount; distance++) {
      const other = store.row(row.number + step * distance);
      if (!other) break;
      const index = segmentIndexIn(other, row, firstSeq);
      // A segment may have been sent again: one is enough.
      if (index !== undefined && index < segmentCount && !found.has(index)) found.set(index, other as FrameRow);
    }
  }
  const rows = [...found].sort(([a], [b]) => a - b).map(([, found]) => found);
  return { rows, segmentCount, bytes: rows.length === segmentCount ? reassembled(rows) : undefined };
}

function segmentIndexIn(other: Row, { entry, stream }: FrameRow, firstSeq: number): number | undefined {
  if (other.layer !== 'frame' || typeof other.frame === 'string' || !other.frame.data) return undefined;
  const isSameWay =
    other.entry.connection === entry.connection && other.entry.dir === entry.dir && other.stream === stream;
  const { seq, segmentIndex } = other.frame.data;
  return isSameWay && (seq - segmentIndex) >>> 0 === firstSeq ? segmentIndex : undefined;
}

function reassembled(rows: readonly FrameRow[]): Uint8Array | undefined {
  const reassembler = new Reassembler(defaultRelayLimits.maxMessageBytes, defaultRelayLimits.maxSegmentsPerMessage);
  let message: Uint8Array | undefined;
  for (const { entry } of rows) {
    const frame = decodeFrame(entry.bytes);
    if (typeof frame === 'string' || frame.body.kind !== 'data') return undefined;
    const data: RelayData = frame.body;
    const pushed = reassembler.push(data);
    if (typeof pushed === 'string') return undefined;
    message = pushed;
  }
  return message;
}
