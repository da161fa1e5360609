// A simulated socket: two carriers, one at each end, with a link between them that loses, repeats, reorders and delays.

import type { FrameCarrier, FrameCarrierHandler } from '../../shared/relay/carrier.ts';
import type { Random } from './random.ts';
import type { VirtualClock } from './virtual-clock.ts';

export interface LinkFaults {
  /** Probabilities, per frame and direction. */
  readonly loss: number;
  readonly duplication: number;
  /** Share of the frames that may overtake others. */
  readonly reordering: number;
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** Bytes per ms and direction; Infinity: no throttle. */
  readonly bytesPerMs: number;
}

/** Above this much waiting at a throttled link, a carrier is not writable. */
const highWaterBytes = 256 * 1024;

/** @returns the two ends. Cutting one cuts both; what is on the way is lost. */
export function link(clock: VirtualClock, random: Random, faults: LinkFaults, label: string): [SimCarrier, SimCarrier] {
  const a = new SimCarrier(clock, random, faults, `${label} a`);
  const b = new SimCarrier(clock, random, faults, `${label} b`);
  a.other = b;
  b.other = a;
  return [a, b];
}

export class SimCarrier implements FrameCarrier {
  other: SimCarrier | undefined;
  #handler: FrameCarrierHandler | undefined;
  #isClosed = false;
  /** When the throttled link will have taken everything sent so far. */
  #busyUntilMs = 0;
  /** Frames that may not overtake each other arrive at the earliest then. */
  #lastArrivalMs = 0;
  #wakeIsSet = false;

  constructor(
    private readonly clock: VirtualClock,
    private readonly random: Random,
    private readonly faults: LinkFaults,
    readonly label: string,
  ) {}

  get bufferedBytes(): number {
    if (this.faults.bytesPerMs === Infinity) return 0;
    return Math.max(0, this.#busyUntilMs - this.clock.nowMs()) * this.faults.bytesPerMs;
  }

  get isWritable(): boolean {
    if (this.#isClosed) return false;
    const bytes = this.bufferedBytes;
    if (bytes < highWaterBytes) return true;
    if (!this.#wakeIsSet) {
      this.#wakeIsSet = true;
      this.clock.setTimer((bytes - highWaterBytes / 2) / this.faults.bytesPerMs, () => {
        this.#wakeIsSet = false;
        if (!this.#isClosed) this.#handler?.onWritable();
      });
    }
    return false;
  }

  open(handler: FrameCarrierHandler): void {
    this.#handler = handler;
  }

  send(frame: Uint8Array): boolean {
    if (this.#isClosed) return false;
    const { faults, random } = this;
    const nowMs = this.clock.nowMs();
    let leftAfterMs = 0;
    if (faults.bytesPerMs !== Infinity) {
      this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs) + frame.length / faults.bytesPerMs;
      leftAfterMs = this.#busyUntilMs - nowMs;
    }
    if (!random.chance(faults.loss)) this.#carry(frame, leftAfterMs);
    if (random.chance(faults.duplication)) this.#carry(frame, leftAfterMs);
    return this.isWritable;
  }

  close(): void {
    this.cut();
  }

  /** Both ends are told at once. */
  cut(): void {
    for (const end of [this, this.other]) {
      if (!end || end.#isClosed) continue;
      end.#isClosed = true;
      end.#handler?.onClose({ reason: 'cut', code: 1006 });
    }
  }

  #carry(frame: Uint8Array, leftAfterMs: number): void {
    const { faults, random, clock } = this;
    let delayMs = leftAfterMs + faults.minDelayMs + random.unit() * (faults.maxDelayMs - faults.minDelayMs);
    if (!random.chance(faults.reordering)) {
      delayMs = Math.max(delayMs, this.#lastArrivalMs - clock.nowMs());
      this.#lastArrivalMs = clock.nowMs() + delayMs;
    }
    clock.setTimer(delayMs, () => {
      const other = this.other;
      if (other && !other.#isClosed) other.#handler?.onFrame(frame);
    });
  }
}
