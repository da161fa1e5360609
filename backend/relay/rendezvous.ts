// The rendezvous: routes relay frames between harnesses and executors by `stream_id`, and does nothing else. Start reading
// here: sockets come in by `accept`, room.ts holds the rules, node-link.ts joins nodes into one.

import { randomBytes, randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import { peekRoute } from '../../shared/relay/codec.ts';
import type { ImpairmentsSettings } from '../../shared/relay/impairment-settings.ts';
import type { LivePicture } from '../../shared/relay/live-picture.ts';
import { FrameWebSocket, type FrameWebSocketOptions } from '../transports/frame-websocket.ts';
import type { FrameBus } from './bus.ts';
import { Impairments, type ImpairmentFaults } from './impairment.ts';
import { NodeLink, type Presence } from './node-link.ts';
import type { ExecutorEnd, HarnessEnd, PeerSocket, RelaySettings } from './peer-ends.ts';
import { bump, RelayMetrics } from './relay-metrics.ts';
import { ExecutorRoom } from './room.ts';
import type { RelayGrant } from './signed-url.ts';

/** An executor that is online, at any node. */
export interface OnlineExecutor extends Presence {
  readonly isHere: boolean;
}

/** Frames of other streams wait behind what is queued: enough for a fast link, little for a slow one. */
const highWaterBytes = 1024 * 1024;

export class Rendezvous {
  readonly metrics = new RelayMetrics();
  readonly startGraceUntilMs: number;
  readonly #rooms = new Map<string, ExecutorRoom>();
  /** Executors at other nodes. */
  readonly #elsewhere = new Map<string, { readonly nodeId: string; readonly presence: Presence }>();
  readonly #link: NodeLink;
  /** Keys of our harnesses begin with it, so that nodes never mix them up. */
  readonly #keyPrefix = randomBytes(6).toString('base64url');
  #lastKey = 0;
  #isClosing = false;

  constructor(
    readonly settings: RelaySettings & { readonly pingIntervalMs: number },
    private readonly log: Logger,
  ) {
    this.startGraceUntilMs = Date.now() + settings.relayGraceMs;
    this.#link = new NodeLink(this.metrics, {
      presences: () => [...this.#rooms.values()].flatMap((room) => presenceOf(room) ?? []),
      onExecutor: (nodeId, presence) => {
        this.#elsewhere.set(presence.executorId, { nodeId, presence });
        const room = this.#rooms.get(presence.executorId);
        // Both nodes may believe that they have the newest connection of one executor: the later one has.
        if (room?.executor && room.executor.sinceMs > presence.sinceMs) return;
        if (room && room.elsewhere !== nodeId) this.#moveTo(room, nodeId, presence.peer);
      },
      onExecutorGone: (nodeId, executorId, mayReturn) => {
        if (this.#elsewhere.get(executorId)?.nodeId !== nodeId) return;
        this.#elsewhere.delete(executorId);
        const room = mayReturn ? this.#room(executorId) : this.#rooms.get(executorId);
        if (room?.executor === undefined) room?.setAbsent(mayReturn);
      },
      onNodeGone: (nodeId) => this.#forgetNode(nodeId),
      onAttach: (nodeId, { executorId, key, peer, isResumable, streams }) => {
        const room = this.#rooms.get(executorId);
        if (!room?.executor) return;
        const known = room.harnesses.get(key);
        if (known) {
          room.claim(known, streams);
          return;
        }
        const socket = new RemoteSocket(this.#link, nodeId, executorId, key);
        room.attachHarness({ key, peer, isResumable, socket, streams: new Set(streams), nodeId });
      },
      onDetach: (_, executorId, key, close) => {
        const room = this.#rooms.get(executorId);
        const harness = room?.harnesses.get(key);
        if (room && harness) room.onHarnessClose(harness, close);
      },
      onUp: (_, executorId, key, frame) => {
        const room = this.#rooms.get(executorId);
        const harness = room?.harnesses.get(key);
        if (room && harness) room.onHarnessFrame(harness, frame);
        else this.metrics.drop('executor_away');
      },
      onDown: (executorId, key, frame) => this.#sendDown(executorId, key, frame),
      onTaken: (executorId, key, streamId) => {
        const room = this.#rooms.get(executorId);
        const harness = room?.harnesses.get(key);
        if (harness) room?.forgetStreamOf(harness, streamId);
      },
      onHold: (executorId, key, isHeld) => {
        const socket = this.#rooms.get(executorId)?.harnesses.get(key)?.socket;
        if (isHeld) socket?.pause();
        else socket?.resume();
      },
      onClose: (executorId, key, code, reason) =>
        this.#rooms.get(executorId)?.harnesses.get(key)?.socket.close(code, reason),
      onWritable: () => {
        for (const room of this.#rooms.values()) room.onExecutorWritable();
      },
    });
  }

  get nodeId(): string {
    return this.#link.nodeId;
  }

  /** To be called once, before `accept`. @throws Error when the bus cannot be reached. */
  async open(bus: FrameBus): Promise<void> {
    await this.#link.open(bus);
  }

  /** Takes a socket whose URL has been verified. */
  accept(socket: WebSocket, raw: Socket, grant: RelayGrant): void {
    const { metrics } = this;
    const options: FrameWebSocketOptions = {
      label: `relay ${grant.role} of ${grant.executorId}`,
      pingIntervalMs: this.settings.pingIntervalMs,
      highWaterBytes,
      maxFrameBytes: this.settings.relayMaxFrameBytes,
      onText: () => metrics.drop('text'),
    };
    const carrier = new FrameWebSocket(socket, raw, options);
    if (this.#isClosing) carrier.close(1012, 'the rendezvous is stopping');
    else if (grant.role === 'executor') this.#acceptExecutor(carrier, grant);
    else this.#acceptHarness(carrier, grant);
  }

  /** All executors online, at any node. */
  executors(): OnlineExecutor[] {
    const here = [...this.#rooms.values()].flatMap((room) => presenceOf(room) ?? []);
    const ids = new Set(here.map(({ executorId }) => executorId));
    return [
      ...here.map((presence) => ({ ...presence, isHere: true })),
      ...[...this.#elsewhere.values()]
        .filter(({ presence }) => !ids.has(presence.executorId))
        .map(({ presence }) => ({ ...presence, isHere: false })),
    ];
  }

  /** One executor that is online, at any node. */
  executor(executorId: string): OnlineExecutor | undefined {
    const room = this.#rooms.get(executorId);
    const here = room && presenceOf(room);
    if (here) return { ...here, isHere: true };
    const elsewhere = this.#elsewhere.get(executorId);
    return elsewhere && { ...elsewhere.presence, isHere: false };
  }

  get counts(): { executors: number; harnesses: number; streams: number; queuedBytes: number } {
    const counts = { executors: 0, harnesses: 0, streams: 0, queuedBytes: 0 };
    for (const room of this.#rooms.values()) {
      const { executor, harnesses, streams } = room;
      if (executor) counts.executors++;
      counts.queuedBytes += executor?.socket.bufferedBytes ?? 0;
      counts.streams += streams.size;
      for (const harness of harnesses.values()) {
        if (harness.nodeId === undefined && !room.isAway(harness)) counts.harnesses++;
        counts.queuedBytes += harness.socket.bufferedBytes;
      }
    }
    return counts;
  }

  /** What is going on with an executor at this node, from now on also inside its frames; undefined when nothing is. */
  look(executorId: string, maxStreams?: number): LivePicture | undefined {
    return this.#rooms.get(executorId)?.look(maxStreams);
  }

  // ---- Impairment ----

  impairments(executorId: string): ({ readonly settings: ImpairmentsSettings } & ImpairmentFaults) | undefined {
    const impairments = this.#rooms.get(executorId)?.impairments;
    return impairments && { settings: impairments.settings, ...impairments.stats };
  }

  /** Undefined ends it. Applies at the node where the executor is connected, to frames from now on. */
  impair(executorId: string, settings: ImpairmentsSettings | undefined): void {
    const room = settings ? this.#room(executorId) : this.#rooms.get(executorId);
    if (!room) return;
    room.impairments?.close();
    room.impairments =
      settings &&
      new Impairments(settings, (direction) => {
        this.metrics.drop('impaired');
        this.cut(executorId, direction === 'toExecutor' ? 'executor' : 'harnesses');
      });
  }

  /** Breaks connections as a bad network does, without a close frame. @returns how many. */
  cut(executorId: string, whose: 'executor' | 'harnesses'): number {
    const room = this.#rooms.get(executorId);
    const harnesses = [...(room?.harnesses.values() ?? [])].filter(
      (harness) => harness.nodeId === undefined && room?.isAway(harness) === false,
    );
    const ends = whose === 'harnesses' ? harnesses : room?.executor ? [room.executor] : [];
    for (const { socket } of ends) {
      bump(this.metrics.cuts, 'impaired');
      socket.cut();
    }
    return ends.length;
  }

  get impairedExecutors(): string[] {
    return [...this.#rooms.values()].filter(({ impairments }) => impairments).map(({ executorId }) => executorId);
  }

  /** Ends all connections; resumable peers go on elsewhere, or here after a restart. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const room of this.#rooms.values()) room.close('the rendezvous is stopping');
    await this.#link.close();
  }

  // ---- Sockets ----

  #acceptExecutor(carrier: FrameWebSocket, grant: RelayGrant): void {
    const room = this.#room(grant.executorId);
    const executor: ExecutorEnd = {
      socket: carrier,
      name: grant.name,
      peer: grant.peer,
      isResumable: grant.resume,
      sinceMs: Date.now(),
      noiseKey: grant.noiseKey,
    };
    room.attachExecutor(executor);
    this.log.info({ executor: grant.executorId, name: grant.name }, 'executor online');
    carrier.open({
      onFrame: (frame) => room.onExecutorFrame(executor, frame),
      onWritable: () => {
        if (room.executor === executor) room.onExecutorWritable();
      },
      onClose: (close) => {
        this.log.info({ executor: grant.executorId, ...close }, 'executor gone');
        room.onExecutorClose(executor, close);
      },
    });
  }

  #acceptHarness(carrier: FrameWebSocket, grant: RelayGrant): void {
    const room = this.#room(grant.executorId);
    const harness: HarnessEnd = {
      key: `${this.#keyPrefix}${++this.#lastKey}`,
      peer: grant.peer,
      isResumable: grant.resume,
      socket: carrier,
      streams: new Set(),
      nodeId: undefined,
    };
    if (!room.attachHarness(harness)) return;
    if (room.elsewhere !== undefined) this.#attachElsewhere(room.elsewhere, room, harness);
    this.log.debug({ executor: grant.executorId, harness: harness.key }, 'harness connected');
    carrier.open({
      onFrame: (frame) => room.onHarnessFrame(harness, frame),
      onWritable: () => room.onHarnessWritable(harness),
      onClose: (close) => {
        this.log.debug({ executor: grant.executorId, harness: harness.key, ...close }, 'harness gone');
        if (room.elsewhere !== undefined) this.#link.detach(room.elsewhere, grant.executorId, harness.key, close);
        room.onHarnessClose(harness, close);
      },
    });
  }

  #sendDown(executorId: string, key: string, frame: Uint8Array): void {
    const room = this.#rooms.get(executorId);
    const harness = room?.harnesses.get(key);
    if (!room || !harness) {
      this.metrics.drop('no_harness');
      return;
    }
    const route = peekRoute(frame);
    if (typeof route !== 'string' && route.kind === 'reset') room.forgetStreamOf(harness, route.streamId);
    room.sendToHarness(harness, frame);
  }

  // ---- Rooms ----

  #room(executorId: string): ExecutorRoom {
    let room = this.#rooms.get(executorId);
    if (room) return room;
    room = new ExecutorRoom(executorId, {
      settings: this.settings,
      metrics: this.metrics,
      startGraceUntilMs: this.startGraceUntilMs,
      onPresence: (changed) => this.#announce(changed),
      sendElsewhere: (nodeId, { executorId: id }, harness, frame) => {
        this.#link.up(nodeId, id, harness.key, frame);
        return this.#link.isWritable;
      },
      sendTaken: (nodeId, { executorId: id }, harness, streamId) => this.#link.taken(nodeId, id, harness.key, streamId),
      onEmpty: (empty) => this.#rooms.delete(empty.executorId),
    });
    this.#rooms.set(executorId, room);
    const elsewhere = this.#elsewhere.get(executorId);
    if (elsewhere) room.setElsewhere(elsewhere.nodeId, elsewhere.presence.peer);
    return room;
  }

  #announce(room: ExecutorRoom): void {
    const presence = presenceOf(room);
    if (presence) {
      this.#elsewhere.delete(room.executorId);
      this.#link.announce(presence);
    } else this.#link.announceGone(room.executorId, room.mayReturn);
  }

  #moveTo(room: ExecutorRoom, nodeId: string, peer: string): void {
    room.setElsewhere(nodeId, peer);
    for (const harness of [...room.harnesses.values()]) {
      this.#attachElsewhere(nodeId, room, harness);
      if (!room.isAway(harness)) continue;
      this.#link.detach(nodeId, room.executorId, harness.key, { reason: 'away' });
      room.forgetAway(harness);
    }
  }

  #attachElsewhere(
    nodeId: string,
    { executorId }: ExecutorRoom,
    { key, peer, isResumable, streams }: HarnessEnd,
  ): void {
    this.#link.attach(nodeId, { executorId, key, peer, isResumable, streams: [...streams] });
  }

  #forgetNode(nodeId: string): void {
    for (const [executorId, { nodeId: at }] of this.#elsewhere) {
      if (at !== nodeId) continue;
      this.#elsewhere.delete(executorId);
      // Its executors look for another node now.
      this.#room(executorId).setAbsent(true);
    }
    for (const room of this.#rooms.values()) {
      for (const harness of [...room.harnesses.values()]) {
        if (harness.nodeId === nodeId) room.onHarnessClose(harness, { reason: 'its node is gone' });
      }
    }
  }
}

function presenceOf({ executorId, executor, streams }: ExecutorRoom): Presence | undefined {
  if (!executor) return undefined;
  const { name, peer, sinceMs, isResumable, noiseKey } = executor;
  return { executorId, name, peer, sinceMs, isResumable, noiseKey, streams: streams.size };
}

/** A harness's socket at another node, reached by the bus. */
class RemoteSocket implements PeerSocket {
  readonly bufferedBytes = 0;

  constructor(
    private readonly link: NodeLink,
    private readonly nodeId: string,
    private readonly executorId: string,
    private readonly key: string,
  ) {}

  send(frame: Uint8Array): boolean {
    this.link.down(this.nodeId, this.executorId, this.key, frame);
    return this.link.isWritable;
  }

  pause(): void {
    this.link.hold(this.nodeId, this.executorId, this.key, true);
  }

  resume(): void {
    this.link.hold(this.nodeId, this.executorId, this.key, false);
  }

  close(code: number, reason: string): void {
    this.link.closeHarness(this.nodeId, this.executorId, this.key, code, reason);
  }

  cut(): void {
    this.close(1012, 'cut');
  }
}

/** For URLs: tells one peer from others. */
export function newPeerId(): string {
  return randomUUID();
}
