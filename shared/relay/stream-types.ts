// What is said of one stream from outside: who it is, how it goes, how it ended. reliable-stream.ts is how it works.

import type { RelayLimits } from './limits.ts';

export type RelayRole = 'harness' | 'executor';

export interface StreamEnd {
  /** For people and logs; as in the reset that was sent or received. */
  readonly reason: string;
  readonly by: 'us' | 'peer';
}

/** Counters for people: all since the stream began, except what says otherwise. */
export interface StreamStats {
  readonly peer: PeerKind;
  /** Smoothed round-trip time in ms, once measured. */
  readonly rttMs: number | undefined;
  /** Now. */
  readonly unackedSegments: number;
  readonly unackedBytes: number;
  readonly unsentBytes: number;
  readonly earlyBytes: number;
  readonly reassemblyBytes: number;
  readonly unreadBytes: number;
  readonly retransmits: number;
  readonly duplicates: number;
  readonly dropped: number;
  readonly framesIn: number;
  readonly framesOut: number;
  /** Payload, resent segments included. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly resumes: number;
}

export type PeerKind = 'unproven' | 'reliable' | 'old';

export interface ReliableStreamOptions {
  readonly streamId: string;
  readonly role: RelayRole;
  readonly limits: RelayLimits;
  readonly nowMs: number;
  readonly carrierIsUp: boolean;
  /** 0 on the wire; tests choose it, for both ends alike, to reach the wrap-around. */
  readonly firstSeq?: number;
}
