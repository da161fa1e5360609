// The HTTP console: requests that the executor makes, seen as they are answered, kept and sent again.

import type { ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { splitArgv } from '../../web/src/lib/argv.ts';
import { startHttpFixture, type HttpFixture } from '../../backend/cli/conform/http-fixture.ts';
import { runProgram } from '../helpers/run-program.ts';
import { useServer } from '../helpers/server.ts';
import { axeViolations } from './support/axe.ts';
import { openWorkbench, useBrowser, type Workbench } from './support/workbench.ts';

useBrowser();
const server = useServer({ command: 'serve', args: ['--http-deny', '127.0.0.2/32'] });

async function fixture(more: Parameters<typeof startHttpFixture>[0] = {}): Promise<HttpFixture> {
  const started = await startHttpFixture(more);
  onTestFinished(() => started.close());
  return started;
}

async function openConsole(options: Parameters<typeof openWorkbench>[1] = {}): Promise<Workbench> {
  return openWorkbench(server.current, { ...options, query: { view: 'http' } });
}

const answer = ({ page }: Workbench, state: string) =>
  page.locator(`[data-testid=http-response][data-status=${state}]`);

async function send({ page }: Workbench, url: string): Promise<void> {
  await page.getByTestId('http-url').fill(url);
  await page.keyboard.press('Enter');
}

describe('the HTTP console', () => {
  it('sends headers and JSON, shows the answer, copies it as curl, and finds all of it again after a reload', async () => {
    const http = await fixture({
      '/cookies': (_request, response) => {
        response.setHeader('content-type', 'application/json');
        response.setHeader('set-cookie', ['a=1', 'b=2']);
        response.end('{"big":12345678901234567890,"list":[],"text":"<b>no markup</b>"}');
      },
    });
    const workbench = await openConsole();
    const { page } = workbench;
    await page.getByTestId('empty').waitFor();
    expect(await axeViolations(page), 'empty').toEqual([]);
    const words = splitArgv(await page.getByTestId('empty').getByRole('code').innerText());
    const [, ...args] = 'argv' in words ? words.argv : [];
    const { stdout } = await runProgram(args, { EXEC_WORKBENCH_TOKEN: server.current.token ?? '' });
    expect(stdout).toContain('"status":200');

    await page.getByRole('combobox', { name: 'Method' }).fill('POST');
    await page.getByRole('button', { name: 'Add a header' }).click();
    await page.keyboard.type('x-test');
    await page.getByRole('textbox', { name: 'Value of header 1' }).fill('seen');
    await page.getByRole('button', { name: 'Add a header' }).click();
    await page.keyboard.type('authorization');
    await page.getByRole('textbox', { name: 'Value of header 2' }).fill('Bearer not-to-be-kept');
    await page.getByText('JSON', { exact: true }).click();
    await page.getByRole('textbox', { name: 'Body' }).click();
    await page.keyboard.insertText('{"question": 1}');
    await send(workbench, `${http.url}/echo`);
    await answer(workbench, 'done').waitFor();
    expect(await page.getByTestId('http-status').innerText()).toBe('200');
    const echoed = await page.getByTestId('http-body').innerText();
    expect(echoed).toContain('"xTest":["seen"]');
    expect(echoed).toContain(`"bodyBase64":"${Buffer.from('{"question": 1}').toString('base64')}"`);

    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: 'Copy as curl' }).click();
    const curl = await page.evaluate(() => navigator.clipboard.readText());
    expect(curl).toContain("--header 'x-test: seen'");
    expect(curl).toContain(`--data-raw '{"question": 1}' ${http.url}/echo`);

    await page.getByRole('button', { name: 'Remove header 2' }).click();
    await send(workbench, `${http.url}/cookies`);
    await answer(workbench, 'done').filter({ hasText: 'b=2' }).waitFor();
    const pretty = await page.getByTestId('http-body').innerText();
    expect(pretty).toBe('{\n  "big": 12345678901234567890,\n  "list": [],\n  "text": "<b>no markup</b>"\n}');
    expect(await axeViolations(page), 'an answer').toEqual([]);

    await page.reload();
    await workbench.connection('connected');
    expect(await page.getByTestId('http-url').inputValue()).toBe(`${http.url}/cookies`);
    const kept = await page.evaluate(() => JSON.stringify(Object.entries(localStorage)));
    expect(kept).toContain('x-test');
    expect(kept).not.toContain('not-to-be-kept');
    await page.getByRole('button', { name: `Send again: POST ${http.url}/echo` }).click();
    await page.getByRole('alert').filter({ hasText: 'Secrets and files are not kept' }).waitFor();
    await page.getByRole('button', { name: `Delete POST ${http.url}/echo` }).click();
    await page.getByRole('button', { name: `Send again: POST ${http.url}/cookies` }).click();
    await answer(workbench, 'done').waitFor();
    expect(http.requests).toEqual(['POST /echo', 'POST /cookies', 'POST /cookies']);
  });

  it('shows a body as it comes, and cancels it', async () => {
    let open: ServerResponse | undefined;
    const http = await fixture({
      '/events': (_request, response) => {
        open = response;
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('data: first\n\n');
      },
    });
    const workbench = await openConsole();
    const { page } = workbench;
    await send(workbench, `${http.url}/events`);
    await page.getByTestId('http-body').filter({ hasText: 'first' }).waitFor();
    const body = page.getByTestId('http-body');
    open?.write(`${'data: more\n\n'.repeat(100)}data: second\n\n`);
    await body.filter({ hasText: 'second' }).waitFor();
    // Events are followed, but not under someone who reads further up.
    const rest = () => body.evaluate((pre) => pre.scrollHeight - pre.clientHeight - pre.scrollTop);
    await expect.poll(rest).toBeLessThan(2);
    await body.press('Home');
    await expect.poll(rest).toBeGreaterThan(500);
    open?.write('data: third\n\n');
    await body.filter({ hasText: 'third' }).waitFor();
    expect(await rest()).toBeGreaterThan(500);
    await answer(workbench, 'receiving').waitFor();
    await page.getByTestId('http-form').getByRole('button', { name: 'Cancel' }).click();
    await answer(workbench, 'cancelled').filter({ hasText: 'second' }).waitFor();
    open?.end();
  });

  it('by keys alone, on a small screen: bytes in hex, a body that breaks off, no connection, no address', async () => {
    const http = await fixture();
    const workbench = await openConsole({ viewport: { width: 390, height: 844 } });
    const { page } = workbench;
    await page.getByTestId('http-url').focus();
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'write an address first' }).waitFor();
    await page.keyboard.type(`${http.url}/binary`);
    await page.keyboard.press('Control+Enter');
    await page.getByTestId('hex').filter({ hasText: '00' }).waitFor();
    expect(await axeViolations(page), 'bytes').toEqual([]);

    await send(workbench, `${http.url}/abort`);
    const failed = answer(workbench, 'failed');
    await failed.filter({ hasText: 'partial' }).filter({ hasText: 'broke off' }).waitFor();

    await send(workbench, 'http://127.0.0.1:1/');
    const failure = page.getByTestId('http-failure');
    await failure.filter({ hasText: 'Nothing listens there. 127.0.0.1 is the executor’s own machine.' }).waitFor();
    expect(await failure.getAttribute('data-error')).toBe('-32603');
    expect(await axeViolations(page), 'a failure').toEqual([]);
    await send(workbench, 'http://no-such-host.invalid/');
    await failure.filter({ hasText: 'Names are looked up on the executor’s machine' }).waitFor();

    // At a zoom of 200 % the form has all the room, then the answer has.
    await page.setViewportSize({ width: 720, height: 450 });
    const back = page.getByTestId('http-back');
    await back.press('Enter');
    await page.getByTestId('http-url').and(page.locator(':focus')).fill('http://127.0.0.2/');
    await page.keyboard.press('Enter');
    await failure.filter({ hasText: '--http-allow ADDRESS makes an exception' }).waitFor();
    await back.and(page.locator(':focus')).waitFor();
    expect(await page.getByTestId('http-form').isVisible()).toBe(false);
    expect(await axeViolations(page), 'an answer alone').toEqual([]);
  });
});
