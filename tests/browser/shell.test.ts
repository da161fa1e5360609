// The frame around the views: what is in the address, what the keyboard does, what a link may ask for, what happens to a view
// that cannot be loaded.

import { describe, expect, it } from 'vitest';
import { useServer } from '../helpers/server.ts';
import { axeViolations } from './support/axe.ts';
import { openWorkbench, useBrowser } from './support/workbench.ts';

useBrowser();
const server = useServer({ command: 'serve' });

describe('the frame', () => {
  it('goes from view to view by keys, by the palette and by the back button, and comes back after a reload', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    const connections = page.getByRole('heading', { name: 'Connections', level: 2 });

    await page.keyboard.press('g');
    await page.keyboard.press('c');
    await connections.waitFor();
    expect(new URL(page.url()).search).toBe('?view=connections');
    await page.reload();
    await connections.waitFor();

    await page.keyboard.press('Control+k');
    const palette = page.getByRole('dialog', { name: 'Commands' });
    await palette.waitFor();
    expect(await axeViolations(page), 'the palette').toEqual([]);
    await page.keyboard.type('go to term');
    await page.keyboard.press('Enter');
    await page.getByTestId('launcher').waitFor();
    await palette.waitFor({ state: 'detached' });
    await page.goBack();
    await connections.waitFor();
    await page.goForward();
    await page.getByTestId('launcher').waitFor();
    expect(page.url()).not.toContain(server.current.token);
  });

  it('leaves the keys to a focused terminal, but for those with Ctrl and Shift', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await workbench.openShell();
    await workbench.type('cat');
    // Ctrl+K and ? are the shell's here, g c is text.
    await page.keyboard.press('Control+k');
    await workbench.type('g c ?');
    await workbench.shows('g c ?');
    expect(await page.getByRole('dialog').count()).toBe(0);
    await page.keyboard.press('Control+Shift+KeyK');
    await page.getByRole('dialog', { name: 'Commands' }).waitFor();
    await page.keyboard.type('work bench');
    await page.getByText('No command of that name.').waitFor();
    await page.keyboard.press('Escape');
    // The terminal is where it was.
    await page.keyboard.press('Control+c');
    await workbench.type('echo back-$((3*3))');
    await workbench.shows('back-9');
  });

  it('lists exactly the keys that there are, and keeps the appearance that was chosen', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await page.keyboard.press('?');
    const help = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
    await help.waitFor();
    const listed = await help.getByRole('term').allInnerTexts();
    expect(listed).toEqual(expect.arrayContaining(['Go to Terminals', 'Go to Connections', 'New process']));
    await page.keyboard.press('Escape');

    await page.getByRole('button', { name: 'Hide the names' }).click();
    await workbench.command('high contrast');
    await page.locator('html[data-contrast=more]').waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Show the names' }).waitFor();
    await page.locator('html[data-contrast=more]').waitFor();
    await workbench.connection('connected');
    expect(await axeViolations(page), 'with high contrast').toEqual([]);
  });

  it('says that a view cannot be loaded, and leaves the others alone', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await page.route(/\/assets\/Connections-[^/]*\.js$/, (route) => route.abort());
    await page.getByRole('link', { name: 'Connections' }).click();
    await page.getByTestId('view-problem').filter({ hasText: 'Connections cannot be shown' }).waitFor();
    await page.getByRole('link', { name: 'Terminals' }).click();
    await workbench.openShell();
  });
});

describe('on a small screen', () => {
  it('all views are reached from the bar at the bottom', async () => {
    const workbench = await openWorkbench(server.current, {
      viewport: { width: 390, height: 844 },
      hasTouch: true,
      isMobile: true,
    });
    const { page } = workbench;
    await page.getByRole('button', { name: /further views/ }).tap();
    await page.getByRole('menuitem', { name: 'Connections' }).tap();
    await page.getByRole('heading', { name: 'Connections', level: 2 }).waitFor();
    expect(await axeViolations(page), 'Connections').toEqual([]);
    await page.getByRole('link', { name: 'Terminals' }).tap();
    await page.getByTestId('launcher').waitFor();
  });
});

describe('a link', () => {
  it('fills the form in, asks, and connects only when it is told to', async () => {
    const workbench = await openWorkbench(server.current, {
      query: { target: `ws://127.0.0.1:${String(server.current.port)}/?token=${server.current.token ?? ''}` },
    });
    const { page } = workbench;
    await page.locator('[data-deeplink=asking]').waitFor();
    expect(page.url()).not.toContain('target');
    expect(page.url()).not.toContain(server.current.token);
    expect(await page.getByTestId('connection-row').count()).toBe(1);
    await page.getByTestId('connection-form').getByRole('button', { name: 'Connect', exact: true }).click();
    await page.locator('[data-testid=connection-row][data-connection=c2][data-status=connected]').waitFor();
    expect(await page.locator('[data-deeplink=asking]').count()).toBe(0);
  });

  it('that names no target is said to be none', async () => {
    const workbench = await openWorkbench(server.current, { query: { target: 'http://127.0.0.1/' } });
    await workbench.page.locator('[data-deeplink=rejected]').filter({ hasText: 'neither ws://' }).waitFor();
    expect(await workbench.page.getByTestId('connection-row').count()).toBe(1);
  });
});
