// What the frame of the page shows: traffic, settings as a file, servers that only show.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../helpers/json.ts';
import { startServer, useServer } from '../helpers/server.ts';
import { axeViolations } from './support/axe.ts';
import { openWorkbench, useBrowser } from './support/workbench.ts';

useBrowser();

describe('the frame', () => {
  const server = useServer({ command: 'serve' });

  it('shows the traffic of a connection and what runs on it', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await workbench.openShell();
    await workbench.type('while :; do printf %01000d 7; sleep 0.05; done');
    await workbench.shows('0007');
    await page.getByRole('link', { name: 'Connections' }).click();
    await page
      .getByTestId('traffic')
      .filter({ hasText: /received\s+[\d.,]+ Ki?B\/s/ })
      .waitFor();
    await page
      .getByTestId('output-lag')
      .filter({ hasText: /^[\d.,]+ m?s$/ })
      .waitFor();
    await page
      .getByTestId('throughput')
      .filter({ hasText: /Ki?B\/s\s+· lag [\d.,]+ m?s/ })
      .waitFor();
    await page.getByTestId('connection-row').filter({ hasText: '1 process' }).waitFor();
  });

  it('saves the settings as a file without secrets, takes them in another browser, and says what does not fit', async () => {
    const { page } = await openWorkbench(server.current, { query: { view: 'connections' } });
    await page.getByRole('button', { name: 'Save This server' }).click();
    await page.getByRole('button', { name: 'Appearance' }).click();
    await page.getByRole('menuitemradio', { name: 'Dark' }).click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('menuitem', { name: 'Save the settings as a file' }).click(),
    ]);
    const file = await download.path();
    const text = readFileSync(file, 'utf8');
    expect(parseJson(text)).toMatchObject({
      version: 1,
      settings: { theme: 'dark' },
      targets: [{ name: 'This server' }],
    });
    expect(text).not.toContain(server.current.token);

    const other = (await openWorkbench(server.current, { colorScheme: 'light' })).page;
    const outcome = other.getByTestId('settings-outcome');
    const take = (content: string) =>
      other
        .getByTestId('settings-file')
        .setInputFiles({ name: 'settings.json', mimeType: 'application/json', buffer: Buffer.from(content) });
    for (const [content, words] of [
      ['{', 'settings.json is no JSON'],
      ['{"format":"har"}', 'holds no settings of the workbench'],
      [text.replace('"dark"', '"pink"'), 'settings.json: settings.theme'],
    ] as const) {
      await take(content);
      await outcome.filter({ hasText: words }).waitFor();
      await other.keyboard.press('Escape');
      await outcome.waitFor({ state: 'detached' });
    }
    expect(await other.locator('html').getAttribute('data-theme')).toBeNull();
    await take(text);
    await outcome.filter({ hasText: '1 saved target' }).waitFor();
    expect(await other.locator('html').getAttribute('data-theme')).toBe('dark');
  });
});

it('a server that only shows says so, and tells a way out where something is refused', async () => {
  const server = await startServer({ command: 'serve', args: ['--read-only'] });
  const workbench = await openWorkbench(server, { query: { run: 'echo not-run' } });
  const { page } = workbench;
  await page.locator('[data-testid=connection][data-read-only=true]').filter({ hasText: 'read-only' }).waitFor();
  const asked = page.getByRole('dialog', { name: 'Run this command?' });
  await asked.filter({ hasText: 'starts nothing: it runs with --read-only' }).waitFor();
  expect(await asked.getByRole('button', { name: 'Run', exact: true }).isDisabled()).toBe(true);
  await asked.getByRole('button', { name: 'Cancel' }).click();
  await page.getByTestId('read-only').filter({ hasText: 'start the server without --read-only' }).waitFor();
  expect(await page.getByTestId('open-shell').isDisabled()).toBe(true);
  expect(await page.getByRole('button', { name: 'Run', exact: true }).isDisabled()).toBe(true);
  expect(await axeViolations(page), 'the launcher').toEqual([]);
});
