// Links a harness's leg to an executor's: every message goes on as it came, a slow side holds back the other, and an end is
// passed on with its code and reason. The engine of `tap` and of the page's bridge.

import type { Direction } from '../../shared/recording/entry.ts';
import type { Leg, LegClose, LegMessage } from './leg.ts';

export interface LinkEvents {
  /** Before it goes on. */
  onMessage?(dir: Direction, message: LegMessage): void;
  /** Once, when the first of both ends, or the link is closed. */
  onClose?(by: 'harness' | 'executor' | 'bridge', close: LegClose): void;
}

export class Link {
  isClosed = false;
  #isHeld = false;
  /** Sides that wait for the other's room. */
  readonly #waiting = new Set<Leg>();

  /** @param early what the harness sent before there was an executor. */
  constructor(
    private readonly harness: Leg,
    private readonly executor: Leg,
    private readonly events: LinkEvents = {},
    early: readonly LegMessage[] = [],
  ) {
    this.#openSide(harness, executor, 'harness');
    this.#openSide(executor, harness, 'executor');
    for (const message of early) this.#forward(message, 'out');
  }

  /** Stops both sides: for a recorder that is behind. */
  hold(): void {
    this.#isHeld = true;
    this.#update();
  }

  release(): void {
    this.#isHeld = false;
    this.#update();
  }

  /** Ends both. Idempotent. */
  close(close: LegClose): void {
    this.#ended('bridge', close);
    this.harness.close(close);
    this.executor.close(close);
  }

  #ended(by: 'harness' | 'executor' | 'bridge', close: LegClose): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.events.onClose?.(by, close);
  }

  #openSide(leg: Leg, other: Leg, side: 'harness' | 'executor'): void {
    leg.open({
      onMessage: (message) => this.#forward(message, side === 'harness' ? 'out' : 'in'),
      onWritable: () => {
        this.#waiting.delete(other);
        this.#update();
      },
      onInputEnd: async () => other.finish?.(),
      onClose: (close) => {
        this.#ended(side, close);
        other.close(close);
      },
    });
    this.#update();
  }

  #forward(message: LegMessage, dir: Direction): void {
    const [from, to] = dir === 'out' ? [this.harness, this.executor] : [this.executor, this.harness];
    this.events.onMessage?.(dir, message);
    if (to.send(message)) return;
    this.#waiting.add(from);
    this.#update();
  }

  #update(): void {
    if (this.isClosed) return;
    for (const leg of [this.harness, this.executor]) {
      if (this.#isHeld || this.#waiting.has(leg)) leg.pause();
      else leg.resume();
    }
  }
}
