// Where frames leave a room, and who waits when a socket is full: whoever sends to the executor waits for it; the executor
// waits for a harness only while nobody else needs it. What cannot wait is bounded, and beyond the bound disconnected.

import {
  cutSocket,
  RelayCloseCode,
  type ExecutorEnd,
  type HarnessEnd,
  type PeerSocket,
  type RelaySettings,
} from './peer-ends.ts';
import type { RelayMetrics } from './relay-metrics.ts';

export class RoomFlow {
  /** Senders that wait until the executor's socket has room. */
  readonly #held = new Set<HarnessEnd>();
  /** The one whose socket is full, for which the executor's reading was stopped; and the executor. */
  #paused: { readonly executor: ExecutorEnd; readonly harness: HarnessEnd } | undefined;

  constructor(
    private readonly settings: RelaySettings,
    private readonly metrics: RelayMetrics,
  ) {}

  toExecutor(executor: ExecutorEnd, harness: HarnessEnd, frame: Uint8Array): void {
    const { metrics } = this;
    metrics.framesToExecutor++;
    metrics.bytesToExecutor += frame.length;
    if (executor.socket.send(frame) || this.#isCutAsTooSlow(executor.socket, frame)) return;
    // Whoever sends into a full queue waits; this stalls nobody who does not send to this executor.
    if (this.#held.has(harness)) return;
    metrics.pauses++;
    this.hold(harness);
  }

  /** @returns false when its socket is full: `onHarnessFull` says what follows. */
  toHarness(harness: HarnessEnd, frame: Uint8Array, isLast: boolean): boolean {
    const { metrics } = this;
    metrics.framesToHarness++;
    metrics.bytesToHarness += frame.length;
    return harness.socket.send(frame, isLast);
  }

  /** @param executor the one to stop meanwhile; undefined when others need it. */
  onHarnessFull(harness: HarnessEnd, frame: Uint8Array, executor: ExecutorEnd | undefined): void {
    if (executor && !this.#paused) {
      this.metrics.pauses++;
      this.#paused = { executor, harness };
      executor.socket.pause();
    }
    this.#isCutAsTooSlow(harness.socket, frame);
  }

  /** Stops reading from a harness until the way to the executor has room. */
  hold(harness: HarnessEnd): void {
    this.#held.add(harness);
    harness.socket.pause();
  }

  /** The way to the executor has room again: its socket, or the bus. */
  onExecutorWritable(): void {
    if (this.#paused?.harness.nodeId !== undefined) this.resumeExecutor();
    for (const harness of this.#held) harness.socket.resume();
    this.#held.clear();
  }

  onHarnessWritable(harness: HarnessEnd): void {
    if (this.#paused?.harness === harness) this.resumeExecutor();
  }

  /** A harness is gone: nobody waits for it, and it waits for nobody. */
  forgetHarness(harness: HarnessEnd): void {
    this.#held.delete(harness);
    this.onHarnessWritable(harness);
  }

  resumeExecutor(): void {
    const executor = this.#paused?.executor;
    this.#paused = undefined;
    executor?.socket.resume();
  }

  /** The executor leaves: its socket is read to the end, and nobody waits for it. */
  releaseExecutor(executor: ExecutorEnd): void {
    this.#paused = undefined;
    // Otherwise a close frame would never be read.
    executor.socket.resume();
    this.onExecutorWritable();
  }

  #isCutAsTooSlow(socket: PeerSocket, frame: Uint8Array): boolean {
    if (socket.bufferedBytes - frame.length <= this.settings.relayMaxQueuedBytes) return false;
    const reason = 'too slow: more frames wait than may be queued';
    cutSocket(this.metrics, socket, 'too_slow', RelayCloseCode.tooSlow, reason);
    return true;
  }
}
