// The Relay view: links made bad on purpose, connections cut, and recovery seen, with real executors behind a real rendezvous.

import type { Page } from 'playwright-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectRelay } from '../../backend/client/connect.ts';
import type { ExecServerClient } from '../../shared/client/harness.ts';
import { registerExecutor } from '../../shared/client/registration.ts';
import type { RelayLink } from '../../shared/client/relay-link.ts';
import { LocalError, RpcError } from '../../shared/errors.ts';
import { fsReadDirectory, fsReadFile, fsRemove } from '../../shared/protocol/fs.ts';
import { openLink, RemoteExecutorProcess } from '../helpers/remote-executor.ts';
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
    await page.getByRole('img', { name: /The last two minutes: .*busy/ }).waitFor();
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
    await page.getByRole('img', { name: /The last two minutes: executor away \d/ }).waitFor();
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
    await page.locator('summary', { hasText: 'Fault by fault' }).focus();
    await page.keyboard.press('Enter');
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
    await page.getByRole('button', { name: 'Act as executor' }).waitFor();
    expect(await axeViolations(page), 'nobody online').toEqual([]);
    await page.route('**/cloud/executor', (route) => route.abort());
    await page.getByTestId('relay-problem').filter({ hasText: 'The registry does not answer' }).waitFor();
  });
});

describe('the page as executor', () => {
  const status = (page: Page, value: string) => page.locator(`[data-testid=page-executor][data-status=${value}]`);
  const asked = (page: Page, value: string, method: string) =>
    page.locator(`[data-testid=asked][data-status=${value}]`).filter({ hasText: method }).first();

  async function harness(executorId: string): Promise<ExecServerClient> {
    const { httpUrl: registry, token } = server.current;
    const client = await connectRelay({ registry, token, executorId, clientName: 'a test', reconnects: false });
    onTestFinished(() => client.close());
    return client;
  }

  /** Another executor, which answers nothing. */
  async function executorHere(executorId: string): Promise<RelayLink> {
    const { httpUrl: registry, token } = server.current;
    const about = { name: 'another', peer: undefined };
    const { url } = await registerExecutor({ registry, token }, executorId, about);
    return openLink({ url, onConnection: () => undefined });
  }

  async function goOnline(page: Page, executorId: string): Promise<void> {
    await page.getByLabel('Executor id').fill(executorId);
    await page.getByRole('button', { name: 'Go online' }).click();
  }

  it('answers harnesses by a person, by rules and by the server that requests are passed on to, also after a reload', async () => {
    const workbench = await openWorkbench(server.current, { query: { view: 'relay' } });
    const { page } = workbench;
    await page.getByRole('button', { name: 'Act as executor' }).click();
    await page.getByTestId('executor-form').waitFor();
    expect(await axeViolations(page), 'the form').toEqual([]);
    await goOnline(page, 'tab-box');
    await status(page, 'online').waitFor();
    await page.getByTestId('relay-executor').filter({ hasText: 'this page' }).waitFor();

    const client = await harness('tab-box');
    const path = { path: '/etc/motd' };
    const answered = client.call(fsReadFile, path);
    await asked(page, 'answered', 'initialize').filter({ hasText: 'answered by the page' }).waitFor();
    await asked(page, 'waiting', 'fs/readFile').filter({ hasText: '/etc/motd' }).waitFor();
    await page.getByTestId('executor-badge').filter({ hasText: '1 request waits' }).waitFor();
    await page.getByRole('textbox', { name: 'dataBase64', exact: true }).fill('typed by hand');
    await page.getByLabel('Answer every fs/readFile so').check();
    expect(await axeViolations(page), 'a request that waits').toEqual([]);
    await page.getByRole('button', { name: 'Answer', exact: true }).click();
    const dataBase64 = Buffer.from('typed by hand').toString('base64');
    expect(await answered).toEqual({ dataBase64 });
    expect(await client.call(fsReadFile, path), 'by the rule').toEqual({ dataBase64 });
    await page.locator('[data-testid=asked][data-by=rule]').waitFor();

    const refused = client.call(fsRemove, path).catch((error: unknown) => error);
    await asked(page, 'waiting', 'fs/remove').waitFor();
    await page.getByTestId('answer-form').getByText('Error', { exact: true }).click();
    await page.getByRole('combobox', { name: 'Declared errors of fs/remove' }).selectOption({ index: 1 });
    await page.getByRole('button', { name: 'Answer', exact: true }).click();
    expect(await refused).toBeInstanceOf(RpcError);

    // A lost link is a pause; whoever leaves takes what waits along.
    const other = await harness('tab-box');
    const unanswered = other.call(fsReadDirectory, path).catch((error: unknown) => error);
    await asked(page, 'waiting', 'fs/readDirectory').waitFor();
    await page.getByRole('button', { name: 'Cut executor' }).click();
    await happened(page, /The executor is connected again after \d/);
    other.close();
    expect(await unanswered).toBeInstanceOf(LocalError);
    await asked(page, 'gone', 'fs/readDirectory').waitFor();
    expect(await client.call(fsReadFile, path), 'the other goes on').toEqual({ dataBase64 });

    await page.getByLabel('Requests', { exact: true }).selectOption('c1');
    await page.reload();
    await status(page, 'online').waitFor();
    const { stdout } = await (await harness('tab-box')).run({ argv: ['echo', 'through the page'] });
    expect(Buffer.from(stdout).toString()).toBe('through the page\n');
    await asked(page, 'answered', 'process/start').filter({ hasText: 'passed on' }).waitFor();

    await page.getByRole('button', { name: 'Inspect' }).click();
    await page.getByRole('row').filter({ hasText: 'exec-1' }).filter({ hasText: 'process/start' }).first().waitFor();
    await workbench.command('go offline as executor');
    await page.getByTestId('executor-badge').waitFor({ state: 'detached' });
    await expect(harness('tab-box'), 'nothing is left').rejects.toThrow('not online');
  });

  it('says when the registry refuses, takes the place of another only when told so, and tells when its own is taken', async () => {
    const first = await executorHere('one-box');
    const workbench = await openWorkbench(server.current, { query: { view: 'relay', new: 'executor' } });
    const { page } = workbench;
    const problem = page.getByTestId('executor-problem');
    await goOnline(page, 'a/b');
    await problem.filter({ hasText: 'an executor id is one path segment' }).waitFor();
    await goOnline(page, 'one-box');
    await problem.filter({ hasText: 'online already' }).waitFor();
    await problem.getByRole('button', { name: 'Take its place' }).click();
    await status(page, 'online').waitFor();
    await expect.poll(() => first.status).toEqual({ phase: 'closed', reason: 'another executor has taken this id' });

    await executorHere('one-box');
    await problem.filter({ hasText: 'another executor has taken this id' }).waitFor();
    await page.getByTestId('executor-badge').waitFor({ state: 'detached' });
  });
});
