// The live picture of one executor, as its server sends it while somebody looks, and what is kept of it: the course of each
// stream, and what happened. Kept while the page lives, so that whoever comes back finds the curve.

import { livePictureSchema, type LivePicture } from '../../../../shared/relay/live-picture.ts';
import { Happenings, type Happening, type StreamPhase } from './happenings.ts';
import { relayApi } from './relay-api.ts';
import { StreamHistories, type StreamHistory } from './stream-history.ts';

const maxHappenings = 100;
/** Two minutes at two pictures a second. */
const maxCourse = 240;
/** A feed that the server has ended is asked for again after so long, ms. */
const retryMs = 3000;

export class LiveFeed {
  picture = $state.raw<LivePicture | undefined>();
  /** Newest first. */
  happenings = $state.raw<readonly Happening[]>([]);
  /** The worst phase of all streams, picture by picture, oldest first. */
  course = $state.raw<readonly LinkMoment[]>([]);
  isInterrupted = $state(false);
  readonly #compare = new Happenings();
  readonly #histories = new StreamHistories();

  constructor(readonly executorId: string) {}

  /** Of a stream of the present picture. */
  history(streamId: string): StreamHistory | undefined {
    // With the picture it changes.
    return this.picture && this.#histories.of(streamId);
  }

  phase(streamId: string): StreamPhase {
    return (this.picture && this.#compare.phases.get(streamId)) ?? 'idle';
  }

  /** Follows while the page is seen. @returns the end of it: right for `$effect`. */
  run(): () => void {
    let source: EventSource | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = () => {
      clearTimeout(timer);
      source?.close();
      source = undefined;
      this.#compare.forget();
    };
    const follow = () => {
      stop();
      if (document.hidden) return;
      source = new EventSource(relayApi.eventsUrl(this.executorId));
      source.addEventListener('picture', ({ data }: MessageEvent<string>) => this.#take(data));
      source.addEventListener('error', () => {
        this.isInterrupted = true;
        stop();
        timer = setTimeout(follow, retryMs);
      });
    };
    follow();
    document.addEventListener('visibilitychange', follow);
    return () => {
      document.removeEventListener('visibilitychange', follow);
      stop();
    };
  }

  #take(data: string): void {
    const picture = livePictureSchema.safeParse(parseJson(data)).data;
    if (!picture) return;
    this.isInterrupted = false;
    this.#histories.add(picture);
    const happened = this.#compare.add(picture);
    if (happened.length > 0) this.happenings = [...happened.toReversed(), ...this.happenings].slice(0, maxHappenings);
    const moment = { atMs: picture.atMs, phase: worstPhase(picture.isHere, this.#compare.phases) };
    this.course = [...this.course.slice(1 - maxCourse), moment];
    this.picture = picture;
  }
}

export interface LinkMoment {
  /** Since 1970, ms. */
  readonly atMs: number;
  readonly phase: StreamPhase;
}

function worstPhase(isHere: boolean, phases: ReadonlyMap<string, StreamPhase>): StreamPhase {
  if (!isHere) return 'waiting';
  const occurring = new Set(phases.values());
  return (['recovering', 'busy'] as const).find((phase) => occurring.has(phase)) ?? 'idle';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
