// What the rendezvous counts. Labels are few and fixed: no ids.

import type { FrameFault } from '../../shared/relay/frame.ts';
import type { SignedUrlFault } from './signed-url.ts';

/** Why the rendezvous dropped a frame. */
export type RelayDrop =
  | FrameFault
  /** A text message: frames are binary. */
  | 'text'
  /** Larger than the limit; its connection is closed. */
  | 'frame_too_large'
  /** The executor is away and may still come back: its peers will resend. */
  | 'executor_away'
  /** No harness has used the stream, or its harness is away. */
  | 'no_harness'
  /** Answered with a reset: see `resets`. */
  | 'refused'
  /** Another node is unreachable or too slow. */
  | 'bus_full'
  /** By the impairment that somebody has set. */
  | 'impaired';

/** Resets that the rendezvous itself sends. */
export type RelayResetReason =
  'stream_in_use' | 'executor_offline' | 'executor_disconnected' | 'harness_disconnected' | 'too_many_streams';

/** Why the rendezvous ended a connection. */
export type RelayCutReason =
  'replaced' | 'too_slow' | 'too_many_harnesses' | 'frame_too_large' | 'impaired' | 'stopping';

export type Counts<Label extends string> = Partial<Record<Label, number>>;

export class RelayMetrics {
  framesToExecutor = 0;
  framesToHarness = 0;
  bytesToExecutor = 0;
  bytesToHarness = 0;
  executorConnections = 0;
  harnessConnections = 0;
  /** A peer could not keep up, and its senders were paused. */
  pauses = 0;
  streamsOpened = 0;
  streamsTakenOver = 0;
  /** Of streams that somebody watched meanwhile: the endpoints resent a segment, or got one twice. */
  watchedRetransmits = 0;
  watchedDuplicates = 0;
  busMessagesIn = 0;
  busMessagesOut = 0;
  readonly dropped: Counts<RelayDrop> = {};
  readonly resets: Counts<RelayResetReason> = {};
  readonly cuts: Counts<RelayCutReason> = {};
  /** Upgrades refused before they became connections. */
  readonly refused: Counts<SignedUrlFault> = {};

  drop(reason: RelayDrop): void {
    bump(this.dropped, reason);
  }
}

export function bump<Label extends string>(counts: Counts<Label>, label: Label): void {
  const all: Partial<Record<string, number>> = counts;
  all[label] = (all[label] ?? 0) + 1;
}
