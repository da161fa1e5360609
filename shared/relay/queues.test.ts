import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Deadlines, type DeadlineItem } from './deadlines.ts';
import { Fifo } from './fifo.ts';

describe('Fifo', () => {
  it('behaves as an array with push and shift', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 2000 }), (steps) => {
        const fifo = new Fifo<number>();
        const array: number[] = [];
        steps.forEach((isPush, step) => {
          if (isPush || step % 3 === 0) {
            fifo.push(step);
            array.push(step);
          } else expect(fifo.shift()).toBe(array.shift());
          expect(fifo.length).toBe(array.length);
          const place = step % 7;
          expect(fifo.at(place)).toBe(array[place]);
        });
      }),
    );
  });
});

describe('Deadlines', () => {
  it('gives items out in the order of their times, however often they are moved', () => {
    const step = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 100 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const items = Array.from({ length: 21 }, (): DeadlineItem => ({ dueMs: Infinity, heapPlace: -1 }));
        const known = new Map<DeadlineItem, number>();
        const deadlines = new Deadlines();
        for (const [index, dueMs] of steps) {
          const item = items[index];
          if (!item) continue;
          if (dueMs > 90) {
            deadlines.delete(item);
            known.delete(item);
          } else {
            deadlines.set(item, dueMs);
            known.set(item, dueMs);
          }
          expect(deadlines.nextMs).toBe(Math.min(Infinity, ...known.values()));
        }
        let last = -1;
        for (let item = deadlines.takeDue(50); item; item = deadlines.takeDue(50)) {
          expect(known.get(item)).toBe(item.dueMs);
          expect(item.dueMs).toBeGreaterThanOrEqual(last);
          last = item.dueMs;
          known.delete(item);
        }
        expect(Math.min(Infinity, ...known.values())).toBeGreaterThan(50);
      }),
    );
  });
});
