// The Connections view: several at once, through the relay and by the bridge, what is kept of them and what never is.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RemoteExecutorProcess } from '../helpers/remote-executor.ts';
import { serverProgram, startServer, useServer } from '../helpers/server.ts';
import { axeViolations } from './support/axe.ts';
import { openWorkbench, useBrowser } from './support/workbench.ts';

useBrowser();
const server = useServer({ command: 'serve' });

const row = (page: Page, id: string, status: string) =>
  page.locator(`[data-testid=connection-row][data-connection=${id}][data-status=${status}]`);

async function newConnection(page: Page, kind: 'Direct' | 'Relay' | 'Bridge' | 'Program'): Promise<void> {
  await page.getByRole('link', { name: 'Connections' }).click();
  await page.getByRole('button', { name: 'New connection' }).click();
  await page.getByTestId('connection-form').getByText(kind, { exact: true }).click();
}

async function connect(page: Page): Promise<void> {
  await page.getByTestId('connection-form').getByRole('button', { name: 'Connect', exact: true }).click();
}

describe('connections', () => {
  it('to this server and to an executor behind the relay are used side by side, and survive a reload', async () => {
    await RemoteExecutorProcess.start({
      remote: server.current.httpUrl,
      executorId: 'far-box',
      token: server.current.token,
      args: ['--name', 'A box far away'],
      env: { WHERE: 'far' },
    });
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await workbench.openShell();
    await workbench.type('echo ${WHERE:-near}-$((1+1))');
    await workbench.shows('near-2');

    await newConnection(page, 'Relay');
    const listed = page.getByTestId('executors').getByRole('listitem').filter({ hasText: 'far-box' });
    await listed.filter({ hasText: 'A box far away' }).filter({ hasText: 'online' }).waitFor();
    expect(await axeViolations(page), 'the form of a relay').toEqual([]);
    await listed.getByRole('button', { name: 'Connect to far-box' }).click();
    await row(page, 'c2', 'connected').filter({ hasText: 'relay' }).waitFor();
    await row(page, 'c1', 'connected').getByTestId('round-trip').waitFor();
    expect(await axeViolations(page), 'two connections').toEqual([]);

    await page.getByRole('link', { name: 'Terminals' }).click();
    expect(await page.getByTestId('process').count(), 'each has its own processes').toBe(0);
    await workbench.openShell();
    await workbench.type('echo ${WHERE:-near}-$((2+2))');
    await workbench.shows('far-4');

    await page.reload();
    await workbench.connection('connected');
    await workbench.shows('far-4');
    await page.getByTestId('connection').click();
    await page.getByRole('menuitemradio', { name: /This server/ }).click();
    await workbench.shows('near-2');
    await page.getByTestId('terminal').click();
    await workbench.type('echo ${WHERE:-near}-again');
    await workbench.shows('near-again');
    expect(page.url()).toContain('connection=c1');
  });

  it('that were cut come back by themselves, with their processes: direct and through the relay', async () => {
    await RemoteExecutorProcess.start({
      remote: server.current.httpUrl,
      executorId: 'cut-box',
      token: server.current.token,
    });
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await workbench.openShell();
    await workbench.type('for i in $(seq 1 100); do echo row-$i-x; sleep 0.01; done; echo all-$((6*7))');
    await workbench.shows('row-3-x');
    await page.getByRole('link', { name: 'Connections' }).click();
    await row(page, 'c1', 'connected').getByRole('button', { name: 'Cut' }).click();
    await row(page, 'c1', 'connected').filter({ hasText: 'lost and resumed 1×' }).waitFor();
    await page.getByRole('link', { name: 'Terminals' }).click();
    await workbench.shows('all-42');

    await newConnection(page, 'Relay');
    await page.getByRole('textbox', { name: 'Executor id' }).fill('cut-box');
    await connect(page);
    await row(page, 'c2', 'connected').waitFor();
    await page.getByRole('link', { name: 'Terminals' }).click();
    await workbench.openShell();
    await workbench.type('for i in $(seq 1 100); do echo tick-$i-x; sleep 0.02; done; echo whole-$((5*5))');
    await workbench.shows('tick-3-x');
    // The streams resume on the next socket: the session never hears of it.
    await workbench.command('cut the connection');
    await workbench.shows('whole-25');
    await page.getByTestId('terminal').click();
    await workbench.type('echo after-$((8*8))');
    await workbench.shows('after-64');
    await page.getByRole('link', { name: 'Connections' }).click();
    await row(page, 'c2', 'connected').filter({ hasText: 'lost and resumed 1×' }).waitFor();
    expect(await page.getByTestId('connection').getAttribute('data-status')).toBe('connected');
  });

  it('by the bridge reach a server that refuses pages and wants a token, and a program by its stdio', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bridge-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'the-capability');
    const far = await startServer({ args: ['--ws-auth', 'capability-token', '--ws-token-file', tokenFile] });
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;

    await newConnection(page, 'Bridge');
    const form = page.getByTestId('connection-form');
    await form.getByRole('textbox', { name: 'Server address' }).fill(`ws://127.0.0.1:${String(far.port)}`);
    await connect(page);
    const notice = page.getByTestId('connection-notice');
    await notice.filter({ hasText: '401' }).waitFor();

    await row(page, 'c2', 'disconnected').getByRole('button', { name: /^Edit/ }).click();
    await form.getByRole('button', { name: 'Add a header' }).click();
    await page.keyboard.type('Authorization');
    await page.keyboard.press('Tab');
    await page.keyboard.type('Bearer the-capability');
    expect(await axeViolations(page), 'the form of a bridge').toEqual([]);
    await connect(page);
    await row(page, 'c2', 'connected').filter({ hasText: 'bridge' }).waitFor();

    await row(page, 'c2', 'connected').getByRole('button', { name: /^Save/ }).click();
    const saved = page.getByTestId('saved-targets').getByRole('listitem');
    await saved.getByRole('textbox').fill('The far one');
    await page.keyboard.press('Tab');
    await page.reload();
    await row(page, 'c2', 'connected').waitFor();
    expect(await saved.getByRole('textbox').inputValue()).toBe('The far one');
    const kept = await page.evaluate(() => JSON.stringify(Object.entries(localStorage)));
    expect(kept).toContain('Authorization');
    expect(kept).not.toContain('the-capability');

    await page.getByRole('button', { name: 'New connection' }).click();
    await page.getByText('Program', { exact: true }).click();
    await connect(page);
    await form.getByRole('alert').filter({ hasText: 'Write the program' }).waitFor();
    const argv = [...serverProgram(), 'exec-server', '--listen', 'stdio'];
    await form.getByRole('textbox', { name: 'Program and arguments' }).fill(argv.join(' '));
    await connect(page);
    await row(page, 'c3', 'connected').filter({ hasText: 'stdio bridge' }).waitFor();
    await page.getByRole('link', { name: 'Terminals' }).click();
    await workbench.openShell();

    await page.getByRole('link', { name: 'Connections' }).click();
    await page.getByRole('button', { name: /^Remove .*exec-server|^Remove node/ }).click();
    await row(page, 'c3', 'connected').waitFor({ state: 'detached' });
    await saved.getByRole('button', { name: 'Forget The far one' }).click();
    await page.getByTestId('saved-targets').waitFor({ state: 'detached' });
  });

  it('are made, seen to fail and removed by keys alone', async () => {
    const workbench = await openWorkbench(server.current, { query: { view: 'connections' } });
    const { page } = workbench;
    await workbench.command('new connection');
    const form = page.getByTestId('connection-form');
    await form.waitFor();
    await page.getByRole('radio', { name: 'Direct' }).focus();
    await page.keyboard.press('ArrowRight');
    await page.getByRole('textbox', { name: 'Executor id' }).waitFor();
    await page.getByRole('textbox', { name: 'Executor id' }).focus();
    await page.keyboard.type('nobody');
    await page.keyboard.press('Enter');
    await page.getByTestId('connection-notice').filter({ hasText: 'executor nobody is not online' }).waitFor();
    expect(await axeViolations(page), 'a connection that failed').toEqual([]);
    await page.getByRole('button', { name: 'Remove nobody' }).focus();
    await page.keyboard.press('Enter');
    await row(page, 'c2', 'disconnected').waitFor({ state: 'detached' });
    await workbench.connection('connected');
    expect(await page.getByRole('button', { name: /^Remove/ }).count(), 'the last one stays').toBe(0);
  });
});
