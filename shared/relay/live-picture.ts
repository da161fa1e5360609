// What the rendezvous tells of its streams over `/api/relay/executors/{id}`: `streams` answers a list, `events` sends
// `LivePicture`s as server-sent events named `picture`. Both sides take the shapes from here (docs/relay.md "Watching").

import * as z from 'zod';

const count = z.number().int().nonnegative();

/** Segments of one stream in one direction, as their frames' heads tell while somebody watches. */
export const directionPictureSchema = z.object({
  /** The newest seq sent; null before the first data frame. uint32. */
  seq: count.nullable(),
  /** The receiver's newest acknowledgement; null as long as it has acknowledged nothing, as old peers never do. */
  ack: count.nullable(),
  ackBits: count,
  /** Smoothed, ms: from here to the receiver and back. The round trip of the stream is the sum of both directions. */
  rttMs: z.number().nonnegative().nullable(),
  /** Sent and not acknowledged; null for a receiver that acknowledges nothing. */
  unackedSegments: count.nullable(),
  unackedBytes: count.nullable(),
  /** Segments that the sender has sent again. */
  retransmits: count,
  /** Segments that went on to the receiver although they had before: it suppresses them. */
  duplicates: count,
  /** Segments that went on before an earlier one, and wait for it at the receiver. */
  earlySegments: count,
  /** The message that the receiver is putting together: segments it has without a gap, of all. */
  reassembly: z.object({ segments: count, of: count }).nullable(),
  segments: count,
  /** Payload, resent segments included. */
  bytes: count,
  /** Since the last frame of any kind, ms; null before the first. */
  silentMs: z.number().nonnegative().nullable(),
});
export type DirectionPicture = z.infer<typeof directionPictureSchema>;

export const watchPictureSchema = z.object({ toExecutor: directionPictureSchema, toHarness: directionPictureSchema });
export type WatchPicture = z.infer<typeof watchPictureSchema>;

export const streamPictureSchema = z.object({
  streamId: z.string(),
  /** Tells the connections of harnesses apart. */
  harness: z.string(),
  sinceMs: z.number(),
  /** Whole frames that came for the direction, since the stream began here. */
  framesToExecutor: count,
  framesToHarness: count,
  bytesToExecutor: count,
  bytesToHarness: count,
  /** Null until a frame has passed since watching began, and for streams beyond those that are watched at once. */
  watch: watchPictureSchema.nullable(),
});

export type StreamPicture = z.infer<typeof streamPictureSchema>;

const faultsSchema = z.object({
  frames: count,
  dropped: count,
  duplicated: count,
  reordered: count,
  delayed: count,
  cuts: count,
  queuedFrames: count,
  queuedBytes: count,
});
export type FaultCounts = z.infer<typeof faultsSchema>;

export const livePictureSchema = z.object({
  /** ms since 1970. */
  atMs: z.number(),
  /** Whether the executor is connected to the node that was asked; its streams outlive a short absence. */
  isHere: z.boolean(),
  /** When it has connected, ms since 1970; null while it is away. */
  sinceMs: z.number().nullable(),
  streamCount: count,
  /** The newest streams first; not all of them when there are more than the feed carries. */
  streams: z.array(streamPictureSchema),
  /** What the bad link did so far, while one is set. */
  impairment: z.object({ toExecutor: faultsSchema.optional(), toHarness: faultsSchema.optional() }).nullable(),
});
export type LivePicture = z.infer<typeof livePictureSchema>;
