// The Conformance view: the suite run from the page against real servers, and what one does with a case that fails.

import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { RemoteExecutorProcess } from '../helpers/remote-executor.ts';
import { useServer } from '../helpers/server.ts';
import { axeViolations } from './support/axe.ts';
import { openWorkbench, useBrowser } from './support/workbench.ts';

useBrowser();
const server = useServer({ command: 'serve' });

const runMs = 60_000;
const ended = (page: Page, status: 'done' | 'cancelled' | 'failed') =>
  page.locator(`[data-testid=conformance][data-status=${status}]`).waitFor({ timeout: runMs });
const outcome = (page: Page) => page.getByTestId('conformance-summary').locator('.outcome');

describe('the conformance view', () => {
  it('runs the suite all green against this server, and keeps the report', async () => {
    const { page } = await openWorkbench(server.current, { query: { view: 'conformance' } });
    await page.getByTestId('section').first().waitFor();
    expect(await axeViolations(page), 'before a run').toEqual([]);
    await page.getByText('Must', { exact: true }).click();
    await page.getByRole('button', { name: /^Run \d{3} cases$/ }).click();
    await page.getByRole('progressbar', { name: 'Cases finished' }).waitFor();
    await ended(page, 'done');
    await outcome(page)
      .filter({ hasText: /\d{3} passed/ })
      .filter({ hasText: ' 0 failed' })
      .waitFor();

    await page.reload();
    await outcome(page)
      .filter({ hasText: /\d{3} passed/ })
      .waitFor();
    expect(page.url()).toContain('level=must');
    await page.getByRole('button', { name: /^STDIO / }).click();
    await page.getByTestId('case').filter({ hasText: 'not over stdio' }).first().waitFor();
    await page.getByText(/^Why \d+ were skipped$/).click();
    await page.getByRole('list', { name: 'Why cases were skipped' }).filter({ hasText: 'not over stdio' }).waitFor();
    expect(await axeViolations(page), 'after a run').toEqual([]);
    for (const [format, start] of [
      ['json', '{'],
      ['junit', '<?xml'],
      ['md', '# Conformance of ws://'],
    ] as const) {
      const [file] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: `Download as ${format}` }).click(),
      ]);
      expect(readFileSync(await file.path(), 'utf8').startsWith(start), format).toBe(true);
    }
  });

  it('runs through the relay, and is cancelled, by keys alone', async () => {
    const { httpUrl: remote, token } = server.current;
    await RemoteExecutorProcess.start({ remote, executorId: 'tried-box', token });
    const workbench = await openWorkbench(server.current, { query: { target: 'relay:tried-box' } });
    const { page } = workbench;
    await page.getByTestId('connection-form').getByRole('button', { name: 'Connect', exact: true }).press('Enter');
    await page.locator('[data-testid=connection-row][data-connection=c2][data-status=connected]').waitFor();
    await workbench.command('go to conformance');
    await page.getByRole('searchbox', { name: 'Cases' }).focus();
    await page.keyboard.type('RELAY-ENDPOINT-00* EXEC-EXIT-*');
    await page.keyboard.press('Control+Enter');
    await ended(page, 'done');
    await outcome(page).filter({ hasText: '18 passed' }).filter({ hasText: ' 0 failed' }).waitFor();

    await page.getByRole('searchbox', { name: 'Cases' }).fill('');
    await page.getByRole('button', { name: /^Run 4\d\d cases$/ }).press('Enter');
    await page
      .getByTestId('conformance-summary')
      .filter({ hasText: /[1-9]\d* passed/ })
      .waitFor();
    await workbench.command('cancel the conformance');
    await ended(page, 'cancelled');
  });

  it('shows what was said in a case that fails, also in the inspector; and what to do when nobody answers', async () => {
    const workbench = await openWorkbench(server.current, {
      query: { view: 'conformance', cases: 'EXEC-ENVELOPE-*' },
      viewport: { width: 390, height: 844 },
      withoutWebSocketStream: true,
    });
    const { page } = workbench;
    // A server that names another code where a method is unknown.
    await page.routeWebSocket(/\/exec$/, (near) => {
      const far = near.connectToServer();
      far.onMessage((message) => near.send(String(message).replaceAll('-32601', '-32000')));
    });
    await page.reload();
    await workbench.connection('connected');
    await page.getByRole('button', { name: /^Run \d+ cases$/ }).click();
    await ended(page, 'done');
    const failed = page.locator('[data-testid=case][data-status=fail]').first();
    await failed.getByTestId('failure').filter({ hasText: '-32000' }).waitFor();
    expect(await axeViolations(page), 'a failure, small').toEqual([]);
    const id = (await failed.getAttribute('data-case')) ?? '';
    await failed.getByRole('button', { name: 'Open in the inspector' }).click();
    await page.getByText(id).first().waitFor();
    await page.getByRole('row').filter({ hasText: 'initialize' }).first().waitFor();

    await workbench.command('go to conformance');
    const before = await outcome(page)
      .getByText(/passed$/)
      .textContent();
    await page.getByRole('button', { name: 'Run the failed again' }).click();
    await ended(page, 'done');
    expect(
      await outcome(page)
        .getByText(/passed$/)
        .textContent(),
      'the others stay',
    ).toBe(before);
    await failed.getByTestId('failure').waitFor();
    await page.routeWebSocket(/\/exec$/, (near) => void near.close({ code: 1011, reason: 'not today' }));
    await page.getByRole('button', { name: `Run ${id}` }).click();
    await ended(page, 'failed');
    await page.getByTestId('conformance-problem').waitFor();
    expect(
      await outcome(page)
        .getByText(/passed$/)
        .textContent(),
    ).toBe(before);
  });
});
