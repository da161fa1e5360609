// Every size, count and time limit that both sides know: unit, default, reason. Server settings stand in backend/config.ts.

const KiB = 1024;
const MiB = 1024 * KiB;

export const limits = {
  /** Largest JSON-RPC message taken, in bytes. Holds a `process/write` or `fs/writeFile` of 32 MiB in base64. */
  maxMessageBytes: 48 * MiB,
  /** Most WebSocket fragments of one message: bounds the work that a peer can cause with tiny frames. */
  maxMessageFragments: 4096,
  /** A sender is asked to wait while more than this waits in a connection, in bytes. */
  highWaterBytes: 1 * MiB,
  /** … and may go on below this. */
  lowWaterBytes: 256 * KiB,
  /** Largest decoded payload of one `process/output` or `http/request/bodyDelta`; Codex 0.169 ends a connection on more. */
  maxChunkBytes: 1 * MiB,
  /** Largest block of `fs/readBlock` and `fs/writeBlock`, in bytes (docs/protocol.md, "File handles"). */
  maxBlockBytes: 1 * MiB,
  /** Longest `handleId`, in bytes. */
  maxHandleIdBytes: 32,
  /** Open file handles of one connection. */
  maxFileHandles: 128,
  /** Ids of writes remembered per process, so that a repeated write is not written twice. */
  rememberedWriteIds: 4096,
  /** Longest wait that a timer takes, in ms: setTimeout fires at once beyond 2^31-1. */
  maxTimerMs: 2 ** 31 - 1,
  /** Harness: time to connect, ms. */
  connectTimeoutMs: 10_000,
  /** Harness: time to an answer to `initialize`, ms. */
  initializeTimeoutMs: 10_000,
} as const;

/** A wait from the wire as a timer takes it: never above `limits.maxTimerMs`. */
export function timerMs(ms: number): number {
  return Math.min(ms, limits.maxTimerMs);
}
