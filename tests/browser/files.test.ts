// Files of the executor: looked at, edited, sent, fetched, moved and removed, with what can be lost asked for first.

import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startServer, useServer } from '../helpers/server.ts';
import { axeViolations } from './support/axe.ts';
import { openWorkbench, useBrowser } from './support/workbench.ts';

useBrowser();
const server = useServer({ command: 'serve' });

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGP8z8Dwn4GBgYkBQoEAAB8lAgE1u2BzAAAAAElFTkSuQmCC',
  'base64',
);

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'files-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

const entry = (page: Page, name: string) => page.getByRole('treeitem', { name, exact: true });
const shown = (page: Page, kind: string) => page.locator(`[data-testid=file][data-status=${kind}]`);
const editor = (page: Page) => page.getByTestId('text-editor').getByRole('textbox', { name: /^Text of/ });

async function transfer(page: Page, name: string, state: string): Promise<void> {
  await page.getByTestId('transfers').locator(`li[data-status=${state}]`).filter({ hasText: name }).waitFor();
}

describe('files', () => {
  it('are edited and saved as they were written, survive a reload, and are not overwritten when somebody else was faster', async () => {
    const path = folder();
    mkdirSync(join(path, 'src'));
    writeFileSync(join(path, 'src', 'main.py'), 'print("one")\r\nprint("two")\r\n');
    const workbench = await openWorkbench(server.current, { query: { view: 'files', path } });
    const { page } = workbench;
    await entry(page, 'src').click();
    await entry(page, 'main.py').click();
    await shown(page, 'text').waitFor();
    expect(await axeViolations(page), 'the editor').toEqual([]);
    await page.reload();
    await workbench.connection('connected');
    expect(new URL(page.url()).searchParams.get('file')).toBe(join(path, 'src', 'main.py'));
    await editor(page).click();
    await page.keyboard.press('Control+Home');
    await page.keyboard.type('# mine');
    await page.keyboard.press('Enter');
    await page.locator('[data-testid=file][data-dirty=true]').waitFor();
    await page.keyboard.press('Control+s');
    await page.locator('[data-testid=file][data-dirty=false]').waitFor();
    const file = join(path, 'src', 'main.py');
    expect(readFileSync(file, 'utf8')).toBe('# mine\r\nprint("one")\r\nprint("two")\r\n');

    writeFileSync(file, 'theirs\n');
    await page.keyboard.type('again');
    await page.keyboard.press('Control+s');
    const conflict = page.getByTestId('file-conflict');
    await conflict.waitFor();
    expect(readFileSync(file, 'utf8')).toBe('theirs\n');
    // What is not saved is there again when one comes back to it.
    writeFileSync(join(path, 'other.txt'), 'other');
    await page.getByRole('button', { name: 'Read again', exact: true }).click();
    await entry(page, 'other.txt').click();
    await editor(page).filter({ hasText: 'other' }).waitFor();
    await page.goBack();
    await conflict.waitFor();
    expect(await axeViolations(page), 'a conflict').toEqual([]);
    await conflict.getByRole('button', { name: 'Replace it' }).click();
    await page.locator('[data-testid=file][data-dirty=false]').waitFor();
    expect(readFileSync(file, 'utf8')).toBe('# mine\r\nagainprint("one")\r\nprint("two")\r\n');
  });

  it('are uploaded, asked for before they are replaced, and downloaded, whole or not at all', async () => {
    const path = folder();
    const workbench = await openWorkbench(server.current, { query: { view: 'files', path } });
    const { page } = workbench;
    await page.getByTestId('file-note').filter({ hasText: 'Nothing in here' }).waitFor();
    const large = Buffer.alloc(5_000_000, 'large file\n');
    const picker = page.getByTestId('upload');
    await picker.setInputFiles([
      { name: 'pixel.png', mimeType: 'image/png', buffer: png },
      { name: 'large.txt', mimeType: 'text/plain', buffer: large },
    ]);
    await transfer(page, 'large.txt', 'done');
    await transfer(page, 'pixel.png', 'done');
    expect(readFileSync(join(path, 'large.txt')).equals(large)).toBe(true);
    expect(readdirSync(path).sort()).toEqual(['large.txt', 'pixel.png']);

    await picker.setInputFiles([{ name: 'pixel.png', mimeType: 'image/png', buffer: Buffer.from('other') }]);
    const dialog = page.getByRole('dialog', { name: 'Replace what is there?' });
    await dialog.getByText('pixel.png').waitFor();
    expect(await axeViolations(page), 'the question').toEqual([]);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    expect(statSync(join(path, 'pixel.png')).size).toBe(png.length);

    await entry(page, 'pixel.png').click();
    await shown(page, 'image').waitFor();
    const width = () => page.getByTestId('picture').evaluate((image: HTMLImageElement) => image.naturalWidth);
    await expect.poll(width).toBe(2);

    await entry(page, 'large.txt').click();
    await shown(page, 'bytes').waitFor();
    await page.getByRole('button', { name: 'Next part' }).click();
    const part = page.getByTestId('file-part');
    await part.filter({ hasText: 'bytes 262,144 to 524,288 of 5,000,000' }).waitFor();
    await page.getByRole('button', { name: 'Last part' }).click();
    await part.filter({ hasText: 'to 5,000,000 of' }).waitFor();
    await page.getByText('Hex', { exact: true }).click();
    await page.getByRole('textbox', { name: 'From byte' }).fill('0x100010');
    await page.keyboard.press('Enter');
    await page
      .getByTestId('hex')
      .filter({ hasText: /^100010/ })
      .waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download large.txt' }).click(),
    ]);
    expect(readFileSync(await download.path()).equals(large)).toBe(true);
  });

  it('of 200 MB are cancelled on their way and leave nothing; what cannot be written says why', async () => {
    const path = folder();
    const target = join(path, 'target');
    const file = join(path, 'huge.bin');
    mkdirSync(target);
    writeFileSync(file, '');
    truncateSync(file, 200_000_000);
    symlinkSync('/dev/full', join(target, 'full'));
    const { page } = await openWorkbench(server.current, { query: { view: 'files', path: target, file } });
    await page.getByTestId('file-part').filter({ hasText: 'of 200,000,000' }).waitFor();
    const list = page.getByTestId('transfers');
    const cancel = async (direction: string) => {
      const row = list.getByRole('listitem').filter({ has: page.getByLabel(direction, { exact: true }) });
      await row.filter({ hasText: /[1-9].* of 190\.7 MiB/ }).waitFor();
      await row.getByRole('button', { name: 'Cancel huge.bin' }).click();
      await row.and(page.locator('[data-status=cancelled]')).waitFor();
    };
    await page.getByRole('button', { name: 'Download huge.bin' }).click();
    await cancel('download');
    const picker = page.getByTestId('upload');
    await picker.setInputFiles(file);
    await cancel('upload');
    await expect.poll(() => readdirSync(target)).toEqual(['full']);

    await picker.setInputFiles([{ name: 'full', mimeType: 'text/plain', buffer: Buffer.from('no room') }]);
    await page.getByRole('dialog').getByRole('button', { name: 'Replace' }).click();
    await transfer(page, 'failed: ', 'failed');
    const input = page.getByTestId('folder');
    await input.fill('../huge.bin');
    await input.press('Enter');
    await page.getByTestId('file-note').filter({ hasText: 'a file and no folder' }).waitFor();
  });

  it('of a server without file handles and sizes are read and written whole, large ones shown in parts', async () => {
    const path = folder();
    const bytes = Buffer.alloc(600_000, Buffer.from([0, 1, 2, 250]));
    writeFileSync(join(path, 'some.bin'), bytes);
    symlinkSync('some.bin', join(path, 'link.bin'));
    const { page } = await openWorkbench(server.current, {
      query: { view: 'files', path },
      withoutExtensions: true,
    });
    await entry(page, 'link.bin').click();
    await page.getByTestId('file-size').filter({ hasText: '585.9 KiB' }).waitFor();
    await page.getByRole('button', { name: 'Last part' }).click();
    await page.getByTestId('file-part').filter({ hasText: 'bytes 524,288 to 600,000 of 600,000' }).waitFor();
    const large = Buffer.alloc(5_000_000, 'large file\n');
    await page.getByTestId('upload').setInputFiles([{ name: 'up.txt', mimeType: 'text/plain', buffer: large }]);
    await transfer(page, 'up.txt', 'done');
    expect(readFileSync(join(path, 'up.txt')).equals(large)).toBe(true);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download link.bin' }).click(),
    ]);
    expect(readFileSync(await download.path()).equals(bytes)).toBe(true);
  });

  it('of a read-only server are read, and nothing offers to change them, nor to make requests', async () => {
    const path = folder();
    writeFileSync(join(path, 'a.txt'), 'as it is');
    const readOnly = await startServer({ command: 'serve', args: ['--read-only'] });
    const { page } = await openWorkbench(readOnly, { query: { view: 'files', path } });
    await page.getByTestId('files-read-only').waitFor();
    await entry(page, 'a.txt').click();
    await editor(page).filter({ hasText: 'as it is' }).click();
    await page.keyboard.type('changed');
    for (const name of [/^New file/, /^New folder/, /^Upload/]) {
      expect(await page.getByRole('button', { name }).isDisabled(), String(name)).toBe(true);
    }
    expect(await page.getByRole('button', { name: /^New file/ }).getAttribute('title')).toContain('--read-only');
    await page.getByRole('tree').press('Delete');
    await page.getByTestId('files-problem').filter({ hasText: 'Nothing can be changed' }).waitFor();
    expect(await page.locator('[data-testid=file][data-dirty=true]').count()).toBe(0);
    expect(await axeViolations(page), 'files, read-only').toEqual([]);

    await page.getByRole('link', { name: 'HTTP' }).click();
    await page.getByTestId('http-read-only').waitFor();
    expect(await page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true);
    expect(await axeViolations(page), 'HTTP, read-only').toEqual([]);
  });

  it('are made, renamed, copied and removed by keys alone, on a small screen', async () => {
    const path = folder();
    writeFileSync(join(path, 'taken.txt'), 'taken');
    const workbench = await openWorkbench(server.current, {
      query: { view: 'files', path },
      viewport: { width: 390, height: 844 },
    });
    const { page } = workbench;
    await entry(page, 'taken.txt').waitFor();
    await workbench.command('new folder');
    await page.getByRole('dialog', { name: 'New folder' }).waitFor();
    await page.keyboard.type('deep');
    await page.keyboard.press('Enter');
    await entry(page, 'deep').waitFor();
    await page.getByRole('tree').focus();
    await page.keyboard.press('ArrowRight');
    await entry(page, 'Nothing in here').waitFor();
    await workbench.command('new file');
    await page.getByRole('dialog', { name: 'New file' }).waitFor();
    await page.keyboard.type('a/b');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'a name holds no /' }).waitFor();
    await page.keyboard.press('Control+a');
    await page.keyboard.type('note.md');
    await page.keyboard.press('Enter');
    await entry(page, 'note.md').waitFor();
    expect(readdirSync(join(path, 'deep'))).toEqual(['note.md']);
    expect(await axeViolations(page), 'a small screen').toEqual([]);

    await page.getByRole('tree').focus();
    await page.keyboard.press('F2');
    await page.getByRole('dialog', { name: 'Rename' }).waitFor();
    await page.keyboard.type('renamed');
    await page.keyboard.press('Enter');
    await entry(page, 'renamed.md').waitFor();
    expect(readdirSync(join(path, 'deep'))).toEqual(['renamed.md']);

    await page.getByRole('tree').focus();
    await page.keyboard.press('End');
    await page.keyboard.press('F2');
    await page.getByRole('dialog', { name: 'Rename' }).waitFor();
    await page.keyboard.press('Control+a');
    await page.keyboard.type('deep');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'deep is there already' }).waitFor();
    await page.keyboard.press('Escape');

    await page.getByRole('dialog', { name: 'Rename' }).waitFor({ state: 'detached' });
    await page.getByRole('tree').focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('Delete');
    const dialog = page.getByRole('dialog', { name: 'Remove?' });
    await dialog.getByText('and all that is in it are removed').waitFor();
    await dialog.getByRole('button', { name: 'Remove' }).press('Enter');
    await entry(page, 'deep').waitFor({ state: 'detached' });
    expect(readdirSync(path)).toEqual(['taken.txt']);

    // At a zoom of 200 % the tree has all the room, then the file has.
    await page.setViewportSize({ width: 720, height: 450 });
    const tree = page.getByRole('tree');
    expect((await tree.boundingBox())?.height).toBeGreaterThan(200);
    await tree.press('End');
    await page.keyboard.press('Enter');
    await editor(page).filter({ hasText: 'taken' }).waitFor();
    expect(await tree.isVisible()).toBe(false);
    expect(await axeViolations(page), 'a file alone').toEqual([]);
    await page.getByTestId('close-file').and(page.locator(':focus')).press('Enter');
    await tree.and(page.locator(':focus')).waitFor();
  });

  it('that cannot be read say why; paths are completed; a folder of thousands stays light', async () => {
    const path = folder();
    mkdirSync(join(path, 'many'));
    for (let index = 0; index < 3000; index++) writeFileSync(join(path, 'many', `f${String(index)}`), '');
    const workbench = await openWorkbench(server.current, { query: { view: 'files', path, file: '/no/such/file' } });
    const { page } = workbench;
    await page.getByTestId('file-problem').filter({ hasText: 'No such file' }).waitFor();
    const input = page.getByTestId('folder');
    await input.fill('/no/such/folder');
    await input.press('Enter');
    await page.getByTestId('file-note').filter({ hasText: 'This folder cannot be read' }).waitFor();
    await input.fill(`${path}/m`);
    const listId = await input.getAttribute('list');
    await page.locator(`#${listId ?? ''} option[value="${path}/many"]`).waitFor({ state: 'attached' });
    await input.fill(`${path}/many`);
    await input.press('Enter');
    await entry(page, 'f0').waitFor();
    expect(await page.getByRole('treeitem').count()).toBeLessThan(100);
    await page.getByRole('tree').press('End');
    await entry(page, 'f2999').waitFor();
    expect(await axeViolations(page), 'many').toEqual([]);
  });
});
