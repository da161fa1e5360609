// A process that writes as fast as it can: the page goes on answering, its memory stays bounded, Ctrl-C is prompt. Once
// with a socket that can hold back, once with one that cannot, once drawn by WebGL.

import { describe, expect, it } from 'vitest';
import { useServer } from '../helpers/server.ts';
import { openWorkbench, useBrowser } from './support/workbench.ts';

const server = useServer({ command: 'serve' });

/** The machine may be busy with other tests: these bounds say that the page is alive, docs/performance.md says how quick. */
const bounds = { keyToPaintMs: 500, longestFrameMs: 1500, ctrlCMs: 5000, heapBytes: 300e6 };
const line = '0123456789012345678901234567890123456789012345678901234567890';

/** In the page: how long from a key to the paint that follows it, and how long each frame took, ms. */
interface Seen {
  readonly keys: number[];
  readonly frames: number[];
}

declare global {
  interface Window {
    /** What the page is made to keep for this test. */
    seen: Seen;
  }
  interface Performance {
    /** Chromium's own. */
    readonly memory: { readonly usedJSHeapSize: number };
  }
}

describe.each([
  { title: 'with a WebSocketStream', withoutWebSocketStream: false, withGpu: false, presses: 30 },
  { title: 'with a WebSocket', withoutWebSocketStream: true, withGpu: false, presses: 30 },
  { title: 'drawn by WebGL', withoutWebSocketStream: false, withGpu: true, presses: 10 },
])('under `yes`, $title', ({ title, withoutWebSocketStream, withGpu, presses }) => {
  useBrowser({ withGpu });

  it('the page answers keys, keeps its memory bounded and stops at Ctrl-C', async () => {
    const workbench = await openWorkbench(server.current, { withoutWebSocketStream, drawsByGpu: withGpu });
    const { page } = workbench;
    await page.getByTestId('open-shell').click();
    await workbench.facts('running');
    if (withGpu) await page.getByTestId('terminal').locator('canvas').first().waitFor();
    await page.evaluate(() => {
      const seen: Seen = { keys: [], frames: [] };
      window.seen = seen;
      // A message that is sent in the frame is taken when the frame has been painted.
      const painted = new MessageChannel();
      const waiting: number[] = [];
      painted.port1.onmessage = () => {
        for (const pressedAtMs of waiting.splice(0)) seen.keys.push(performance.now() - pressedAtMs);
      };
      const onKey = ({ timeStamp }: KeyboardEvent) =>
        requestAnimationFrame(() => {
          waiting.push(timeStamp);
          painted.port2.postMessage(undefined);
        });
      addEventListener('keydown', onKey, { capture: true });
      let lastMs = performance.now();
      const frame = () => {
        const nowMs = performance.now();
        seen.frames.push(nowMs - lastMs);
        lastMs = nowMs;
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    });
    const seen = () => page.evaluate(() => window.seen);
    await workbench.type(`exec yes ${line}`);
    const outputMiB = async () => {
      const text = await page.getByTestId('process-facts').innerText();
      const [, amount, unit] = /([\d.]+) (MiB|GiB)/.exec(text) ?? [];
      return Number(amount ?? 0) * (unit === 'GiB' ? 1024 : 1);
    };
    await expect.poll(outputMiB, { timeout: 20_000 }).toBeGreaterThan(1);
    const fromMs = performance.now();
    const fromMiB = await outputMiB();
    const { length: typed } = (await seen()).keys;
    for (let press = 1; press <= presses; press++) {
      await page.keyboard.press('x');
      await page.waitForFunction((count) => window.seen.keys.length >= count, typed + press);
    }
    await expect.poll(outputMiB, { timeout: 20_000 }).toBeGreaterThan(20);
    const mibPerSecond = (((await outputMiB()) - fromMiB) / (performance.now() - fromMs)) * 1000;
    const { keys, frames } = await seen();
    const heapBytes = await page.evaluate(() => performance.memory.usedJSHeapSize);

    const stoppedAtMs = performance.now();
    await page.keyboard.press('Control+c');
    const facts = await workbench.facts('ended');
    const ctrlCMs = performance.now() - stoppedAtMs;
    expect(await facts.getAttribute('data-exit-code')).toBe('130');
    await page.getByRole('tab', { name: 'New' }).click();
    await page.getByTestId('open-shell').click();
    await workbench.facts('running');
    await workbench.type('exit 42');
    await page.locator('[data-testid=process-facts][data-exit-code="42"]').waitFor();

    const pressed = keys.slice(typed, typed + presses).sort((a, b) => a - b);
    expect(pressed.length).toBe(presses);
    const keyToPaintMs = pressed[Math.floor(presses * 0.95)] ?? 0;
    const longestFrameMs = Math.max(...frames);
    console.log(
      `flood ${title}: ${mibPerSecond.toFixed(0)} MiB/s taken, key to paint p50 ${pressed[presses / 2]?.toFixed(0)} ms, ` +
        `p95 ${keyToPaintMs.toFixed(0)} ms, longest frame ${longestFrameMs.toFixed(0)} ms, ` +
        `Ctrl-C to the end ${ctrlCMs.toFixed(0)} ms, heap ${(heapBytes / 1e6).toFixed(0)} MB`,
    );
    // WebGL in software tells nothing of how quick it is on a GPU; the page itself then draws by the DOM.
    if (!withGpu) {
      expect(keyToPaintMs).toBeLessThan(bounds.keyToPaintMs);
      expect(longestFrameMs).toBeLessThan(bounds.longestFrameMs);
      expect(heapBytes).toBeLessThan(bounds.heapBytes);
    }
    expect(ctrlCMs).toBeLessThan(bounds.ctrlCMs);

    if (!withGpu) return;
    // The driver takes the context away: the text is drawn by the DOM from there on.
    await workbench.run('echo by-the-dom-$((6*7)); sleep 1000');
    await page.getByTestId('terminal').locator('canvas').first().waitFor();
    await page
      .getByTestId('terminal')
      .locator('canvas')
      .evaluateAll((canvases: HTMLCanvasElement[]) => {
        for (const canvas of canvases) canvas.getContext('webgl2')?.getExtension('WEBGL_lose_context')?.loseContext();
      });
    await workbench.shows('by-the-dom-42');
  });
});
