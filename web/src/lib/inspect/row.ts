// A row of the inspector: a recorded entry and what can be said of it at a glance.

import type { Direction, EventEntry, FrameEntry, MessageEntry, WireEntry } from '../../../../shared/recording/entry.ts';
import { decodeFrame } from '../../../../shared/relay/codec.ts';
import type { FrameFault, RelayBody, RelayFrame } from '../../../../shared/relay/frame.ts';
import { readHead, type MessageHead, type MessageKind } from './message-head.ts';
import type { Anomaly } from './rules.ts';

export type FrameKind = 'data' | 'ack' | 'resume' | 'reset' | 'heartbeat' | 'handshake' | 'bad-frame';
export type RowKind = MessageKind | FrameKind | 'event';

/** All kinds, as the filter names them. */
export const rowKinds: readonly RowKind[] = [
  'request',
  'response',
  'error',
  'notification',
  'malformed',
  'data',
  'ack',
  'resume',
  'reset',
  'heartbeat',
  'handshake',
  'bad-frame',
  'event',
];

interface Common {
  /** Counts from 1 since the recording began, dropped rows too: names the row. */
  readonly number: number;
  readonly kind: RowKind;
  /** Of the message or frame. A message of more than 2 KiB is counted in characters: they are ASCII nearly always. */
  readonly bytes: number;
  /** Empty: none. */
  readonly stream: string;
  readonly processId: string;
  /** Of a response: the method that it answers, once that is known. */
  method: string;
  readonly id: string;
  /** The request of this answer, or the other way round. */
  pair: Row | undefined;
  /** Of a request that was answered, and of its answer: ms between the two. */
  latencyMs: number | undefined;
  anomalies: readonly Anomaly[];
  isMarked: boolean;
}
export interface MessageRow extends Common {
  readonly layer: 'message';
  readonly entry: MessageEntry;
  readonly head: MessageHead;
}
export interface FrameRow extends Common {
  readonly layer: 'frame';
  readonly entry: FrameEntry;
  /** What it is, without its payload; or why it is none. */
  readonly frame: FrameHead | FrameFault;
}
export interface EventRow extends Common {
  readonly layer: 'event';
  readonly entry: EventEntry;
}
export type Row = MessageRow | FrameRow | EventRow;

export interface FrameHead extends Pick<RelayFrame, 'streamId' | 'ack' | 'ackBits'> {
  readonly kind: FrameKind;
  /** Of a data frame. */
  readonly data: { readonly seq: number; readonly segmentIndex: number; readonly segmentCount: number } | undefined;
  /** Of a reset: the reason. Of a resume: its next_seq. */
  readonly detail: string;
}

export function rowOf(entry: WireEntry, number: number): Row {
  switch (entry.kind) {
    case 'message': {
      const head = readHead(entry.text);
      const { kind, id, method, processId } = head;
      const bytes = utf8Length(entry.text);
      const stream = entry.stream ?? '';
      return { layer: 'message', number, entry, kind, bytes, id, method, processId, stream, head, ...unknownYet };
    }
    case 'frame': {
      const frame = frameHead(entry.bytes);
      const isBad = typeof frame === 'string';
      const kind = isBad ? 'bad-frame' : frame.kind;
      const bytes = entry.bytes.length;
      const stream = isBad ? '' : frame.streamId;
      return { layer: 'frame', number, entry, kind, bytes, ...unnamed, stream, frame, ...unknownYet };
    }
    case 'event':
      return { layer: 'event', number, entry, kind: 'event', bytes: 0, ...unnamed, stream: '', ...unknownYet };
  }
}

const unnamed = { id: '', method: '', processId: '' };
const unknownYet = { pair: undefined, latencyMs: undefined, anomalies: [], isMarked: false };

/** In or out; an event has none. */
export function directionOf(row: Row): Direction | undefined {
  return row.layer === 'event' ? undefined : row.entry.dir;
}

/** Whether it says that something failed: an error answer, a reset, what is no message or no frame, a lost connection. */
export function isErrorRow(row: Row): boolean {
  if (row.layer === 'event') return row.entry.event === 'failed' || (row.entry.code ?? 1000) !== 1000;
  return row.kind === 'error' || row.kind === 'malformed' || row.kind === 'reset' || row.kind === 'bad-frame';
}

/** A request that is not answered. */
export function isPending(row: Row): boolean {
  return row.kind === 'request' && row.pair === undefined;
}

/** What the row is about, in a few words. */
export function rowTitle(row: Row): string {
  switch (row.layer) {
    case 'event':
      return `${row.entry.event} ${row.entry.detail}${row.entry.code === undefined ? '' : ` (${row.entry.code})`}`;
    case 'message':
      if (row.kind === 'malformed') return row.head.problem;
      if (row.kind === 'error') return `${row.method} ${row.head.problem}`.trim();
      return row.method;
    case 'frame':
      return typeof row.frame === 'string' ? row.frame : frameTitle(row.frame);
  }
}

function frameTitle({ kind, data, detail, ack, ackBits }: FrameHead): string {
  const part = data && data.segmentCount > 1 ? ` (${data.segmentIndex + 1} of ${data.segmentCount})` : '';
  // In an ack frame also 0 is an acknowledgement (docs/relay.md, Frames).
  const hasAck = ack !== 0 || ackBits !== 0 || kind === 'ack';
  const acks = !hasAck ? '' : `ack ${ack}${ackBits === 0 ? '' : ` +0b${ackBits.toString(2)}`}`;
  return [data ? `seq ${data.seq}${part}` : detail, acks].filter((text) => text !== '').join(' · ');
}

function frameHead(bytes: Uint8Array): FrameHead | FrameFault {
  const frame = decodeFrame(bytes);
  if (typeof frame === 'string') return frame;
  const { streamId, ack, ackBits, body } = frame;
  return { streamId, ack, ackBits, kind: kindOfBody(body), data: dataOf(body), detail: detailOf(body) };
}

function kindOfBody({ kind }: RelayBody): FrameKind {
  return kind === 'ackFrame' ? 'ack' : kind;
}

function dataOf(body: RelayBody): FrameHead['data'] {
  if (body.kind !== 'data') return undefined;
  const { seq, segmentIndex, segmentCount } = body;
  return { seq, segmentIndex, segmentCount };
}

function detailOf(body: RelayBody): string {
  if (body.kind === 'reset') return body.reason;
  return body.kind === 'resume' ? `next_seq ${body.nextSeq}` : '';
}

/** Texts up to this length are counted exactly. */
const exactLength = 2048;

function utf8Length(text: string): number {
  if (text.length > exactLength) return text.length;
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    // The two halves of a pair make four bytes.
    if (code >= 0x80) bytes += code >= 0x800 && (code < 0xd800 || code > 0xdfff) ? 2 : 1;
  }
  return bytes;
}
