// What a first visit costs: the bytes that are fetched before a shell can be opened, and the time until then.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { useServer } from '../helpers/server.ts';
import { openWorkbench, useBrowser } from './support/workbench.ts';

useBrowser();
const server = useServer({ command: 'serve' });

const page = fileURLToPath(new URL('../../dist/web/', import.meta.url));
/** The terminal, GPU drawing, the relay, menus, dialogs and all other views come when they are needed. */
const maxFirstLoadBytes = 120_000;
/** The design asks for one second on an idle machine; this one may be busy. */
const maxReadyMs = 5000;

const gzipBytes = (path: string) => gzipSync(readFileSync(page + path)).length;

/** What the entry fetches for a view: Vite keeps the list of it, by numbers, beside its `import()`, or behind its `then()`. */
function filesOfView(entry: string, view: string): string[] {
  const source = readFileSync(page + entry, 'utf8');
  const all = [...(/m\.f=\[([^\]]*)\]/.exec(source)?.[1] ?? '').matchAll(/\.\/([\w.-]+)/g)].map(
    ([, name]) => `assets/${name ?? ''}`,
  );
  const numbers =
    new RegExp(`${view}-[\\w-]+\\.js.\\)(?:\\.then\\([^)]*\\))?,__vite__mapDeps\\(\\[([\\d,]*)\\]`).exec(source)?.[1] ??
    '';
  return numbers.split(',').map((number) => all[Number(number)] ?? '');
}

it('loads little before it is needed', () => {
  const html = readFileSync(`${page}index.html`, 'utf8');
  const linked = [...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map(([, path]) => path ?? '');
  expect(linked.length).toBeGreaterThanOrEqual(2);
  const entry = linked.find((path) => /\/index-[^/]*\.js$/.test(path)) ?? '';
  // The view of a first visit is not linked by the page, and needed all the same.
  const view = filesOfView(entry, 'Terminals');
  expect(view.filter((path) => /\/Terminals-[^/]+$/.test(path)).length, 'its code and its style sheet').toBe(2);
  const files = ['index.html', ...new Set([...linked, ...view])];
  const bytes = files.reduce((sum, path) => sum + gzipBytes(path), 0);
  console.log(`first load: ${(bytes / 1000).toFixed(1)} kB gzip in ${files.length} files`);
  expect(bytes).toBeLessThan(maxFirstLoadBytes);
});

it('is ready to open a shell soon', async () => {
  const workbench = await openWorkbench(server.current);
  const readyMs = await workbench.page.evaluate(() => performance.now());
  console.log(`first visit: connected and ready ${readyMs.toFixed(0)} ms after navigation`);
  expect(await workbench.page.getByTestId('open-shell').isEnabled()).toBe(true);
  expect(readyMs).toBeLessThan(maxReadyMs);
});
