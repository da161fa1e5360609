// FrameCarrier: what carries relay frames between an endpoint and a rendezvous, usually a WebSocket with binary messages.
// The mux sends whole frames and is told of whole frames; text messages and pings are the carrier's own business.

import type { CloseInfo } from '../connection/connection.ts';

/** What the owner of a carrier is told. Handlers never throw. */
export interface FrameCarrierHandler {
  /** One whole binary message. It may be kept, so it must not change afterwards. */
  onFrame(frame: Uint8Array): void;
  /** After `send` returned false or `isWritable` was false: the backlog has shrunk. */
  onWritable(): void;
  /** Exactly once, and nothing after it. */
  onClose(close: CloseInfo): void;
}

export interface FrameCarrier {
  /** For logs; never holds a secret. */
  readonly label: string;
  /**
   * False while so much waits to be sent that a frame of another stream would come too late: a low mark (some hundred
   * KiB) keeps streams fair, since what waits here is sent in order.
   */
  readonly isWritable: boolean;
  /** Bytes that were sent and still wait in this process. */
  readonly bufferedBytes: number;

  /** Starts delivery. Call exactly once; frames that came before are kept and delivered after it. */
  open(handler: FrameCarrierHandler): void;
  /** @returns whether more may be sent at once; false is advice. After the end it does nothing. Never throws. */
  send(frame: Uint8Array): boolean;
  /**
   * As `send`, for a frame in two parts that the carrier can copy straight to where it needs them; neither may change
   * afterwards. Absent where it has no such way.
   */
  sendParts?(head: Uint8Array, payload: Uint8Array): boolean;
  /** Ends it after what was sent has gone out. Idempotent. */
  close(code?: number, reason?: string): void;
}
