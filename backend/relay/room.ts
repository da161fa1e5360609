// Everything about one executor at one rendezvous node: its connection, its harnesses, and who owns which stream.
//
//   state      what a frame of a harness meets                                       left by
//   here       ownership of its stream, then the executor's socket                   executor leaves → away or offline
//   elsewhere  the bus, to the node where the executor is                            that node says so, or dies
//   away       dropped, it will be resent (resumable harness); else offline          grace is over → offline
//   offline    reset("executor_offline")                                             executor connects
//
// Routing needs `stream_id` and the body's kind, no more: frames go on byte for byte.

import type { CloseInfo } from '../../shared/connection/connection.ts';
import { encodeFrame, peekRoute } from '../../shared/relay/codec.ts';
import type { LivePicture } from '../../shared/relay/live-picture.ts';
import type { Impairments } from './impairment.ts';
import {
  cutSocket,
  isDeliberate,
  isSamePeer,
  RelayCloseCode,
  type ExecutorEnd,
  type HarnessEnd,
  type PeerSocket,
  type StreamRoute,
} from './peer-ends.ts';
import { bump, type RelayCutReason, type RelayResetReason } from './relay-metrics.ts';
import { RoomFlow } from './room-flow.ts';
import type { RoomHost } from './room-host.ts';
import { RoomWatch } from './room-watch.ts';

export class ExecutorRoom {
  executor: ExecutorEnd | undefined;
  /** The node that has the executor, when it is not this one. */
  elsewhere: string | undefined;
  impairments: Impairments | undefined;
  readonly harnesses = new Map<string, HarnessEnd>();
  readonly streams = new Map<string, StreamRoute>();
  /** While somebody looks. */
  #watch: RoomWatch | undefined;
  readonly #awayHarnesses = new Map<HarnessEnd, NodeJS.Timeout>();
  /** Streams that ended while the executor was away. */
  readonly #untold = new Set<string>();
  readonly #flow: RoomFlow;
  /** While the executor is absent: until then it may come back, ms since 1970. */
  #absentUntilMs = 0;
  #absenceTimer: NodeJS.Timeout | undefined;
  /** Who was the executor last; undefined after a start: streams may be his. */
  #lastPeer: string | undefined;

  constructor(
    readonly executorId: string,
    private readonly host: RoomHost,
  ) {
    this.#flow = new RoomFlow(host.settings, host.metrics);
    this.#absent(host.startGraceUntilMs);
  }

  // ---- The executor ----

  /** Takes over `executor`; one that was here is closed. */
  attachExecutor(executor: ExecutorEnd): void {
    this.#dismissExecutor();
    const isOther = this.#lastPeer !== undefined && this.#lastPeer !== executor.peer;
    if (isOther || !executor.isResumable) this.#endStreams('executor_disconnected');
    this.#lastPeer = executor.peer;
    clearTimeout(this.#absenceTimer);
    this.elsewhere = undefined;
    this.executor = executor;
    this.host.metrics.executorConnections++;
    // Streams that were begun while the executor was elsewhere, and those that it still takes for alive.
    for (const harness of this.harnesses.values()) this.claim(harness, harness.streams);
    if (!isOther && executor.isResumable) for (const streamId of this.#untold) this.#tellOfEnd(streamId);
    this.#untold.clear();
    this.host.onPresence(this);
  }

  onExecutorFrame(executor: ExecutorEnd, frame: Uint8Array): void {
    const { metrics, settings } = this.host;
    if (this.executor !== executor) return;
    if (frame.length > settings.relayMaxFrameBytes) {
      this.#tooLarge(executor.socket);
      return;
    }
    const route = peekRoute(frame);
    if (typeof route === 'string') {
      metrics.drop(route);
      return;
    }
    const stream = this.streams.get(route.streamId);
    if (!stream || this.#awayHarnesses.has(stream.harness)) metrics.drop('no_harness');
    else {
      stream.framesToHarness++;
      stream.bytesToHarness += frame.length;
      this.#watch?.onSent(stream, 'toHarness', frame);
      const impairment = this.impairments?.toHarness;
      if (impairment) {
        const { harness } = stream;
        impairment.pass(frame, (passed) => this.#passToHarness(stream, harness, passed));
      } else this.#passToHarness(stream, stream.harness, frame, true);
    }
    if (route.kind === 'reset' && stream) this.#forget(route.streamId, stream);
  }

  /** The executor's connection has ended. */
  onExecutorClose(executor: ExecutorEnd, close: CloseInfo): void {
    if (this.executor !== executor) return;
    this.#releaseExecutor(executor);
    const mayReturn = executor.isResumable && !isDeliberate(close);
    this.#absent(mayReturn ? Date.now() + this.host.settings.relayGraceMs : 0);
    // A stream needs both ends to survive a gap: what was on the way is lost to a harness that never resends.
    this.#endStreams('executor_disconnected', (harness) => !mayReturn || !harness.isResumable);
    this.host.onPresence(this);
  }

  /** The socket of the executor has room again. */
  onExecutorWritable(): void {
    this.#flow.onExecutorWritable();
  }

  /** Another node has the executor, who may be another one than before. */
  setElsewhere(nodeId: string, peer: string): void {
    this.#dismissExecutor();
    clearTimeout(this.#absenceTimer);
    this.elsewhere = nodeId;
    if (this.#lastPeer !== undefined && this.#lastPeer !== peer) this.#endStreams('executor_disconnected');
    this.#lastPeer = peer;
    // Ownership is the other node's business now.
    this.streams.clear();
    this.#removeRemote();
    this.#giveUpIfEmpty();
  }

  /** The node that had the executor has lost it, or is gone itself. */
  setAbsent(mayReturn: boolean): void {
    if (this.executor) return;
    this.elsewhere = undefined;
    this.#absent(mayReturn ? Date.now() + this.host.settings.relayGraceMs : 0);
    if (!mayReturn) this.#endStreams('executor_disconnected');
  }

  /** Whether an executor that is absent may still come back. */
  get mayReturn(): boolean {
    return Date.now() < this.#absentUntilMs;
  }

  // ---- Harnesses ----

  /** @returns false when there are too many, and closes it. */
  attachHarness(harness: HarnessEnd): boolean {
    if (this.harnesses.size >= this.host.settings.relayMaxHarnesses) {
      const { tooManyHarnesses } = RelayCloseCode;
      this.#cut(harness.socket, 'too_many_harnesses', tooManyHarnesses, 'this executor has too many harnesses');
      return false;
    }
    this.harnesses.set(harness.key, harness);
    this.host.metrics.harnessConnections++;
    // One slow harness may only stop the executor while nobody else waits for it.
    this.#flow.resumeExecutor();
    this.claim(harness, harness.streams);
    return true;
  }

  /** Its connection was lost, and it may still come back. */
  isAway(harness: HarnessEnd): boolean {
    return this.#awayHarnesses.has(harness);
  }

  /**
   * Streams that a harness already has, as its node says: whoever has one already keeps it, except that among its own
   * connections of one harness a node knows best which has it now.
   */
  claim(harness: HarnessEnd, streamIds: Iterable<string>): void {
    if (!this.executor) return;
    for (const streamId of [...streamIds]) {
      const stream = this.streams.get(streamId);
      if (!stream) this.#open(harness, streamId);
      else if (stream.harness.nodeId === harness.nodeId && isSamePeer(stream.harness, harness)) {
        this.#takeOver(streamId, stream, harness);
      }
    }
  }

  /** The node that has the executor now keeps the books, also of a harness that is away. */
  forgetAway(harness: HarnessEnd): void {
    if (this.#awayHarnesses.has(harness)) this.#removeHarness(harness);
  }

  onHarnessFrame(harness: HarnessEnd, frame: Uint8Array): void {
    const { metrics, settings } = this.host;
    if (!this.harnesses.has(harness.key)) return;
    if (frame.length > settings.relayMaxFrameBytes) {
      this.#tooLarge(harness.socket);
      return;
    }
    const route = peekRoute(frame);
    if (typeof route === 'string') {
      metrics.drop(route);
      return;
    }
    const { streamId, kind } = route;
    if (this.elsewhere !== undefined) {
      this.#sendElsewhere(this.elsewhere, harness, streamId, kind === 'reset', frame);
      return;
    }
    const { executor } = this;
    if (!executor && !(harness.isResumable && this.mayReturn)) {
      if (kind !== 'reset') this.#refuse(harness, streamId, 'executor_offline');
      return;
    }
    // Who owns what goes on while the executor is away: harnesses come back meanwhile.
    let stream = this.streams.get(streamId);
    if (!stream) {
      if (kind !== 'reset') {
        if (this.streams.size >= settings.relayMaxStreams) {
          this.#refuse(harness, streamId, 'too_many_streams');
          return;
        }
        stream = this.#open(harness, streamId);
      }
    } else if (stream.harness !== harness) {
      if (kind !== 'resume' || !isSamePeer(stream.harness, harness)) {
        this.#refuse(harness, streamId, 'stream_in_use');
        return;
      }
      this.#takeOver(streamId, stream, harness);
    }
    if (stream) this.#watch?.onSent(stream, 'toExecutor', frame);
    if (!executor) {
      metrics.drop('executor_away');
      return;
    }
    if (stream) {
      stream.framesToExecutor++;
      stream.bytesToExecutor += frame.length;
    }
    const impairment = this.impairments?.toExecutor;
    if (impairment) impairment.pass(frame, (passed) => this.#passToExecutor(executor, harness, stream, passed));
    else this.#passToExecutor(executor, harness, stream, frame);
    if (kind === 'reset' && stream) this.#forget(streamId, stream);
  }

  /** A harness's connection has ended, here or at its node. */
  onHarnessClose(harness: HarnessEnd, close: CloseInfo): void {
    if (this.harnesses.get(harness.key) !== harness || this.#awayHarnesses.has(harness)) return;
    this.#flow.forgetHarness(harness);
    const mayReturn = harness.isResumable && !isDeliberate(close) && harness.streams.size > 0;
    if (this.elsewhere !== undefined || !mayReturn) {
      this.#removeHarness(harness);
    } else {
      const timer = setTimeout(() => this.#removeHarness(harness), this.host.settings.relayGraceMs);
      timer.unref();
      this.#awayHarnesses.set(harness, timer);
    }
  }

  onHarnessWritable(harness: HarnessEnd): void {
    this.#flow.onHarnessWritable(harness);
  }

  /** As the executor's node says: the stream is over, or another connection has taken it over. */
  forgetStreamOf(harness: HarnessEnd, streamId: string): void {
    harness.streams.delete(streamId);
  }

  /**
   * What is going on here, for people: looks into frames from now on, until nobody has asked for a while.
   * @param maxStreams the newest ones first.
   */
  look(maxStreams = Infinity): LivePicture {
    this.#watch ??= new RoomWatch(this.host.metrics, () => (this.#watch = undefined));
    return this.#watch.look(this, maxStreams);
  }

  /** Ends everything: the node is stopping. Resumable peers go on at another one. */
  close(reason: string): void {
    clearTimeout(this.#absenceTimer);
    for (const timer of this.#awayHarnesses.values()) clearTimeout(timer);
    this.impairments?.close();
    this.#watch?.close();
    if (this.executor) this.#cut(this.executor.socket, 'stopping', 1012, reason);
    for (const harness of this.harnesses.values()) {
      if (harness.nodeId === undefined) this.#cut(harness.socket, 'stopping', 1012, reason);
    }
  }

  // ---- Frames leave ----

  // Perhaps later than they came: the impairment may have held them back.

  #passToExecutor(
    executor: ExecutorEnd,
    harness: HarnessEnd,
    stream: StreamRoute | undefined,
    frame: Uint8Array,
  ): void {
    if (this.executor !== executor) return;
    if (stream) this.#watch?.onPassed(stream, 'toExecutor', frame);
    this.#flow.toExecutor(executor, harness, frame);
  }

  /** @param isLast nobody uses the frame after this */
  #passToHarness(stream: StreamRoute, harness: HarnessEnd, frame: Uint8Array, isLast = false): void {
    this.#watch?.onPassed(stream, 'toHarness', frame);
    this.sendToHarness(harness, frame, isLast);
  }

  /** Past impairment and ownership: to its socket. */
  sendToHarness(harness: HarnessEnd, frame: Uint8Array, isLast = false): void {
    if (this.#flow.toHarness(harness, frame, isLast)) return;
    // A bus that is full is everybody's.
    const isAlone = harness.nodeId !== undefined || this.harnesses.size - this.#awayHarnesses.size === 1;
    const mayStop = isAlone && this.harnesses.has(harness.key);
    this.#flow.onHarnessFull(harness, frame, mayStop ? this.executor : undefined);
  }

  /** To the node that has the executor, which keeps the books; here only what must be claimed if it moves. */
  #sendElsewhere(nodeId: string, harness: HarnessEnd, streamId: string, isReset: boolean, frame: Uint8Array): void {
    // A frame that came over the bus is not sent on: two nodes that disagree must not play ball.
    if (harness.nodeId !== undefined) return;
    if (isReset) harness.streams.delete(streamId);
    else harness.streams.add(streamId);
    if (this.host.sendElsewhere(nodeId, this, harness, frame)) return;
    this.#flow.hold(harness);
  }

  #refuse(harness: HarnessEnd, streamId: string, reason: RelayResetReason): void {
    this.host.metrics.drop('refused');
    harness.streams.delete(streamId);
    this.#reset(harness.socket, streamId, reason);
  }

  #reset(socket: PeerSocket, streamId: string, reason: RelayResetReason): void {
    bump(this.host.metrics.resets, reason);
    socket.send(encodeFrame({ streamId, ack: 0, ackBits: 0, body: { kind: 'reset', reason } }));
  }

  #tooLarge(socket: PeerSocket): void {
    this.host.metrics.drop('frame_too_large');
    const { relayMaxFrameBytes } = this.host.settings;
    this.#cut(socket, 'frame_too_large', 1009, `frame larger than ${relayMaxFrameBytes} bytes`);
  }

  #cut(socket: PeerSocket, why: RelayCutReason, code: number, reason: string): void {
    cutSocket(this.host.metrics, socket, why, code, reason);
  }

  // ---- Books ----

  #open(harness: HarnessEnd, streamId: string): StreamRoute {
    const stream: StreamRoute = {
      harness,
      sinceMs: Date.now(),
      framesToExecutor: 0,
      framesToHarness: 0,
      bytesToExecutor: 0,
      bytesToHarness: 0,
    };
    this.streams.set(streamId, stream);
    this.#untold.delete(streamId);
    harness.streams.add(streamId);
    this.host.metrics.streamsOpened++;
    return stream;
  }

  #takeOver(streamId: string, stream: StreamRoute, harness: HarnessEnd): void {
    if (stream.harness === harness) return;
    const { harness: former } = stream;
    former.streams.delete(streamId);
    // It may only seem to be connected there: else its node would claim the stream for it when the executor moves.
    if (former.nodeId !== undefined) this.host.sendTaken(former.nodeId, this, former, streamId);
    stream.harness = harness;
    harness.streams.add(streamId);
    this.host.metrics.streamsTakenOver++;
  }

  #forget(streamId: string, stream: StreamRoute): void {
    this.streams.delete(streamId);
    stream.harness.streams.delete(streamId);
  }

  /** The executor is gone for those streams. */
  #endStreams(reason: RelayResetReason, isMeant: (harness: HarnessEnd) => boolean = () => true): void {
    for (const harness of this.harnesses.values()) {
      if (!isMeant(harness)) continue;
      for (const streamId of harness.streams) {
        this.streams.delete(streamId);
        this.#reset(harness.socket, streamId, reason);
        if (!this.executor) this.#tellOfEnd(streamId);
      }
      harness.streams.clear();
    }
  }

  /** A harness will not come back: its streams end at the executor, which has no other way to know. */
  #removeHarness(harness: HarnessEnd): void {
    clearTimeout(this.#awayHarnesses.get(harness));
    this.#awayHarnesses.delete(harness);
    this.#flow.forgetHarness(harness);
    this.harnesses.delete(harness.key);
    for (const streamId of harness.streams) {
      const stream = this.streams.get(streamId);
      if (stream?.harness !== harness) continue;
      this.streams.delete(streamId);
      this.#tellOfEnd(streamId);
    }
    harness.streams.clear();
    this.#giveUpIfEmpty();
  }

  /** Harnesses of other nodes, which are here only for the executor. */
  #removeRemote(): void {
    for (const harness of [...this.harnesses.values()]) if (harness.nodeId !== undefined) this.#removeHarness(harness);
  }

  /** To the executor, at once or when it is back. */
  #tellOfEnd(streamId: string): void {
    if (this.executor) this.#reset(this.executor.socket, streamId, 'harness_disconnected');
    else if (this.#untold.size < this.host.settings.relayMaxStreams) this.#untold.add(streamId);
  }

  /** Another connection takes its place, here or at another node. */
  #dismissExecutor(): void {
    const { executor } = this;
    if (!executor) return;
    this.#releaseExecutor(executor);
    this.#cut(executor.socket, 'replaced', RelayCloseCode.replaced, 'replaced by a newer connection of this executor');
  }

  #releaseExecutor(executor: ExecutorEnd): void {
    this.executor = undefined;
    this.#flow.releaseExecutor(executor);
  }

  #absent(untilMs: number): void {
    this.#absentUntilMs = untilMs;
    clearTimeout(this.#absenceTimer);
    const leftMs = Math.max(0, this.#absentUntilMs - Date.now());
    this.#absenceTimer = setTimeout(() => {
      if (this.executor || this.elsewhere !== undefined) return;
      this.#endStreams('executor_disconnected');
      this.#removeRemote();
      this.#giveUpIfEmpty();
    }, leftMs);
    this.#absenceTimer.unref();
  }

  #giveUpIfEmpty(): void {
    if (this.executor || this.elsewhere !== undefined || this.harnesses.size > 0 || this.impairments) return;
    if (!this.mayReturn) this.host.onEmpty(this);
  }
}
