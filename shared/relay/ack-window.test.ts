import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AckWindow, serialAdd, serialDistance } from './ack-window.ts';

/** Slow and obvious: a set of everything that arrived, counted without wrapping. */
class ObviousWindow {
  readonly #arrived = new Set<number>();

  get next(): number {
    let next = 0;
    while (this.#arrived.has(next)) next++;
    return next;
  }

  arrive(place: number): boolean {
    if (this.#arrived.has(place)) return false;
    this.#arrived.add(place);
    return true;
  }

  bitsAfter(ack: number): number {
    let bits = 0;
    for (let bit = 0; bit < 32; bit++) if (this.#arrived.has(ack + 1 + bit)) bits += 2 ** bit;
    return bits;
  }
}

const maxEarly = 40;

describe('AckWindow', () => {
  it('agrees with a set of everything that arrived, also across the wrap-around', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        fc.array(fc.integer({ min: -5, max: 50 }), { maxLength: 200 }),
        fc.integer({ min: 0, max: 40 }),
        (firstSeq, steps, held) => {
          const window = new AckWindow(firstSeq, maxEarly);
          const obvious = new ObviousWindow();
          for (const step of steps) {
            const place = obvious.next + step;
            if (place < 0) continue;
            const seq = serialAdd(firstSeq, place);
            const arrival = window.judge(seq);
            if (step > maxEarly) {
              expect(arrival).toBe('beyond');
              continue;
            }
            const isNew = obvious.arrive(place);
            expect(arrival === 'duplicate').toBe(!isNew);
            if (isNew) {
              expect(arrival).toBe(step === 0 ? 'next' : 'early');
              window.note(seq);
            }
            expect(window.nextSeq).toBe(serialAdd(firstSeq, obvious.next));
            expect(window.hasArrived).toBe(obvious.next > 0);
            const ackPlace = obvious.next - 1;
            const ack = serialAdd(firstSeq, ackPlace);
            expect(window.hasGap).toBe(obvious.bitsAfter(ackPlace) !== 0 || window.hasGap);
            expect(window.bitsAfter(ack)).toBe(obvious.bitsAfter(ackPlace));
            const heldPlace = Math.max(0, ackPlace - held);
            if (ackPlace >= 0)
              expect(window.bitsAfter(serialAdd(firstSeq, heldPlace))).toBe(obvious.bitsAfter(heldPlace));
          }
        },
      ),
    );
  });

  it('compares serial numbers around the circle (RFC 1982)', () => {
    expect(serialDistance(3, 1)).toBe(2);
    expect(serialDistance(1, 3)).toBe(-2);
    expect(serialDistance(1, 2 ** 32 - 1)).toBe(2);
    expect(serialDistance(2 ** 32 - 1, 1)).toBe(-2);
    expect(serialAdd(2 ** 32 - 1, 1)).toBe(0);
    expect(serialAdd(0, -1)).toBe(2 ** 32 - 1);
  });

  it('tells which arrivals show in the bits', () => {
    expect(AckWindow.isInBits(1, 0)).toBe(true);
    expect(AckWindow.isInBits(32, 0)).toBe(true);
    expect(AckWindow.isInBits(33, 0)).toBe(false);
    expect(AckWindow.isInBits(0, 0)).toBe(false);
    expect(AckWindow.isInBits(0, 2 ** 32 - 1)).toBe(true);
  });
});
