// What a page survives: a reload, a cut connection, a restarted server, a second tab.

import { describe, expect, it, onTestFinished } from 'vitest';
import { startServer, useServer } from '../helpers/server.ts';
import { cuttableProxy } from './support/cuttable-proxy.ts';
import { openWorkbench, useBrowser, type Workbench } from './support/workbench.ts';

useBrowser();
const server = useServer({ command: 'serve' });

/** By the button, unless the page has been quicker by itself. */
async function reconnectNow(workbench: Workbench): Promise<void> {
  const button = workbench.page.getByRole('button', { name: 'Reconnect now' });
  await Promise.race([workbench.connection('connected'), button.click()]);
  await workbench.connection('connected');
}

describe('the page', () => {
  it('finds its running shell and its output again after a reload', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await workbench.openShell();
    await workbench.type('VAR=kept; echo before-$((1+2))');
    await workbench.shows('before-3');
    const sessionId = await page.getByTestId('connection').getAttribute('data-session');

    await page.reload();
    await workbench.connection('connected');
    expect(await page.getByTestId('connection').getAttribute('data-session')).toBe(sessionId);
    await workbench.shows('before-3');
    await page.getByTestId('terminal').click();
    await workbench.type('echo after-$VAR');
    await workbench.shows('after-kept');
  });

  it('reconnects after a cut, resumes the session and shows what was written meanwhile, once', async () => {
    const proxy = await cuttableProxy(server.current.port);
    onTestFinished(() => proxy.close());
    const workbench = await openWorkbench(server.current, { port: proxy.port });
    const { page } = workbench;
    await workbench.openShell();
    await workbench.type('for i in $(seq 1 200); do echo line-$i-x; sleep 0.01; done; echo all-$((1+1))-lines');
    // Any line: on a busy machine a certain one may have left the screen before anybody looks.
    await workbench.shows(/line-\d+-x/);

    proxy.cut();
    await workbench.connection('reconnecting');
    await page.getByTestId('countdown').waitFor();
    proxy.mend();
    await reconnectNow(workbench);
    await workbench.shows('all-2-lines');
    await page
      .getByRole('button', { name: /^Actions on/ })
      .last()
      .click();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('menuitem', { name: 'Copy all output' }).click();
    const readClipboard = () => page.evaluate(() => navigator.clipboard.readText());
    await expect.poll(readClipboard).toContain('all-2-lines');
    const lines = (await readClipboard()).match(/^line-\d+-x$/gm);
    expect(lines).toEqual(Array.from({ length: 200 }, (_, index) => `line-${String(index + 1)}-x`));
  });

  it('says that a view does not come while the server is away, and shows it when the server is back', async () => {
    const proxy = await cuttableProxy(server.current.port);
    onTestFinished(() => proxy.close());
    const workbench = await openWorkbench(server.current, { port: proxy.port });
    const { page } = workbench;
    await workbench.openShell();
    // What is small has been fetched ahead.
    const isFetched = (part: string) =>
      page.waitForFunction(
        (name) => performance.getEntriesByType('resource').some((entry) => entry.name.includes(`/${name}-`)),
        part,
      );
    await Promise.all(['HelpDialog', 'FindBar', 'TerminalPanes', 'screen-search'].map(isFetched));

    proxy.cut();
    await workbench.connection('reconnecting');
    await page.keyboard.press('Control+Shift+KeyF');
    await page.getByRole('textbox', { name: 'Find in the terminal' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: 'Conformance' }).click();
    const problem = page.getByTestId('view-problem');
    await problem.filter({ hasText: 'Conformance cannot be shown yet: the server does not answer' }).waitFor();
    await problem.getByRole('button', { name: 'Try again' }).click();
    proxy.mend();
    await page.getByTestId('conformance').waitFor();
    expect(await problem.count()).toBe(0);
    await workbench.connection('connected');

    // Another build: its files have other names.
    await page.route(/\/assets\/(index|Files)-[^/]*\.(js|css)$/, (route) => route.fulfill({ status: 404 }));
    await page.getByRole('link', { name: 'Files' }).click();
    const updated = page.getByTestId('updated').filter({ hasText: 'The workbench was updated: reload the page' });
    await updated.waitFor();
    await page.unrouteAll();
    await updated.getByRole('button', { name: 'Reload' }).click();
    await page.getByRole('navigation', { name: 'Views' }).waitFor();
    await page.getByTestId('folder').waitFor();
  });

  it('says that the processes are gone when the server was restarted, and goes on with it', async () => {
    const token = 'a-token-that-stays';
    const env = { HOME: process.env['HOME'] ?? '/', PATH: process.env['PATH'] ?? '', EXEC_WORKBENCH_TOKEN: token };
    const first = await startServer({ command: 'serve', env });
    const workbench = await openWorkbench(first);
    const { page } = workbench;
    await workbench.openShell();
    await workbench.type('echo seen-$((2+3))');
    await workbench.shows('seen-5');

    await first.stop();
    await workbench.connection('reconnecting');
    await page.getByTestId('connection-notice').filter({ hasText: 'The server does not answer' }).waitFor();
    await startServer({ command: 'serve', env, args: ['--port', String(first.port)] });
    await reconnectNow(workbench);
    await workbench.facts('lost');
    await page.getByTestId('process-problem').filter({ hasText: 'This process is gone' }).waitFor();
    await workbench.shows('seen-5');

    await page.getByTestId('process-problem').getByRole('button', { name: 'Run again' }).click();
    await workbench.facts('running');
    await workbench.type('echo new-$((3+4))');
    await workbench.shows('new-7');
  });

  it('says that its token is no longer taken when the server came back with another one', async () => {
    const first = await startServer({ command: 'serve' });
    const workbench = await openWorkbench(first);
    await first.stop();
    await workbench.connection('reconnecting');
    await startServer({ command: 'serve', args: ['--port', String(first.port)] });
    await workbench.page
      .getByTestId('connection-notice')
      .filter({ hasText: 'does not accept this page’s token' })
      .waitFor();
  });

  it('finds its processes again after disconnecting and connecting by hand', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await workbench.openShell();
    await page.getByRole('button', { name: 'Disconnect' }).click();
    await workbench.connection('disconnected');
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await workbench.connection('connected');
    await page.getByTestId('terminal').click();
    await workbench.type('echo again-$((4+4))');
    await workbench.shows('again-8');
  });

  it('tells how much output was lost that the server did not keep', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await workbench.run('head -c 3000000 /dev/zero | tr "\\0" x; echo; echo fin', { by: 'Pipes' });
    await workbench.facts('ended');
    // Read anew, from a server that keeps the last MiB.
    await page.reload();
    await workbench.connection('connected');
    await workbench.shows('fin');
    await page
      .getByTestId('lost-bytes')
      .filter({ hasText: /^1\.9 MiB lost$/ })
      .waitFor();
  });

  it('begins a session of its own in a duplicated tab', async () => {
    const workbench = await openWorkbench(server.current);
    await workbench.openShell();
    const first = await workbench.page.getByTestId('connection').getAttribute('data-session');
    const kept = await workbench.page.evaluate(() => Object.entries(sessionStorage));
    const tab = await workbench.page.context().newPage();
    await tab.addInitScript((entries) => {
      for (const [name, value] of entries) sessionStorage.setItem(name, String(value));
    }, kept);
    await tab.goto(server.current.httpUrl);
    const connection = tab.locator('[data-testid=connection][data-status=connected]');
    await connection.waitFor();
    expect(await connection.getAttribute('data-session')).not.toBe(first);
    expect(await tab.getByTestId('process').count()).toBe(0);
    await workbench.type('echo mine-$((5+5))');
    await workbench.shows('mine-10');
    expect(await workbench.page.getByTestId('connection').getAttribute('data-status')).toBe('connected');
  });
});
