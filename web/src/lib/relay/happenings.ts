// From one picture of the relay to the next: what happened, in sentences, and in which phase each stream is. So people see
// that a link was lost, and that the endpoints recovered from it. Pure; the clock is the pictures'.

import type { LivePicture, StreamPicture } from '../../../../shared/relay/live-picture.ts';
import { durationText } from '../format.ts';
import { bothDirections } from './stream-history.ts';

export interface Happening {
  readonly id: number;
  /** Since 1970, ms. */
  readonly atMs: number;
  readonly kind: 'lost' | 'back' | 'plain';
  readonly text: string;
}

/**
 * `waiting`: the executor is away, the stream goes on when it is back. `recovering`: segments are sent again, or wait for
 * an earlier one. `busy`: bytes move.
 */
export type StreamPhase = 'waiting' | 'recovering' | 'busy' | 'idle';

/** A stream has recovered when nothing was sent again for so long, ms. */
const calmMs = 1500;

interface Recovery {
  readonly sinceMs: number;
  readonly retransmitsBefore: number;
  readonly duplicatesBefore: number;
  /** When something was last sent again. */
  lastMs: number;
}

export class Happenings {
  readonly #recoveries = new Map<string, Recovery>();
  #before: LivePicture | undefined;
  #awaySinceMs = 0;
  #nextId = 0;
  #phases: ReadonlyMap<string, StreamPhase> = new Map();

  get phases(): ReadonlyMap<string, StreamPhase> {
    return this.#phases;
  }

  /** @returns what happened since the picture before, oldest first. */
  add(picture: LivePicture): readonly Happening[] {
    const before = this.#before;
    this.#before = picture;
    const told: Happening[] = [];
    const tell = (kind: Happening['kind'], text: string) =>
      told.push({ id: this.#nextId++, atMs: picture.atMs, kind, text });
    if (before) {
      this.#compareLinks(before, picture, tell);
      this.#compareStreams(before, picture, tell);
    }
    this.#phases = new Map(picture.streams.map((stream) => [stream.streamId, this.#phase(stream, picture, before)]));
    return told;
  }

  /** The feed was interrupted: what comes next is compared with nothing. */
  forget(): void {
    this.#before = undefined;
    this.#recoveries.clear();
  }

  #compareLinks(before: LivePicture, now: LivePicture, tell: Tell): void {
    if (before.isHere && !now.isHere) {
      this.#awaySinceMs = now.atMs;
      tell('lost', 'The executor’s connection is lost; its streams wait.');
    }
    if (!before.isHere && now.isHere) {
      if (this.#awaySinceMs === 0) tell('plain', 'The executor is connected.');
      else tell('back', `The executor is connected again after ${durationText(now.atMs - this.#awaySinceMs)}.`);
    }
    // It came back between two pictures.
    if (before.isHere && now.isHere && before.sinceMs !== now.sinceMs)
      tell('back', `The executor is connected again after ${durationText(now.atMs - before.atMs)} at most.`);
    const cuts = cutsOf(now) - cutsOf(before);
    if (now.impairment && cuts > 0)
      tell('lost', `The bad link has cut ${cuts === 1 ? 'a connection' : `${cuts} connections`}.`);
    if (!before.impairment && now.impairment) tell('plain', 'The link is made bad from now on.');
    if (before.impairment && !now.impairment) tell('plain', 'The link is good again.');
  }

  #compareStreams(before: LivePicture, now: LivePicture, tell: Tell): void {
    const earlier = new Map(before.streams.map((stream) => [stream.streamId, stream]));
    for (const stream of now.streams) {
      const { streamId, watch } = stream;
      const known = earlier.get(streamId);
      earlier.delete(streamId);
      if (!known) tell('plain', `Stream ${shortId(streamId)} begins.`);
      if (!watch || !known?.watch) continue;
      const counts = bothDirections(watch);
      const countsBefore = bothDirections(known.watch);
      let recovery = this.#recoveries.get(streamId);
      if (counts.retransmits > countsBefore.retransmits) {
        recovery ??= {
          sinceMs: now.atMs,
          retransmitsBefore: countsBefore.retransmits,
          duplicatesBefore: countsBefore.duplicates,
          lastMs: now.atMs,
        };
        recovery.lastMs = now.atMs;
        this.#recoveries.set(streamId, recovery);
      } else if (recovery && now.isHere && now.atMs - recovery.lastMs >= calmMs) {
        this.#recoveries.delete(streamId);
        const resent = counts.retransmits - recovery.retransmitsBefore;
        const doubled = counts.duplicates - recovery.duplicatesBefore;
        const segments = (count: number) => (count === 1 ? '1 segment' : `${count} segments`);
        tell(
          'back',
          `Stream ${shortId(streamId)} has recovered: ${segments(resent)} sent again${doubled > 0 ? `, ${doubled} came twice` : ''}.`,
        );
      }
    }
    for (const [streamId] of earlier) {
      this.#recoveries.delete(streamId);
      if (now.streamCount === now.streams.length) tell('plain', `Stream ${shortId(streamId)} has ended.`);
    }
  }

  #phase(stream: StreamPicture, now: LivePicture, before: LivePicture | undefined): StreamPhase {
    if (!now.isHere) return 'waiting';
    const { watch } = stream;
    const hasGap = watch !== null && watch.toExecutor.earlySegments + watch.toHarness.earlySegments > 0;
    if (hasGap || this.#recoveries.has(stream.streamId)) return 'recovering';
    const known = before?.streams.find(({ streamId }) => streamId === stream.streamId);
    const bytes = ({ watch: heads, bytesToExecutor, bytesToHarness }: StreamPicture) =>
      heads ? heads.toExecutor.bytes + heads.toHarness.bytes : bytesToExecutor + bytesToHarness;
    return known && bytes(stream) > bytes(known) ? 'busy' : 'idle';
  }
}

type Tell = (kind: Happening['kind'], text: string) => void;

/** What is shown of a stream id: enough to tell a few apart. */
export function shortId(streamId: string): string {
  return streamId.slice(0, 8);
}

function cutsOf({ impairment }: LivePicture): number {
  return (impairment?.toExecutor?.cuts ?? 0) + (impairment?.toHarness?.cuts ?? 0);
}
