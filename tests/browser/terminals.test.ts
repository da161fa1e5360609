// The main path of the page: start, type, resize, end, by terminal and by pipes; and what it says when something fails.

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { useServer } from '../helpers/server.ts';
import { axeViolations } from './support/axe.ts';
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

describe('the commands of a terminal', () => {
  it('are gone to by keys: where Enter was pressed, or where the shell says that its prompt begins', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    const marks = page.getByTestId('terminal').locator('.command-mark');
    const said = page.getByTestId('announcer');
    await workbench.openShell();
    await workbench.type('seq 1 100; echo one-$((1+1))');
    await workbench.shows('one-2');
    await workbench.type('seq 1 100; echo two-$((1+1))');
    await workbench.shows('two-2');
    await page.keyboard.press('Control+ArrowUp');
    await workbench.shows('ready> seq 1 100; echo two-');
    await page.keyboard.press('Control+ArrowUp');
    await workbench.shows('ready> seq 1 100; echo one-');
    await said.filter({ hasText: 'ready> seq 1 100; echo one-' }).waitFor();
    await page.keyboard.press('Control+ArrowDown');
    await page.keyboard.press('Control+ArrowDown');
    await said.filter({ hasText: 'The end of the output' }).waitFor();
    await workbench.shows('two-2');

    // What the shell says counts from then on, and nothing else.
    await workbench.type("PS1='\\[\\e]133;A\\a\\]told'$'> '; clear");
    await workbench.shows('told> ');
    await workbench.type('cat; echo ended-$((1+1))');
    await workbench.type('no prompt');
    await page.keyboard.press('Control+d');
    await workbench.shows('ended-2');
    await expect.poll(() => marks.count()).toBe(2);
    // A program that fills the screen has the keys for itself.
    await workbench.type("printf '\\e[?1049hin-%s' full; cat");
    await workbench.shows('in-full');
    await page.keyboard.press('Control+ArrowUp');
    await workbench.shows('^[[1;5A');
  });
});

describe('terminals side by side', () => {
  it('each get their input, one fills the window and goes back, all are there after a reload', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    const panes = page.getByTestId('pane');
    const pane = (text: string) => panes.filter({ hasText: text });
    await workbench.openShell();
    await workbench.type('WHO=first; echo here-$WHO');
    await workbench.shows('here-first');
    await page.keyboard.press('Control+Shift+KeyD');
    await panes.nth(1).locator('[data-testid=process-facts][data-status=running]').waitFor();
    await workbench.type('WHO=second; echo here-$WHO');
    await pane('here-second').waitFor();
    expect(await page.getByRole('tab').count(), 'one tab, and the one for something new').toBe(2);
    expect(await axeViolations(page), 'two side by side').toEqual([]);

    // The bar between them by keys: the first gets wider, and its process hears of it.
    const widthOf = async () => Number((await panes.first().getByTestId('terminal-size').innerText()).split('×')[0]);
    const before = await widthOf();
    await page.getByRole('separator').press('ArrowRight');
    await expect.poll(widthOf).toBeGreaterThan(before);

    await pane('here-first').getByTestId('terminal').click();
    await workbench.type('echo still-$WHO');
    await pane('here-first').filter({ hasText: 'still-first' }).waitFor();
    await page.keyboard.press('Control+Shift+Enter');
    await page.getByRole('navigation', { name: 'Views' }).waitFor({ state: 'hidden' });
    expect(await panes.count()).toBe(1);
    await workbench.type('echo full-$WHO');
    await pane('full-first').waitFor();
    expect(await axeViolations(page), 'one fills the window').toEqual([]);
    await page.keyboard.press('Control+Shift+Enter');
    await page.getByRole('navigation', { name: 'Views' }).waitFor();
    await expect.poll(() => panes.count()).toBe(2);

    await page.reload();
    await workbench.connection('connected');
    await pane('full-first').waitFor();
    await pane('here-second').waitFor();
    expect(await page.getByRole('tab').count()).toBe(2);
    await pane('here-second')
      .getByRole('button', { name: /^Actions on/ })
      .click();
    await page.getByRole('menuitem', { name: 'Move to a tab of its own' }).click();
    await expect.poll(() => page.getByRole('tab').count()).toBe(3);
    expect(await panes.count()).toBe(1);
  });

  it('their text is found, saved as text and as asciicast, recordings are played, and their messages are a step away', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await workbench.run('printf "needle one\\nhay\\nneedle 界 two\\n"; exit 3');
    await workbench.facts('ended');
    await page.getByTestId('last-seq').filter({ hasText: /[1-9]/ }).waitFor();
    await page.keyboard.press('Control+Shift+KeyF');
    const field = page.getByRole('textbox', { name: 'Find in the terminal' });
    await field.waitFor();
    await page.keyboard.type('needle');
    const result = page.getByTestId('find-result');
    await result.filter({ hasText: '2 of 2' }).waitFor();
    await page.keyboard.press('Enter');
    await result.filter({ hasText: '1 of 2' }).waitFor();
    await page.keyboard.type('s');
    await result.filter({ hasText: 'not found' }).waitFor();
    expect(await axeViolations(page), 'the search').toEqual([]);
    await page.keyboard.press('Escape');
    await field.waitFor({ state: 'detached' });

    const saved = async (item: string) => {
      await page
        .getByTestId('pane')
        .getByRole('button', { name: /^Actions on/ })
        .click();
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('menuitem', { name: item }).click(),
      ]);
      return readFileSync(await download.path(), 'utf8');
    };
    expect(await saved('Save as text')).toContain('needle one\nhay\nneedle 界 two\n');
    const cast = (await saved('Save as asciicast'))
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(cast[0]).toMatchObject({ version: 3, term: { type: 'xterm-256color' } });
    expect(JSON.stringify(cast)).toContain('needle 界 two\\r\\n');
    expect(cast.at(-1)).toEqual([expect.any(Number), 'x', '3']);

    // What was saved is played: from anywhere, and at last as it ended.
    await page.getByRole('tab', { name: 'New' }).click();
    const openFile = (name: string, text: string) =>
      page.getByTestId('cast-file').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
    await openFile('bad.cast', '{"version":2,"width":80,"height":24}\n[1,"o"]');
    await page
      .getByTestId('recording-problem')
      .filter({ hasText: 'bad.cast cannot be played' })
      .filter({ hasText: 'line 2 is no event' })
      .waitFor();
    const slow = [
      { version: 2, width: 40, height: 10, title: 'slow' },
      [0, 'o', 'at-once'],
      [60, 'o', ' later'],
      [3600, 'x', '3'],
    ];
    await openFile('slow.cast', slow.map((line) => JSON.stringify(line)).join('\n'));
    const recording = page.getByTestId('recording');
    await page.locator('[data-testid=recording][data-status=playing]').waitFor();
    await workbench.shows('at-once');
    await recording.getByRole('button', { name: 'Pause' }).click();
    await page.locator('[data-testid=recording][data-status=paused]').waitFor();
    const position = recording.getByRole('slider', { name: 'Position' });
    await position.fill('60000');
    await workbench.shows('at-once later');
    await position.press('ArrowLeft');
    await page.getByTestId('recording-position').filter({ hasText: '55.0 s of 1:00:00' }).waitFor();
    await workbench.screen.filter({ hasText: 'at-once', hasNotText: 'later' }).waitFor();
    await position.fill('3599900');
    await recording.getByRole('combobox', { name: 'Speed' }).selectOption('8×');
    await recording.getByRole('button', { name: 'Play' }).click();
    await workbench.shows('[exit 3]');
    await page.locator('[data-testid=recording][data-status=paused]').waitFor();
    expect(await axeViolations(page), 'the player').toEqual([]);
    await recording.getByRole('button', { name: 'Close the recording' }).click();
    await recording.waitFor({ state: 'detached' });

    await page.getByRole('tab', { name: /printf/ }).click();
    await page
      .getByTestId('pane')
      .getByRole('button', { name: /^Actions on/ })
      .click();
    await page.getByRole('menuitem', { name: 'Show its messages' }).click();
    await page.getByTestId('wire-rows').getByText('process/start').first().waitFor();
    expect(new URL(page.url()).searchParams.get('filter')).toMatch(/^process:printf-/);
  });
});

describe('the launcher', () => {
  it('completes the directory, takes argv[0] and a size, and keeps it all as a template', async () => {
    const path = mkdtempSync(join(tmpdir(), 'launch-'));
    onTestFinished(() => rmSync(path, { recursive: true }));
    mkdirSync(join(path, 'inner'));
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await page.getByText('Program + arguments').click();
    await page.getByRole('textbox', { name: 'Program and arguments' }).fill("/bin/bash -c 'echo $0 $PWD $(stty size)'");
    await page.getByText('Directory, environment').click();
    const cwd = page.getByRole('combobox', { name: 'Working directory' });
    await cwd.fill(`${path}/i`);
    await page.locator(`option[value="${path}/inner"]`).waitFor({ state: 'attached' });
    await cwd.fill(`${path}/inner`);
    await page.getByRole('textbox', { name: 'argv[0]' }).fill('-other');
    await page.getByText('Fixed', { exact: true }).click();
    await page.getByRole('spinbutton', { name: 'Columns' }).fill('61');
    await page.getByRole('spinbutton', { name: 'Rows' }).fill('17');
    await page.getByRole('textbox', { name: 'Keep it as a template' }).fill('My bash');
    await page.keyboard.press('Enter');
    expect(await axeViolations(page), 'the launcher, opened').toEqual([]);

    await page.reload();
    await workbench.connection('connected');
    const templates = page.getByTestId('templates');
    await templates.getByRole('button', { name: 'Run: My bash' }).click();
    await workbench.facts('ended');
    await workbench.shows(`${path}/inner`);
    const text = (await workbench.screen.innerText()).replaceAll('\n', '');
    expect(text).toContain('17 61');
    await page.getByRole('tab', { name: 'New' }).click();
    await templates.getByRole('button', { name: 'Delete My bash' }).click();
    await templates.waitFor({ state: 'detached' });
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
    await page.getByRole('combobox', { name: 'Working directory' }).fill('/usr');
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
