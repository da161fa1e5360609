// A process that writes as fast as it can: the page goes on answering, its memory stays bounded, Ctrl-C is prompt. Once
// with a socket that can hold back, once with one that cannot.

import { describe, expect, it } from 'vitest';
import { useServer } from '../helpers/server.ts';
import { openWorkbench, useBrowser } from './support/workbench.ts';

useBrowser();
const server = useServer({ command: 'serve' });

/** The machine may be busy with other tests: these bounds say that the page is alive, docs/performance.md says how quick. */
const bounds = { keyToPaintMs: 500, longestFrameMs: 1500, ctrlCMs: 5000, heapBytes: 300e6 };

describe.each([
  { title: 'with a WebSocketStream', withoutWebSocketStream: false },
  { title: 'with a WebSocket', withoutWebSocketStream: true },
])('under `yes`, $title', ({ withoutWebSocketStream }) => {
  it('the page answers keys, keeps its memory bounded and stops at Ctrl-C', async () => {
    const workbench = await openWorkbench(server.current, { withoutWebSocketStream });
    const { page } = workbench;
    await workbench.openShell();
    await page.evaluate(() => {
      const seen = { keys: [] as number[], frames: [] as number[] };
      Object.assign(window, { seen });
      const observer = new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (entry.name === 'keydown') seen.keys.push(entry.duration);
      });
      observer.observe({ type: 'event', durationThreshold: 16 } as PerformanceObserverInit);
      let lastMs = performance.now();
      const frame = () => {
        const nowMs = performance.now();
        seen.frames.push(nowMs - lastMs);
        lastMs = nowMs;
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    });
    await workbench.type('yes 0123456789012345678901234567890123456789012345678901234567890');
    const outputMiB = async () => {
      const text = await page.getByTestId('process-facts').innerText();
      const [, amount, unit] = /([\d.]+) (MiB|GiB)/.exec(text) ?? [];
      return Number(amount ?? 0) * (unit === 'GiB' ? 1024 : 1);
    };
    const fromMs = performance.now();
    const presses = 30;
    for (let press = 0; press < presses; press++) {
      await page.keyboard.press('x');
      await page.waitForTimeout(60);
    }
    await expect.poll(outputMiB, { timeout: 20_000 }).toBeGreaterThan(20);
    const mibPerSecond = ((await outputMiB()) / (performance.now() - fromMs)) * 1000;
    const { keys, frames, heapBytes } = await page.evaluate(() => ({
      ...(window as unknown as { seen: { keys: number[]; frames: number[] } }).seen,
      heapBytes: (performance as unknown as { memory: { usedJSHeapSize: number } }).memory.usedJSHeapSize,
    }));

    const stoppedAtMs = performance.now();
    await page.keyboard.press('Control+c');
    await workbench.shows('ready> ');
    const ctrlCMs = performance.now() - stoppedAtMs;
    await workbench.type('echo alive-$((6*9))');
    await workbench.shows('alive-54');

    // Keys that took less than the threshold are not reported.
    const all = [...keys, ...Array<number>(Math.max(0, presses - keys.length)).fill(16)].sort((a, b) => a - b);
    const keyToPaintMs = all[Math.floor(all.length * 0.95)] ?? 0;
    const longestFrameMs = Math.max(...frames);
    console.log(
      `flood: ${mibPerSecond.toFixed(0)} MiB/s taken, key to paint p95 ${keyToPaintMs} ms, longest frame ` +
        `${longestFrameMs.toFixed(0)} ms, Ctrl-C to prompt ${ctrlCMs.toFixed(0)} ms, heap ${(heapBytes / 1e6).toFixed(0)} MB`,
    );
    expect(keyToPaintMs).toBeLessThan(bounds.keyToPaintMs);
    expect(longestFrameMs).toBeLessThan(bounds.longestFrameMs);
    expect(ctrlCMs).toBeLessThan(bounds.ctrlCMs);
    expect(heapBytes).toBeLessThan(bounds.heapBytes);
  });
});
