// The main path of the page: start, type, resize, end, by terminal and by pipes; and what it says when something fails.

import { describe, expect, it } from 'vitest';
import { useServer } from '../helpers/server.ts';
import { openWorkbench, useBrowser } from './support/workbench.ts';

useBrowser();
const server = useServer({ command: 'serve' });

describe('a shell in the page', () => {
  it('starts with one click, answers what is typed, follows the size of the window, ends with its exit code shown', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    expect(page.url(), 'the token is taken out of the address').not.toContain('token');

    await workbench.openShell();
    await workbench.type('echo $((6*7))-$TERM-$COLORTERM');
    await workbench.shows('42-xterm-256color-truecolor');

    const sizeOnPage = () => page.getByTestId('terminal-size').innerText();
    const before = await sizeOnPage();
    await page.setViewportSize({ width: 900, height: 500 });
    await page.getByTestId('terminal-size').filter({ hasNotText: before }).waitFor();
    const [cols, rows] = (await sizeOnPage()).split('×');
    // Until the process has been told, it answers with the former size.
    await workbench.type(
      `until [ "$(stty size)" = "${rows} ${cols}" ]; do sleep 0.02; done; echo size-$(stty size)-here`,
    );
    await workbench.shows(`size-${rows} ${cols}-here`);

    await workbench.type('exit 7');
    const facts = await workbench.facts('ended');
    expect(await facts.getAttribute('data-exit-code')).toBe('7');
    await workbench.shows('[exit 7]');
    expect(await page.getByTestId('process').getAttribute('data-status')).toBe('ended');
  });

  it('names the signal that ended a process, and lets it be run again', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await workbench.run('echo up; sleep 1000');
    await workbench.shows('up');
    await page.getByTestId('process-facts').getByRole('button', { name: 'Kill' }).click();
    await workbench.facts('ended');
    expect(await page.getByTestId('process-status').innerText()).toBe('exit 137 · SIGKILL');

    await page.getByTestId('process-facts').getByRole('button', { name: 'Run again' }).click();
    await workbench.facts('running');
    expect(await page.getByTestId('process').count()).toBe(2);
    await page.getByTestId('process-facts').getByRole('button', { name: 'Terminate' }).click();
    await workbench.facts('ended');
    expect(await page.getByTestId('process-status').innerText()).toMatch(/^exit (143 · SIGTERM|129 · SIGHUP)$/);
  });

  it('keeps a process running whose tab was closed, and shows it again from the list', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await workbench.openShell();
    await workbench.type('echo still-$((1+1))-here');
    await workbench.shows('still-2-here');
    await page.getByRole('button', { name: /^Close the tab of/ }).click();
    await page.getByTestId('launcher').waitFor();
    expect(await page.getByTestId('running-count').innerText()).toBe('1 running');
    await page
      .getByTestId('process')
      .getByRole('button', { name: /running/ })
      .click();
    await workbench.shows('still-2-here');
    await page.getByTestId('terminal').click();
    await workbench.type('exit');
    await workbench.facts('ended');
  });

  it('keeps the input and output of two terminals apart', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await workbench.openShell();
    await workbench.type('echo first-$((10+1))');
    await workbench.shows('first-11');
    await page.getByRole('tab', { name: 'New' }).click();
    await workbench.openShell();
    await workbench.type('echo second-$((20+2))');
    await workbench.shows('second-22');
    expect(await workbench.screen.innerText()).not.toContain('first-11');
    await page.keyboard.press('Control+Shift+Comma');
    await workbench.shows('first-11');
    expect(await workbench.screen.innerText()).not.toContain('second-22');
  });
});

describe('a process by pipes', () => {
  it('shows stderr apart from stdout by heading and bar, takes lines for stdin, and ends when stdin is closed', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await workbench.run('echo out-1; echo err-1 >&2; sleep 0.1; echo out-2; cat', { by: 'Pipes' });
    await workbench.shows('out-2');
    const rows = async () => (await workbench.screen.locator('> div').allInnerTexts()).map((row) => row.trimEnd());
    expect((await rows()).filter((row) => row !== '')).toEqual(
      expect.arrayContaining(['out-1', '╭ stderr', '│ err-1', 'out-2']),
    );

    await page.getByRole('textbox', { name: 'Line for stdin' }).fill('a line for cat');
    await page.keyboard.press('Enter');
    await workbench.shows('› a line for cat');
    await expect.poll(rows).toContain('a line for cat');

    await page.getByRole('button', { name: 'Close stdin' }).click();
    const facts = await workbench.facts('ended');
    expect(await facts.getAttribute('data-exit-code')).toBe('0');
    expect(await page.getByRole('textbox', { name: 'Line for stdin' }).count()).toBe(0);
  });

  it('gives the variables and the directory that were asked for', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await page.getByText('Directory, environment').click();
    await page.getByRole('textbox', { name: 'Working directory' }).fill('/usr');
    await page.getByRole('button', { name: 'Add a variable' }).click();
    await page.keyboard.type('GREETING');
    await page.getByRole('textbox', { name: 'Value of variable 1' }).fill('hello there');
    await workbench.run('echo "$PWD: $GREETING"', { by: 'Pipes' });
    await workbench.shows('/usr: hello there');
    await workbench.facts('ended');
  });
});

describe('with a server that cannot resize', () => {
  it('keeps the terminal at 80 by 24 and says how to tell the process of another size', async () => {
    const workbench = await openWorkbench(server.current, { withoutExtensions: true });
    const { page } = workbench;
    await workbench.openShell();
    await workbench.type('echo size-$(stty size)-here');
    await workbench.shows('size-24 80-here');
    await page.setViewportSize({ width: 900, height: 500 });
    await page
      .getByTestId('fixed-size')
      .filter({ hasText: '80×24, fixed by the server; stty cols N rows M' })
      .waitFor();
    expect(await workbench.screen.locator('> div').count()).toBe(24);
  });
});

describe('when something is wrong', () => {
  it('says why a program cannot be started and lets it be corrected', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await page.getByText('Program + arguments').click();
    await page.getByRole('textbox', { name: 'Program and arguments' }).fill('/no/such/program --flag');
    await page.keyboard.press('Enter');
    const problem = page.getByTestId('process-problem');
    await problem.filter({ hasText: 'No such file or directory (os error 2)' }).waitFor();
    await problem.filter({ hasText: 'Check the spelling' }).waitFor();
    expect(await problem.getAttribute('data-error')).toBe('-32603');

    await problem.getByRole('button', { name: 'Edit' }).click();
    const line = page.getByRole('textbox', { name: 'Program and arguments' });
    expect(await line.inputValue()).toBe('/no/such/program --flag');
    await line.fill("printf '%s|' 'a b' c");
    await page.keyboard.press('Enter');
    await workbench.shows('a b|c|');
  });

  it('says which quote is open instead of starting something else', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await page.getByText('Program + arguments').click();
    await page.getByRole('textbox', { name: 'Program and arguments' }).fill("echo 'open");
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: "the quote ' at column 6 is not closed" }).waitFor();
    expect(await page.getByTestId('process').count()).toBe(0);
  });

  it('asks before it runs what a link holds, and says so when a link cannot be followed', async () => {
    const workbench = await openWorkbench(server.current, { query: { run: 'echo from-$((40+2))-link' } });
    const { page } = workbench;
    const dialog = page.getByRole('dialog', { name: 'Run this command?' });
    await dialog.getByText('echo from-$((40+2))-link').waitFor();
    expect(page.url()).not.toContain('run=');
    expect(await page.getByTestId('process').count()).toBe(0);
    await dialog.getByRole('button', { name: 'Run' }).click();
    await workbench.shows('from-42-link');

    const rejected = await openWorkbench(server.current, { query: { run: 'echo \u202Ehidden' } });
    await rejected.page.locator('[data-deeplink=rejected]').filter({ hasText: 'control characters' }).waitFor();
    expect(await rejected.page.getByTestId('process').count()).toBe(0);
  });

  it('says that nothing listens at an address', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await page.getByRole('button', { name: 'Disconnect' }).click();
    await workbench.connection('disconnected');
    await workbench.editAddress('ws://127.0.0.1:1/exec?token=not-to-be-shown');
    const notice = page.getByTestId('connection-notice');
    await notice.filter({ hasText: 'cannot connect to ws://127.0.0.1:1/exec' }).waitFor();
    expect(await notice.innerText()).not.toContain('not-to-be-shown');
    expect(await notice.getAttribute('data-error')).toBe('connect');
  });
});
