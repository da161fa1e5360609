// One end of a bridge: whole messages as they come, text or binary, with backpressure and close codes. Unlike a Connection it
// changes nothing on the way and carries the frames of a relay too.

export interface LegMessage {
  readonly data: Uint8Array;
  readonly isBinary: boolean;
}

export interface LegClose {
  readonly reason: string;
  /** 1005: a close frame without a code. 1006: dropped. Undefined: the carrier has no codes. */
  readonly code?: number | undefined;
}

export interface LegHandler {
  onMessage(message: LegMessage): void;
  /** After `send` returned false: there is room again. */
  onWritable(): void;
  /** No message follows; resolves when what was asked before is answered. */
  onInputEnd?(): Promise<void>;
  /** Exactly once, and nothing after it. */
  onClose(close: LegClose): void;
}

export interface Leg {
  /** For people; holds no secret. */
  readonly label: string;
  /** Starts delivery. Again: hands it over to another handler. */
  open(handler: LegHandler): void;
  /** @returns whether more may follow at once. The message is taken all the same. */
  send(message: LegMessage): boolean;
  /** Stops delivery as far as it can: a few messages may still come. */
  /** Where a carrier's halves end apart: says that no message follows. Resolves when the other half has ended, too. */
  finish?(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Ends it as the other end ended; after what was sent has left, unless it was dropped. Idempotent. */
  close(close: LegClose): void;
}

/** A close frame holds so many bytes of text. */
const maxReasonBytes = 123;

/** Cut to what fits a close frame, at the end of a character. */
export function closeFrameText(reason: string): string {
  const bytes = Buffer.from(reason);
  if (bytes.length <= maxReasonBytes) return reason;
  let end = maxReasonBytes - 3;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return `${bytes.toString('utf8', 0, end)}…`;
}

/** Codes that may stand in a close frame (RFC 6455 section 7.4). */
export function isSendableCode(code: number): boolean {
  return (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999);
}
