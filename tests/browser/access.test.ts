// For everybody: by keyboard alone, by screen reader (as far as axe knows), in light and dark, on a small screen.

import { describe, expect, it } from 'vitest';
import { useServer } from '../helpers/server.ts';
import { axeViolations } from './support/axe.ts';
import { openWorkbench, useBrowser } from './support/workbench.ts';

useBrowser();
const server = useServer({ command: 'serve' });

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  it('axe finds nothing wrong: launcher, terminal, pipes, an error, a menu, a dialog, no connection', async () => {
    const workbench = await openWorkbench(server.current, { colorScheme });
    const { page } = workbench;
    expect(await axeViolations(page), 'the launcher at the first visit').toEqual([]);

    await workbench.openShell();
    expect(await axeViolations(page), 'a running shell').toEqual([]);

    await workbench.run('echo out; echo err >&2; exit 1', { by: 'Pipes' });
    await workbench.facts('ended');
    expect(await axeViolations(page), 'an ended process by pipes').toEqual([]);

    await workbench.run('cd /no/such && exit', { by: 'Pipes' });
    await workbench.facts('ended');
    await page
      .getByRole('button', { name: /^Actions on cd/ })
      .first()
      .click();
    await page.getByRole('menuitem', { name: 'Run again' }).waitFor();
    expect(await axeViolations(page), 'a menu').toEqual([]);
    await page.keyboard.press('Escape');

    await page.getByRole('tab', { name: 'New' }).click();
    await page.getByText('Directory, environment').click();
    await page.getByText('The same by').click();
    await page.getByRole('combobox', { name: 'Working directory' }).fill('/no/such/directory');
    await page.getByRole('button', { name: 'Add a variable' }).click();
    expect(await axeViolations(page), 'the launcher, unfolded').toEqual([]);
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByTestId('process-problem').waitFor();
    expect(await axeViolations(page), 'a process that was not started').toEqual([]);

    await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    expect(await axeViolations(page), 'a dialog').toEqual([]);
    await page.keyboard.press('Escape');

    await page.getByRole('button', { name: 'Disconnect' }).click();
    await workbench.editAddress('no address');
    await page.getByTestId('connection-notice').waitFor();
    expect(await axeViolations(page), 'no connection').toEqual([]);
  });
});

describe('the keyboard alone', () => {
  it('starts a shell, leaves its terminal, chooses tabs, acts by menu, closes tabs', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    const focusedName = () =>
      page.evaluate(() => {
        const { activeElement } = document;
        return activeElement?.getAttribute('aria-label') ?? activeElement?.textContent?.trim() ?? '';
      });
    const tabTo = async (name: string) => {
      for (let presses = 0; presses < 40; presses++) {
        await page.keyboard.press('Tab');
        if ((await focusedName()).startsWith(name)) return;
      }
      throw new Error(`Tab does not lead to ${name}; the focus is on ${await focusedName()}`);
    };

    await tabTo('Open a shell');
    await page.keyboard.press('Enter');
    await workbench.facts('running');
    await workbench.type('echo by-$((5*5))-keys');
    await workbench.shows('by-25-keys');

    // Out of the terminal, which takes Tab for itself, to its tab.
    await page.keyboard.press('Control+Shift+KeyL');
    expect(await focusedName()).toMatch(/^bash, running/);
    await page.keyboard.press('ArrowRight');
    await page.getByTestId('launcher').waitFor();
    await page.keyboard.press('ArrowLeft');
    await workbench.shows('by-25-keys');

    await tabTo('Actions on');
    await page.keyboard.press('Enter');
    await page.getByRole('menuitem', { name: /^Kill/ }).waitFor();
    await page.keyboard.press('K');
    await page.keyboard.press('Enter');
    await workbench.facts('ended');

    await page.keyboard.press('Control+Shift+KeyX');
    await page.getByTestId('launcher').waitFor();
    expect(await page.getByTestId('process').count()).toBe(0);

    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+Shift+KeyE');
    await page.keyboard.type('echo typed');
    await page.keyboard.press('Enter');
    await workbench.shows('typed');
  });

  it('remembers the theme that was chosen', async () => {
    const workbench = await openWorkbench(server.current, { colorScheme: 'light' });
    const { page } = workbench;
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await page.getByRole('button', { name: 'Appearance' }).press('Enter');
    await page.getByRole('menuitemradio', { name: 'Dark' }).press('Enter');
    await page.keyboard.press('Escape');
    const dark = await background();
    expect(dark).not.toBe(light);
    await page.reload();
    await workbench.connection('connected');
    expect(await background()).toBe(dark);
  });
});

describe('at 390 by 844, by touch', () => {
  it('starts a shell, types with the key bar, shows the list, and nothing sticks out', async () => {
    const workbench = await openWorkbench(server.current, {
      viewport: { width: 390, height: 844 },
      hasTouch: true,
      isMobile: true,
    });
    const { page } = workbench;
    const overhang = () =>
      page.evaluate(() => {
        const { scrollWidth, scrollHeight } = document.documentElement;
        return Math.max(scrollWidth - window.innerWidth, scrollHeight - window.innerHeight);
      });
    await page.getByText('The same by').tap();
    expect(await overhang(), 'the launcher').toBeLessThanOrEqual(0);
    await workbench.openShell();
    await workbench.type('sleep 1000');
    await page.getByRole('button', { name: 'Control C' }).tap();
    await workbench.shows('^C');
    await workbench.type('echo small-$((8*8))');
    await workbench.shows('small-64');
    expect(await overhang(), 'a terminal').toBeLessThanOrEqual(0);
    const box = await page.getByTestId('terminal').boundingBox();
    expect(box?.height, 'room for the terminal').toBeGreaterThan(450);

    await page.getByRole('button', { name: 'Processes, running:' }).tap();
    await page
      .getByTestId('process')
      .getByRole('button', { name: /running/ })
      .tap();
    await workbench.shows('small-64');

    await page.getByRole('button', { name: 'Disconnect' }).tap();
    await workbench.connection('disconnected');
    expect(await overhang(), 'without a connection').toBeLessThanOrEqual(0);
  });
});
