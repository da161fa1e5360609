import { expect, it } from 'vitest';
import { RoundTrips } from './round-trips.svelte.ts';

it('tells the middle and the slow end of the last sixty', () => {
  const trips = new RoundTrips();
  expect(trips.p50).toBeUndefined();
  trips.add(4);
  expect([trips.p50, trips.p99]).toEqual([4, 4]);
  trips.add(9);
  expect([trips.p50, trips.p99]).toEqual([4, 9]);
  for (let ms = 1; ms <= 100; ms++) trips.add(ms);
  expect(trips.samples).toHaveLength(60);
  expect([trips.p50, trips.p99]).toEqual([70, 100]);
});
