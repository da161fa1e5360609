// What a room asks of the rendezvous that it is part of.

import type { HarnessEnd, RelaySettings } from './peer-ends.ts';
import type { RelayMetrics } from './relay-metrics.ts';
import type { ExecutorRoom } from './room.ts';

export interface RoomHost {
  readonly settings: RelaySettings;
  readonly metrics: RelayMetrics;
  /** Before this, an executor that was never seen may still come back to a node that was just started, ms since 1970. */
  readonly startGraceUntilMs: number;
  /** The executor's presence, or what others know of it, has changed. */
  onPresence(room: ExecutorRoom): void;
  /** Sends a frame of a local harness to the executor's node. @returns whether more may be sent at once. */
  sendElsewhere(nodeId: string, room: ExecutorRoom, harness: HarnessEnd, frame: Uint8Array): boolean;
  /** Tells the node of a harness that another connection has taken over a stream of it. */
  sendTaken(nodeId: string, room: ExecutorRoom, harness: HarnessEnd, streamId: string): void;
  /** Nothing is left in the room. */
  onEmpty(room: ExecutorRoom): void;
}
