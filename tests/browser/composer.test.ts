// The Composer: valid messages by form and text, invalid ones on purpose, relay frames by hand, scripts; what was sent is kept.

import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { RemoteExecutorProcess } from '../helpers/remote-executor.ts';
import { useServer } from '../helpers/server.ts';
import { axeViolations } from './support/axe.ts';
import { openWorkbench, useBrowser } from './support/workbench.ts';

useBrowser();
const server = useServer({ command: 'serve' });

const editor = (page: Page) => page.getByRole('textbox', { name: 'Message' });
const answer = (page: Page, status: string) => page.locator(`[data-testid=answer][data-status=${status}]`);
const verdict = (page: Page) => page.getByTestId('verdict');

async function typeMessage(page: Page, text: string): Promise<void> {
  await editor(page).click();
  await page.keyboard.press('Control+a');
  // As pasted: typed brackets and quotes would be closed by the editor.
  await page.keyboard.insertText(text);
}

describe('the composer', () => {
  it('sends a message that a form has made, tells what is wrong as it is typed, and sends that too', async () => {
    const workbench = await openWorkbench(server.current, { query: { view: 'composer' } });
    const { page } = workbench;
    const method = page.getByRole('combobox', { name: 'Method' });
    await page.getByRole('textbox', { name: 'argv 3', exact: true }).fill('echo by-form');
    expect(await method.inputValue()).toBe('process/start');
    await page.getByRole('button', { name: 'Add env', exact: true }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Add to env' }).click();
    await page.getByRole('textbox', { name: 'Name of env 2' }).fill('COLOUR');
    await page.getByRole('textbox', { name: 'Value of env 2' }).fill('blue');
    await editor(page).filter({ hasText: '"COLOUR": "blue"' }).waitFor();
    await page.getByTestId('method-docs').filter({ hasText: 'Starts a program by pipes or on a terminal' }).waitFor();
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    const started = answer(page, 'ok').filter({ hasText: '"processId"' });
    await started.filter({ hasText: 'stdout "by-form\\n"' }).filter({ hasText: 'process/closed' }).waitFor();
    await page.getByRole('button', { name: 'New ids' }).click();
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await started.nth(1).waitFor();
    expect(await axeViolations(page), 'form, text and answer').toEqual([]);

    await method.selectOption('process/write');
    const chunk = page.getByRole('textbox', { name: 'chunk', exact: true });
    await chunk.fill('ünïcode');
    await editor(page)
      .filter({ hasText: Buffer.from('ünïcode').toString('base64') })
      .waitFor();
    await page.getByRole('combobox', { name: 'How chunk is typed' }).selectOption('hex');
    expect(await chunk.inputValue()).toBe('c3 bc 6e c3 af 63 6f 64 65');

    await typeMessage(page, '{"id":"wrong","method":"process/raed","params":{}}');
    await verdict(page).filter({ hasText: 'process/raed is no declared method: process/read?' }).waitFor();
    await page.getByRole('button', { name: 'Send as it is' }).click();
    await answer(page, 'error').filter({ hasText: '-32601' }).waitFor();

    await typeMessage(page, '{"id":1,');
    await verdict(page).filter({ hasText: 'no JSON' }).waitFor();
    await page.keyboard.press('Control+Enter');
    await answer(page, 'error').filter({ hasText: '"id": -1' }).waitFor();
    expect(await axeViolations(page), 'an invalid message').toEqual([]);

    await typeMessage(page, '{"id":"early","method":"process/read","params":{"processId":"p"}}');
    await page.getByText('Fresh connection', { exact: true }).click();
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await answer(page, 'error').filter({ hasText: 'initialize' }).filter({ hasText: 'raw-1' }).waitFor();
    await page.locator('[data-testid=raw-status][data-status=open]').waitFor();

    await page.getByRole('tab', { name: 'History' }).click();
    const history = page.getByTestId('composer-history');
    await history.getByRole('searchbox').fill('COLOUR');
    const sent = history.getByTestId('sent');
    await history.getByRole('combobox', { name: 'Shown messages' }).selectOption('To This server');
    await sent.nth(1).getByRole('button', { name: 'Name process/start' }).click();
    await page.keyboard.type('the blue one');
    await page.keyboard.press('Enter');
    await history
      .locator('[data-pinned=true]')
      .getByRole('button', { name: /^the blue one/ })
      .click();
    await editor(page).filter({ hasText: '"COLOUR": "blue"' }).waitFor();
    expect(await page.getByRole('radio', { name: 'This session' }).isChecked(), 'sent as it was sent').toBe(true);

    await page.reload();
    await workbench.connection('connected');
    await editor(page).filter({ hasText: '"COLOUR": "blue"' }).waitFor();
    await page.getByRole('tab', { name: 'History' }).click();
    expect(await sent.count()).toBe(5);
    expect(await axeViolations(page), 'the history').toEqual([]);
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      history.getByRole('button', { name: 'Export' }).click(),
    ]);
    await history.getByRole('button', { name: 'Delete all but the pinned' }).click();
    expect(await sent.count()).toBe(1);
    await history.getByRole('button', { name: 'Delete the blue one' }).click();
    expect(await sent.count()).toBe(0);
    const buffer = readFileSync(await file.path());
    const saved = { name: 'history.json', mimeType: 'application/json', buffer };
    await history.getByTestId('history-file').setInputFiles(saved);
    await history.getByText('Taken: 5 messages, 0 scripts').waitFor();
    expect(await history.locator('[data-pinned=true]').count()).toBe(1);
    await history.getByTestId('history-file').setInputFiles({ ...saved, buffer: Buffer.from('{}') });
    await history.getByTestId('history-problem').filter({ hasText: 'holds no history' }).waitFor();
  });

  it('is driven by the keyboard alone, completes as one types, and takes a message over from the inspector', async () => {
    const workbench = await openWorkbench(server.current, {
      viewport: { width: 390, height: 844 },
      colorScheme: 'light',
    });
    const { page } = workbench;
    await page.keyboard.press('g');
    await page.keyboard.press('m');
    await page.getByRole('tab', { name: 'JSON' }).focus();
    await page.keyboard.press('Enter');
    await editor(page).focus();
    await page.keyboard.press('Control+a');
    await page.keyboard.type('{"id": "k", "method": "environment/st');
    await page
      .locator('.cm-tooltip')
      .getByRole('option', { name: /environment\/status/ })
      .waitFor();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Control+End');
    await page.keyboard.press('Control+Enter');
    await answer(page, 'ok').filter({ hasText: '"status": "' }).waitFor();
    expect(await axeViolations(page), 'a small screen').toEqual([]);

    await answer(page, 'ok').getByRole('button', { name: 'Inspect' }).click();
    const rows = page.getByTestId('wire-rows').getByRole('row');
    await rows.filter({ hasText: 'environment/status' }).first().click();
    await page.keyboard.press('e');
    await page.getByRole('tab', { name: 'JSON' }).click();
    await editor(page).filter({ hasText: '"environment/status"' }).waitFor();
  });

  it('sends a relay frame by hand to an executor, and shows what comes back; wrong frames say what is wrong', async () => {
    await RemoteExecutorProcess.start({
      remote: server.current.httpUrl,
      executorId: 'framed',
      token: server.current.token,
    });
    const workbench = await openWorkbench(server.current, { query: { view: 'composer', compose: 'frame' } });
    const { page } = workbench;
    await page
      .getByRole('textbox', { name: 'Executor id or signed URL' })
      .or(page.getByRole('combobox', { name: 'Executor id or signed URL' }))
      .fill('framed');
    await page.getByRole('button', { name: 'Open', exact: true }).click();
    await page.locator('[data-testid=frame-link][data-status=open]').waitFor();
    const verdict = page.getByTestId('frame-verdict');
    const field = (name: string) => page.getByRole('textbox', { name, exact: true });
    await page.getByRole('combobox', { name: 'How the payload is typed' }).selectOption('hex');
    expect(await field('payload').inputValue(), 'the same bytes').toMatch(/^7b 22 69 64/);
    await verdict.filter({ hasText: 'a valid frame' }).waitFor();
    await page.getByRole('button', { name: 'Send the frame' }).click();
    const seen = page.getByTestId('seen-frames').getByRole('listitem');
    await seen.filter({ hasText: '↓ in' }).filter({ hasText: 'data seq 0' }).first().waitFor();
    expect(await axeViolations(page), 'frames').toEqual([]);

    await page.getByRole('button', { name: 'Next frame' }).click();
    expect([await field('seq').inputValue(), await field('segment_index').inputValue()]).toEqual(['1', '0']);
    // Each field alone can be wrong, and is sent so all the same.
    for (const [name, value, fault, times] of [
      ['version', '2', 'version', 0],
      ['stream_id', '', 'stream_id', 0],
      ['segment_index', '9', 'segment', 0],
      ['segment_count', '0', 'segment', 1],
    ] as const) {
      const right = await field(name).inputValue();
      await field(name).fill(value);
      await verdict.filter({ hasText: `a peer drops it: ${fault}` }).waitFor();
      await page.getByRole('button', { name: 'Send it as it is' }).click();
      await seen
        .filter({ hasText: `no valid frame: ${fault}` })
        .nth(times)
        .waitFor();
      await field(name).fill(right);
    }
    await field('ack').fill('-1');
    await verdict.filter({ hasText: 'ack must be a whole number from 0 to 4294967295' }).waitFor();
    await field('ack').fill('1');
    await field('ack_bits').fill('5');
    for (const body of ['ack_frame', 'resume', 'reset', 'heartbeat', 'handshake', 'no body']) {
      await page.getByRole('combobox', { name: 'body' }).selectOption(body);
      await verdict.filter({ hasText: body === 'no body' ? 'no_body' : 'a valid frame' }).waitFor();
    }
    await page.getByText('Raw bytes', { exact: true }).click();
    await page.getByRole('textbox', { name: 'bytes' }).fill('ff');
    await verdict.filter({ hasText: 'malformed' }).waitFor();
    await page.getByRole('button', { name: 'Send it as it is' }).click();
    await seen.filter({ hasText: 'no valid frame: malformed' }).waitFor();
    await page.reload();
    await verdict.filter({ hasText: 'malformed' }).waitFor();
  });

  it('runs scripts, names what differs and where, saves them, and refuses what is none', async () => {
    const workbench = await openWorkbench(server.current, { query: { view: 'composer', compose: 'script' } });
    const { page } = workbench;
    const steps = page.getByRole('textbox', { name: 'Steps, one JSON object a line' });
    const script = await steps.inputValue();
    const code = page.getByTestId('script-variables').getByLabel('code');
    await code.fill('7');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByTestId('run-result').filter({ hasText: 'Everything was answered as expected' }).waitFor();
    await code.fill('seven');
    await page.getByTestId('script-verdict').filter({ hasText: 'variable code: expected a number' }).waitFor();
    await code.fill('');
    await steps.fill(script.replace('"code":0', '"code":0,"token":"s3cret"'));
    await page.getByRole('button', { name: 'Save' }).click();
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Export' }).click(),
    ]);
    expect(readFileSync(await file.path(), 'utf8')).toContain('"token":null');
    const kept = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage]));
    expect([kept.includes('token'), kept.includes('s3cret')]).toEqual([true, false]);

    await steps.fill(script.replace('"exitCode":"{{code}}"', '"exitCode":7'));
    await page.getByRole('button', { name: 'Run' }).click();
    await page
      .getByRole('list', { name: 'Differences' })
      .filter({ hasText: /line 8: .*exitCode should be 7, is 0/ })
      .waitFor();
    expect(await axeViolations(page), 'a script').toEqual([]);

    await steps.fill(`${script}{"dir":"send","raw":"{{nobody}}"}`);
    const unknown = 'line 10 of the scenario: send uses the unknown variable {{nobody}}';
    await page.getByTestId('script-verdict').filter({ hasText: unknown }).waitFor();
    await steps.fill(`${script}{"dir":"sideways"}`);
    await page.getByTestId('script-verdict').filter({ hasText: 'line 10 of the scenario' }).waitFor();
    expect(await page.getByRole('button', { name: 'Run' }).isEnabled()).toBe(false);
    await page.reload();
    await workbench.connection('connected');
    await page.getByRole('combobox', { name: 'Saved scripts' }).selectOption('hello');
    expect(await steps.inputValue()).toBe(script.replace('"code":0', '"code":0,"token":null'));
    await page.getByTestId('script-verdict').filter({ hasText: 'A valid script' }).waitFor();
    await page
      .getByTestId('script-file')
      .setInputFiles({ name: 'bad.jsonl', mimeType: 'application/jsonl', buffer: Buffer.from('{}') });
    await page.getByTestId('script-problem').filter({ hasText: 'bad.jsonl' }).waitFor();
  });
});
