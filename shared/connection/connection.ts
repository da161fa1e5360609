// Connection: a bidirectional carrier of whole JSON-RPC messages, whatever is below it (WebSocket, stdio lines,
// an in-process pair, a relay stream). Servers and clients are written against this interface only.

/** Why a connection ended. */
export interface CloseInfo {
  /** For people: "harness closed the connection", "message larger than 50331648 bytes". */
  readonly reason: string;
  /** The WebSocket close code, where the carrier has one (1006: dropped without a close frame). */
  readonly code?: number;
}

/** What the owner of a connection is told. Handlers must not throw. */
export interface ConnectionHandler {
  /** One whole message. May be invalid JSON: judging it is the next layer's job. */
  onMessage(text: string): void;
  /**
   * Absent: `onMessage`. Called instead of it for a long message, if the carrier has its bytes: the UTF-8 of the text, at least
   * 64 KiB. They belong to the receiver, with their whole ArrayBuffer.
   */
  onLongMessage?(bytes: Uint8Array): void;
  /** After `send` returned false: the backlog has shrunk, bulk may go on. */
  onWritable(): void;
  /**
   * The peer sends nothing more but still reads: the carrier closes once this settles. Absent: it closes at once.
   * Only carriers whose ends close one by one (stdio) call it.
   */
  onInputEnd?(): Promise<void>;
  /** Exactly once, and nothing after it. */
  onClose(close: CloseInfo): void;
}

/** ASCII text, or bytes that are UTF-8 already. */
export type MessagePart = string | Uint8Array;

export interface Connection {
  /** For logs, e.g. `ws 127.0.0.1:41234`; never holds a secret. */
  readonly label: string;
  readonly isClosed: boolean;
  /** False while more than the carrier's high-water mark waits to be sent. */
  readonly isWritable: boolean;
  /** Bytes that were sent and still wait in this process. */
  readonly bufferedBytes: number;

  /** Starts delivery. Call exactly once; messages that came before are kept and delivered after it. */
  open(handler: ConnectionHandler): void;

  /**
   * Sends one message, given as text or as the UTF-8 bytes of that text. The bytes must not change afterwards.
   * @returns whether bulk may go on at once. False is advice: the message is queued all the same, and `onWritable`
   * follows. After the end it does nothing and returns false. Never throws.
   */
  send(message: string | Uint8Array): boolean;

  /**
   * As `send`, for a message in parts that a carrier can copy straight to where it needs them. Absent where it has no such way.
   */
  sendParts?(parts: readonly MessagePart[]): boolean;

  /** Stops delivery as far as the carrier can (a few messages may still come), so that the peer feels backpressure. Idempotent. */
  pause(): void;
  resume(): void;

  /**
   * Asks the peer for a sign of life. Absent where the carrier cannot ask: such a connection counts as alive.
   * @returns whether one came within `timeoutMs`.
   */
  probe?(timeoutMs: number): Promise<boolean>;

  /** Ends it after what was sent has gone out. Idempotent. `code` and `reason` go into a WebSocket close frame. */
  close(code?: number, reason?: string): void;
}

/** Close codes that we send (RFC 6455 section 7.4, and 4000 up for our own meanings). */
export const CloseCode = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  policyViolation: 1008,
  messageTooBig: 1009,
  tryAgainLater: 1013,
} as const;
