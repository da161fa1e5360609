// The ends that a rendezvous routes between: an executor's and a harness's connection, the stream that joins them, and
// what they are allowed. Facts only; room.ts holds the rules.

import type { CloseInfo } from '../../shared/connection/connection.ts';
import { bump, type RelayCutReason, type RelayMetrics } from './relay-metrics.ts';

export interface RelaySettings {
  /** Largest frame taken, bytes. */
  readonly relayMaxFrameBytes: number;
  readonly relayMaxStreams: number;
  readonly relayMaxHarnesses: number;
  /** A peer with more unsent bytes than this is disconnected; the frame that is about to be sent does not count. */
  readonly relayMaxQueuedBytes: number;
  /** Streams of a resumable peer outlive its connection by this, ms. */
  readonly relayGraceMs: number;
}

/** A connection of frames whose reading can be stopped. */
export interface PeerSocket {
  readonly bufferedBytes: number;
  /**
   * @param isLast nobody uses `frame` after this: its memory may be given back
   * @returns whether more may be sent at once.
   */
  send(frame: Uint8Array, isLast?: boolean): boolean;
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
  /** Ends it as a broken link does. */
  cut(): void;
}

/** The executor, connected to this node. */
export interface ExecutorEnd {
  readonly socket: PeerSocket;
  readonly name: string;
  /** Connections with the same one are the same executor, come back; another one knows nothing of its streams. */
  readonly peer: string;
  readonly isResumable: boolean;
  readonly sinceMs: number;
  /** Its public key if it speaks Noise, packed (noise.ts); else ''. */
  readonly noiseKey: string;
}

/** A harness, connected to this node or to another one. */
export interface HarnessEnd {
  /** Unique at this node. */
  readonly key: string;
  /** Connections with the same one are the same harness, come back; '' is nobody's. */
  readonly peer: string;
  readonly isResumable: boolean;
  readonly socket: PeerSocket;
  /** Streams that it has begun. */
  readonly streams: Set<string>;
  /** Where it is connected: undefined for this node. */
  readonly nodeId: string | undefined;
}

/** One stream as the rendezvous sees it; the numbers are since it began here. */
export interface StreamRoute {
  harness: HarnessEnd;
  readonly sinceMs: number;
  framesToExecutor: number;
  framesToHarness: number;
  bytesToExecutor: number;
  bytesToHarness: number;
}

/** Close codes of our own (RFC 6455: 4000 to 4999). */
export const RelayCloseCode = { replaced: 4001, tooSlow: 4008, tooManyHarnesses: 4009 } as const;

/** Ends a connection and counts why. */
export function cutSocket(
  metrics: RelayMetrics,
  socket: PeerSocket,
  why: RelayCutReason,
  code: number,
  reason: string,
): void {
  bump(metrics.cuts, why);
  socket.close(code, reason);
}

/** The peer said goodbye; it has reset its streams itself, or will not resume them. */
export function isDeliberate({ code }: CloseInfo): boolean {
  return code === 1000 || code === 1001;
}

export function isSamePeer(a: HarnessEnd, b: HarnessEnd): boolean {
  return a.isResumable && b.isResumable && a.peer !== '' && a.peer === b.peer;
}
