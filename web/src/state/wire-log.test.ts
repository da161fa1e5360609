import { expect, it } from 'vitest';
import type { WireEntry } from '../../../shared/recording/entry.ts';
import { WireLog } from './wire-log.svelte.ts';

const entry = (detail: string): WireEntry => ({ kind: 'event', event: 'open', connection: 'c1', atMs: 0, detail });

it('the wire log keeps the newest within its bounds, counts the rest, and is empty once it was taken', () => {
  const log = new WireLog({ maxRows: 3, maxBytes: 1e6 });
  for (const detail of ['a', 'b', 'c', 'd', 'e']) log.record(entry(detail));
  const taken = log.take();
  expect(taken.entries.map((one) => one.kind === 'event' && one.detail)).toEqual(['c', 'd', 'e']);
  expect(taken.droppedCount).toBe(2);
  expect(log.take()).toEqual({ entries: [], droppedCount: 0 });

  const small = new WireLog({ maxRows: 100, maxBytes: 5000 });
  for (let count = 0; count < 20; count++) small.record(entry('x'.repeat(600)));
  expect(small.take()).toMatchObject({ entries: { length: 5 }, droppedCount: 15 });
});

it('the wire log tells its listeners of each entry until they have heard enough', () => {
  const log = new WireLog();
  const heard: WireEntry[] = [];
  const stop = log.listen((one) => heard.push(one));
  log.record(entry('a'));
  stop();
  log.record(entry('b'));
  expect(heard).toHaveLength(1);
});
