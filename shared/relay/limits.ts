// Every size, count and time limit of the relay's endpoints: unit, default, reason. All can be set per mux.

import { limits } from '../limits.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

export interface RelayLimits {
  /** Largest message taken or reassembled, in bytes; above it the stream is reset with `message_too_large`. */
  readonly maxMessageBytes: number;
  /** Most segments of one message: a peer that announces more gets the same reset. */
  readonly maxSegmentsPerMessage: number;
  /**
   * Payload of one segment that we send, in bytes: what another stream may have to wait for. Takes the output of one full
   * read of a pipe (64 KiB, as base64 in its envelope), which then is neither cut nor put together again.
   */
  readonly segmentBytes: number;
  /** Most that is sent and unacknowledged to a reliable peer, in bytes. Genuine peers use the same 2 MiB. */
  readonly windowBytes: number;
  /** The same in segments: messages are often small. */
  readonly windowSegments: number;
  /** Most that is kept for a peer that has not proven reliable yet; then new messages wait for `proofWaitMs` at most. */
  readonly unprovenTailBytes: number;
  readonly unprovenTailSegments: number;
  /** Most that is kept for a peer that was given up as an old one (the oldest is forgotten first). */
  readonly oldTailBytes: number;
  readonly oldTailSegments: number;
  /** Segments that arrived too early and wait for those before them; more are dropped (they will be resent). */
  readonly reorderBytes: number;
  readonly reorderSegments: number;
  /** While this much waits for a paused reader, acknowledgements stop: the sender's window is the rest of the buffer. */
  readonly unreadBytes: number;
  readonly unreadMessages: number;
  /** More unread bytes than this from a reliable peer are dropped: it overran its window and will resend. */
  readonly maxUnreadBytes: number;
  /** … from an old peer, which never resends: the stream is reset with `reader_too_slow`. */
  readonly maxUnreadBytesOfOldPeer: number;

  /** An acknowledgement leaves at the latest so many ms after the segment … */
  readonly ackDelayMs: number;
  /** … or with this many segments. */
  readonly ackEverySegments: number;
  /** Retransmission timer (RFC 6298): before the first measurement, and its bounds, in ms. */
  readonly initialRtoMs: number;
  readonly minRtoMs: number;
  readonly maxRtoMs: number;
  /** A reliable peer that acknowledges nothing for this long is reset with `not_acknowledged`, in ms. */
  readonly ackTimeoutMs: number;
  /** A heartbeat follows this long after the last frame sent to a reliable peer, in ms. */
  readonly heartbeatMs: number;
  /** A reliable peer that sends nothing for this long is dead, in ms: nine heartbeats lost in a row. */
  readonly silenceMs: number;
  /** First wait for a sign of reliability before asking by a resume frame; doubles up to `maxProbeMs`, in ms … */
  readonly probeMs: number;
  readonly maxProbeMs: number;
  /** … and a peer taken for an old one is asked as rarely as this, in ms. */
  readonly oldProbeMs: number;
  /** Wait between these questions while new messages wait for the answer, in ms. */
  readonly urgentProbeMs: number;
  /** How long new messages wait for the answer when the tail is full, in ms. */
  readonly proofWaitMs: number;
  /** A peer that has shown no sign of reliability for this long after our first segment is taken for an old one, in ms. */
  readonly oldAfterMs: number;
  /** After a lost carrier, an unproven peer must answer within this, else the stream ends with `not_resumed`, in ms. */
  readonly resumeProofMs: number;
  /** Streams that nobody resumes within this after their carrier was lost end, in ms. 0: they end with their carrier. */
  readonly resumeTimeoutMs: number;
  /** A closing stream waits this long for its last messages to be acknowledged, in ms. */
  readonly lingerMs: number;

  /** Per mux: streams; further ones are reset with `too_many_streams`. */
  readonly maxStreams: number;
  /** Per mux: bytes that all streams together hold for reordering, reassembly and slow readers. */
  readonly maxReceiveBytes: number;
  /** Per mux: ended streams whose reason is remembered for late frames. */
  readonly rememberedEnds: number;
  /** Per mux: a stream opened by its peer must deliver a message within this, else it is reset with `never_began`, in ms. */
  readonly beginTimeoutMs: number;
}

export const defaultRelayLimits: RelayLimits = {
  maxMessageBytes: limits.maxMessageBytes,
  maxSegmentsPerMessage: 65_536,
  segmentBytes: 95 * KiB,
  windowBytes: 2 * MiB,
  windowSegments: 1024,
  unprovenTailBytes: 16 * MiB,
  unprovenTailSegments: 16_384,
  oldTailBytes: 256 * KiB,
  oldTailSegments: 64,
  reorderBytes: 4 * MiB,
  reorderSegments: 1024,
  unreadBytes: 256 * KiB,
  unreadMessages: 256,
  maxUnreadBytes: 4 * MiB,
  maxUnreadBytesOfOldPeer: 64 * MiB,
  ackDelayMs: 10,
  ackEverySegments: 8,
  initialRtoMs: 500,
  minRtoMs: 50,
  maxRtoMs: 5_000,
  ackTimeoutMs: 60_000,
  heartbeatMs: 10_000,
  silenceMs: 90_000,
  probeMs: 250,
  maxProbeMs: 1_000,
  oldProbeMs: 15_000,
  urgentProbeMs: 100,
  proofWaitMs: 3_000,
  oldAfterMs: 20_000,
  resumeProofMs: 5_000,
  resumeTimeoutMs: 30_000,
  lingerMs: 5_000,
  maxStreams: 8_192,
  maxReceiveBytes: 256 * MiB,
  rememberedEnds: 4_096,
  beginTimeoutMs: 60_000,
};
