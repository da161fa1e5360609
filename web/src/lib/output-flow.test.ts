import { expect, it, vi } from 'vitest';
import { OutputFlow } from './output-flow.ts';

const KiB = 1024;

it('holds the source back above the high mark until the low mark is reached', () => {
  const source = { pause: vi.fn(), resume: vi.fn() };
  const flow = new OutputFlow(source, () => true);
  for (let count = 0; count < 40; count++) expect(flow.admit(64 * KiB)).toBe(true);
  expect(source.pause).toHaveBeenCalledOnce();
  for (let count = 0; count < 31; count++) flow.drawn(64 * KiB);
  expect(source.resume).not.toHaveBeenCalled();
  flow.drawn(64 * KiB);
  expect(source.resume).toHaveBeenCalledOnce();
});

it('leaves out what comes too fast where nothing can be held back', () => {
  const source = { pause: vi.fn(), resume: vi.fn() };
  const flow = new OutputFlow(source, () => false);
  let admitted = 0;
  while (flow.admit(64 * KiB)) admitted += 64 * KiB;
  expect(admitted).toBeGreaterThan(4096 * KiB);
  expect(admitted).toBeLessThan(5000 * KiB);
  expect(source.pause).not.toHaveBeenCalled();
  flow.drawn(admitted);
  expect(flow.admit(1)).toBe(true);
});
