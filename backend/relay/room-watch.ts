// Looks into the heads of one executor's frames while somebody watches: numbers for people, which change nothing. It ends by
// itself when nobody has asked for a while, so that routing costs what it does without it.

import { decodeFrame } from '../../shared/relay/codec.ts';
import { DirectionWatch } from '../../shared/relay/direction-watch.ts';
import type { LivePicture, WatchPicture } from '../../shared/relay/live-picture.ts';
import type { Impairments } from './impairment.ts';
import type { ExecutorEnd, StreamRoute } from './peer-ends.ts';
import type { RelayMetrics } from './relay-metrics.ts';

/** Watching ends when nobody has asked for this long, ms. */
const leaseMs = 15_000;
/** Streams that are watched at once, per executor: each may remember two windows of segments. */
const maxWatchedStreams = 256;

export type Direction = 'toExecutor' | 'toHarness';

/** What is shown of a room. */
interface WatchedRoom {
  readonly executor: ExecutorEnd | undefined;
  readonly impairments: Impairments | undefined;
  readonly streams: ReadonlyMap<string, StreamRoute>;
}

type StreamWatch = Record<Direction, DirectionWatch>;

export class RoomWatch {
  readonly #watches = new Map<StreamRoute, StreamWatch>();
  #leaseTimer: NodeJS.Timeout | undefined;

  /** @param onEnd nobody watches any more. */
  constructor(
    private readonly metrics: RelayMetrics,
    private readonly onEnd: () => void,
  ) {}

  /** Somebody looks, at the newest streams first: frames are looked into for another while. */
  look({ executor, impairments, streams }: WatchedRoom, maxStreams: number): LivePicture {
    clearTimeout(this.#leaseTimer);
    this.#leaseTimer = setTimeout(this.onEnd, leaseMs).unref();
    const live = new Set(streams.values());
    for (const stream of this.#watches.keys()) if (!live.has(stream)) this.#watches.delete(stream);
    const newest = [...streams].slice(-maxStreams).reverse();
    return {
      atMs: Date.now(),
      isHere: executor !== undefined,
      sinceMs: executor?.sinceMs ?? null,
      streamCount: streams.size,
      streams: newest.map(([streamId, stream]) => {
        const { harness, ...numbers } = stream;
        return { streamId, harness: harness.key, ...numbers, watch: this.#picture(stream) };
      }),
      impairment: impairments?.stats ?? null,
    };
  }

  /** A frame has come for one end; whether it goes on is not decided. */
  onSent(stream: StreamRoute, direction: Direction, bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    const watch = this.#watchOf(stream);
    if (typeof frame === 'string' || !watch) return;
    const nowMs = performance.now();
    watch[direction].onFrame(nowMs);
    const { ack, ackBits, body } = frame;
    const back = direction === 'toExecutor' ? 'toHarness' : 'toExecutor';
    if (ack !== 0 || ackBits !== 0 || body.kind === 'ackFrame') watch[back].onAck(ack, ackBits, nowMs);
    if (body.kind === 'data' && watch[direction].onSent(body, nowMs)) this.metrics.watchedRetransmits++;
  }

  /** A frame goes on to its end, perhaps another time. */
  onPassed(stream: StreamRoute, direction: Direction, bytes: Uint8Array): void {
    const watch = this.#watches.get(stream);
    const frame = watch && decodeFrame(bytes);
    if (!frame || typeof frame === 'string' || frame.body.kind !== 'data') return;
    if (watch[direction].onPassed(frame.body)) this.metrics.watchedDuplicates++;
  }

  /** Null until a frame has come, and for streams beyond the bound. */
  #picture(stream: StreamRoute): WatchPicture | null {
    const watch = this.#watches.get(stream);
    if (!watch) return null;
    const nowMs = performance.now();
    return { toExecutor: watch.toExecutor.picture(nowMs), toHarness: watch.toHarness.picture(nowMs) };
  }

  close(): void {
    clearTimeout(this.#leaseTimer);
  }

  #watchOf(stream: StreamRoute): StreamWatch | undefined {
    let watch = this.#watches.get(stream);
    if (!watch && this.#watches.size < maxWatchedStreams) {
      watch = { toExecutor: new DirectionWatch(), toHarness: new DirectionWatch() };
      this.#watches.set(stream, watch);
    }
    return watch;
  }
}
