// The Relay view: links made bad on purpose, connections cut, and recovery seen, with real executors behind a real rendezvous.

import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { RemoteExecutorProcess } from '../helpers/remote-executor.ts';
import { useServer } from '../helpers/server.ts';
import { axeViolations } from './support/axe.ts';
import { openWorkbench, useBrowser } from './support/workbench.ts';

useBrowser();
const server = useServer({ command: 'serve' });

async function startExecutor(executorId: string): Promise<RemoteExecutorProcess> {
  const { httpUrl: remote, token } = server.current;
  return RemoteExecutorProcess.start({ remote, executorId, token });
}

const happened = (page: Page, text: string | RegExp) =>
  page.getByTestId('happenings').getByRole('listitem').filter({ hasText: text }).first().waitFor();

describe('the relay view', () => {
  it('makes the link of a running shell bad and good again, and shows it everywhere meanwhile', async () => {
    await startExecutor('shaky-box');
    const workbench = await openWorkbench(server.current, { query: { view: 'relay' } });
    const { page } = workbench;
    await page.getByTestId('relay-executor').filter({ hasText: 'shaky-box' }).waitFor();
    await page.getByRole('button', { name: 'Connect this page' }).click();
    await workbench.openShell();
    await workbench.type('n=0; while sleep 0.03; do n=$((n+1)); echo tick-$n-x; done');
    await workbench.shows('tick-3-x');

    await page.getByRole('link', { name: 'Relay' }).click();
    const stream = page.getByTestId('stream');
    await stream.filter({ hasText: 'busy' }).waitFor();
    await page.getByText('This page, c2').waitFor();
    await page.getByRole('img', { name: /To the harness: acknowledged up to \d+/ }).waitFor();
    await page
      .getByTestId('stream-rtt')
      .filter({ hasText: /round trip [\d.]+ m?s/ })
      .waitFor();
    await page.locator('.uplot canvas').first().waitFor();
    expect(await axeViolations(page), 'a good link').toEqual([]);

    const badge = page.getByTestId('impairment');
    await page.getByRole('button', { name: 'Train tunnel' }).click();
    await badge.filter({ hasText: 'Bad link to shaky-box: Train tunnel' }).waitFor();
    await page
      .getByTestId('faults')
      .filter({ hasText: /[1-9]\d* dropped/ })
      .first()
      .waitFor();
    await stream.filter({ hasText: 'recovering' }).waitFor();
    await happened(page, 'The link is made bad from now on.');
    expect(await axeViolations(page), 'a bad link').toEqual([]);

    await page.reload();
    await badge.filter({ hasText: 'Train tunnel' }).waitFor();
    await page.locator('[data-testid=impairment-form][data-status="Train tunnel"]').waitFor();
    await page.getByRole('link', { name: 'Terminals' }).click();
    await badge.waitFor();
    await badge.getByRole('button', { name: 'Reset all bad links' }).click();
    await badge.waitFor({ state: 'detached' });
    await workbench.facts('running');
    await workbench.shows(/tick-\d+-x/);
    await page.getByTestId('terminal').click();
    await page.keyboard.press('Control+c');
    await workbench.shows(/\^C\s*ready>/);
    await workbench.type('echo whole-$((5*5))');
    await workbench.shows('whole-25');
    const seen = [...(await workbench.screen.innerText()).matchAll(/tick-(\d+)-x/g)].map(([, number]) =>
      Number(number),
    );
    expect(seen.length).toBeGreaterThan(5);
    expect(seen, 'nothing is lost or doubled').toEqual(seen.map((_, index) => (seen[0] ?? 0) + index));
  });

  it('cuts the executor and the harnesses, and shows how their streams come back', async () => {
    await startExecutor('cut-box');
    const workbench = await openWorkbench(server.current, { query: { view: 'relay', executor: 'cut-box' } });
    const { page } = workbench;
    await page.getByRole('button', { name: 'Connect this page' }).click();
    await workbench.openShell();
    await page.getByRole('link', { name: 'Relay' }).click();
    await page.getByTestId('stream').waitFor();

    await page.getByRole('button', { name: 'Cut executor' }).click();
    await happened(page, 'The executor’s connection is lost');
    await happened(page, /The executor is connected again after \d/);
    await page.getByRole('button', { name: 'Cut harnesses' }).click();
    await page.getByRole('button', { name: 'Its terminals' }).click();
    await page.getByTestId('terminal').click();
    await workbench.type('echo alive-$((6*7))');
    await workbench.shows('alive-42');
  });

  it('sets each fault by keys alone, and says what the server does not take', async () => {
    await startExecutor('key-box');
    const workbench = await openWorkbench(server.current, { viewport: { width: 390, height: 844 } });
    const { page } = workbench;
    await workbench.command('go to relay');
    await page.getByTestId('relay-executor').waitFor();
    const toExecutor = page.getByRole('group', { name: 'To the executor' });
    await toExecutor.getByLabel('Delay').focus();
    await page.keyboard.type('25');
    await page.keyboard.press('Enter');
    const badge = page.getByTestId('impairment');
    await badge.filter({ hasText: 'Bad link to key-box: custom' }).waitFor();
    expect(await axeViolations(page), 'small, with a bad link').toEqual([]);
    await workbench.command('make all links good');
    await badge.waitFor({ state: 'detached' });
    expect(await toExecutor.getByLabel('Delay').inputValue()).toBe('');
    await workbench.command('bad link to key-box: satellite');
    await badge.filter({ hasText: 'Satellite' }).waitFor();
    expect(await toExecutor.getByLabel('Throttle').inputValue()).toBe('128');

    await page.route('**/impairment', (route) =>
      route.fulfill({ status: 400, json: { error: { code: 'invalid_impairment', message: 'seed: too long' } } }),
    );
    await page.getByTestId('impairment-form').getByRole('button', { name: 'Off' }).click();
    await page.getByRole('alert').filter({ hasText: 'seed: too long' }).waitFor();
    await page.unroute('**/impairment');
    await page.getByTestId('impairment-form').getByRole('button', { name: 'Off' }).click();
    await badge.waitFor({ state: 'detached' });
  });

  it('shows two tabs on one executor as two harnesses, which never see each other', async () => {
    await startExecutor('shared-box');
    const pages = await Promise.all([openWorkbench(server.current), openWorkbench(server.current)]);
    for (const [index, workbench] of pages.entries()) {
      await workbench.page.getByRole('link', { name: 'Relay' }).click();
      await workbench.page.getByRole('button', { name: 'Connect this page' }).click();
      await workbench.openShell();
      await workbench.type(`echo tab-${index}-$((index+40))x`);
      await workbench.shows(`tab-${index}-40x`);
    }
    for (const [index, workbench] of pages.entries()) {
      const text = await workbench.screen.innerText();
      expect(text).toContain(`tab-${index}-40x`);
      expect(text, 'of the other tab').not.toContain(`tab-${1 - index}-`);
      expect(await workbench.page.getByTestId('process').count()).toBe(1);
    }
    const [{ page }] = pages;
    await page.getByRole('link', { name: 'Relay' }).click();
    await page.getByText('This page, c2').waitFor();
    await page.getByText('Harness 2').or(page.getByText('Harness 1')).waitFor();
    expect(await page.getByTestId('stream').count()).toBe(2);
  });

  it('says how to bring an executor online, and when the server does not answer', async () => {
    const workbench = await openWorkbench(server.current, { query: { view: 'relay' } });
    const { page } = workbench;
    await page
      .getByTestId('empty')
      .filter({ hasText: `--remote ${server.current.httpUrl} --executor-id my-box` })
      .waitFor();
    await page.getByRole('button', { name: 'Copy the command' }).waitFor();
    expect(await axeViolations(page), 'nobody online').toEqual([]);
    await page.route('**/cloud/executor', (route) => route.abort());
    await page.getByTestId('relay-problem').filter({ hasText: 'The registry does not answer' }).waitFor();
  });
});
