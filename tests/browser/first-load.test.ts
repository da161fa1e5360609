// What a first visit costs: bytes before anything is loaded on demand, and the time until a shell can be opened.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { useServer } from '../helpers/server.ts';
import { openWorkbench, useBrowser } from './support/workbench.ts';

useBrowser();
const server = useServer({ command: 'serve' });

const page = fileURLToPath(new URL('../../dist/web/', import.meta.url));
/** The terminal, GPU drawing and the relay come when they are needed. */
const maxFirstLoadBytes = 120_000;
/** The design asks for one second on an idle machine; this one may be busy. */
const maxReadyMs = 5000;

it('loads little before it is needed', () => {
  const html = readFileSync(`${page}index.html`, 'utf8');
  const files = [...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map(([, path]) => path ?? '');
  expect(files.length).toBeGreaterThanOrEqual(2);
  const bytes = ['index.html', ...files].reduce((sum, path) => sum + gzipSync(readFileSync(page + path)).length, 0);
  console.log(`first load: ${(bytes / 1000).toFixed(1)} kB gzip in ${files.length + 1} files`);
  expect(bytes).toBeLessThan(maxFirstLoadBytes);
});

it('is ready to open a shell soon', async () => {
  const workbench = await openWorkbench(server.current);
  const readyMs = await workbench.page.evaluate(() => performance.now());
  console.log(`first visit: connected and ready ${readyMs.toFixed(0)} ms after navigation`);
  expect(await workbench.page.getByTestId('open-shell').isEnabled()).toBe(true);
  expect(readyMs).toBeLessThan(maxReadyMs);
});
