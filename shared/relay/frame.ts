// Relay frames as the rest of the program sees them: the kinds, the rules for their fields, one line of text for logs.
// Bytes are codec.ts's business; which frame is sent when is reliable-stream.ts's.

/** The version that every frame carries; frames with another are dropped. */
export const frameVersion = 1;
/** Longest `streamId`, in bytes of UTF-8. */
export const maxStreamIdBytes = 128;
/** Longest reason of a reset, in bytes of UTF-8. */
export const maxResetReasonBytes = 256;

export interface RelayFrame {
  /** Chosen by the harness; 1 to `maxStreamIdBytes` bytes, no surrounding blanks. */
  readonly streamId: string;
  /** See proto: highest seq received without a gap, or 0 for "nothing". uint32. */
  readonly ack: number;
  /** Bit i: seq `ack + 1 + i` was received too. uint32. */
  readonly ackBits: number;
  readonly body: RelayBody;
}

export type RelayBody =
  | RelayData
  | { readonly kind: 'ackFrame' }
  | { readonly kind: 'resume'; readonly nextSeq: number }
  | { readonly kind: 'reset'; readonly reason: string }
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'handshake'; readonly payload: Uint8Array };

export interface RelayData {
  readonly kind: 'data';
  /** uint32, counts segments. */
  readonly seq: number;
  /** 0 … segmentCount - 1. */
  readonly segmentIndex: number;
  readonly segmentCount: number;
  /** Never empty. A view into the frame's bytes: who keeps it keeps them. */
  readonly payload: Uint8Array;
}

export type RelayBodyKind = RelayBody['kind'];

/** Why bytes are no valid frame: a label for counters and logs. */
export type FrameFault =
  'malformed' | 'version' | 'stream_id' | 'no_body' | 'empty_payload' | 'segment_fields' | 'reset_reason';

/** The fault of a frame whose fields break the rules of docs/relay.md, or undefined. */
export function frameFault(version: number, frame: RelayFrame): FrameFault | undefined {
  if (version !== frameVersion) return 'version';
  if (!isStreamId(frame.streamId)) return 'stream_id';
  const body = frame.body;
  if (body.kind === 'data') {
    if (body.payload.length === 0) return 'empty_payload';
    // Also refuses a segmentCount of 0.
    if (body.segmentIndex >= body.segmentCount) return 'segment_fields';
  } else if (body.kind === 'reset') {
    if (body.reason === '' || isLongerThan(body.reason, maxResetReasonBytes)) return 'reset_reason';
  }
  return undefined;
}

export function isStreamId(id: string): boolean {
  return id !== '' && id.trim() === id && !isLongerThan(id, maxStreamIdBytes);
}

/** Whether `text` has more than `limit` bytes in UTF-8; encodes nothing. */
function isLongerThan(text: string, limit: number): boolean {
  if (text.length * 3 <= limit) return false;
  if (text.length > limit) return true;
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes > limit;
}

/** A reason as a reset may carry it: never empty, cut to `maxResetReasonBytes`. */
export function resetReason(text: string): string {
  let reason = text.slice(0, maxResetReasonBytes);
  while (isLongerThan(reason, maxResetReasonBytes)) reason = reason.slice(0, -1);
  // A cut between the halves of a surrogate pair would not survive UTF-8.
  return reason.replace(/[\uD800-\uDBFF]$/, '') || 'closed';
}

/** One line for logs, without the payload: `3f2a… data seq 7 (2 of 3), 65536 bytes, ack 4 +0b101`. */
export function frameText(frame: RelayFrame): string {
  const ack = frame.ack === 0 && frame.ackBits === 0 ? '' : `, ack ${frame.ack}`;
  const bits = frame.ackBits === 0 ? '' : ` +0b${frame.ackBits.toString(2)}`;
  return `${frame.streamId} ${bodyText(frame.body)}${ack}${bits}`;
}

function bodyText(body: RelayBody): string {
  switch (body.kind) {
    case 'data': {
      const part = body.segmentCount === 1 ? '' : ` (${body.segmentIndex + 1} of ${body.segmentCount})`;
      return `data seq ${body.seq}${part}, ${body.payload.length} bytes`;
    }
    case 'resume':
      return `resume nextSeq ${body.nextSeq}`;
    case 'reset':
      return `reset "${body.reason}"`;
    case 'handshake':
      return `handshake ${body.payload.length} bytes`;
    case 'ackFrame':
      return 'ack';
    case 'heartbeat':
      return 'heartbeat';
  }
}
