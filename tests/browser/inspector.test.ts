// The Inspector: what is on the wire is seen whole, found, taken apart, kept in files and sent again; also when it is a lot.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { utf8Encode } from '../../shared/bytes.ts';
import type { WireEntry } from '../../shared/recording/entry.ts';
import { entryLine, headerLine, parseRecording } from '../../shared/recording/jsonl.ts';
import { encodeFrame } from '../../shared/relay/codec.ts';
import { RemoteExecutorProcess } from '../helpers/remote-executor.ts';
import { useServer } from '../helpers/server.ts';
import { axeViolations } from './support/axe.ts';
import { openWorkbench, useBrowser } from './support/workbench.ts';

useBrowser();
const server = useServer({ command: 'serve' });

const rows = (page: Page) => page.getByTestId('wire-rows').getByRole('row');
const summary = (page: Page) => page.getByTestId('wire-summary');
const filterField = (page: Page) => page.getByRole('combobox', { name: 'Filter' });
const detail = (page: Page) => page.getByTestId('wire-detail');

/** By its path: so the browser itself reads it. */
async function openFile(page: Page, name: string, text: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'inspector-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, name), text);
  await page.getByTestId('recording-file').setInputFiles(join(folder, name));
}

function recordingText(entries: readonly WireEntry[]): string {
  return [headerLine({ startedAt: new Date('2026-01-02T03:04:05Z') }), ...entries.map(entryLine), ''].join('\n');
}

describe('the inspector', () => {
  it('shows a session over the relay from its handshake on: messages, frames, their fields and bytes, what answers what', async () => {
    await RemoteExecutorProcess.start({
      remote: server.current.httpUrl,
      executorId: 'inspected',
      token: server.current.token,
    });
    const workbench = await openWorkbench(server.current, { query: { view: 'connections' } });
    const { page } = workbench;
    await page.getByRole('button', { name: 'New connection' }).click();
    await page.getByTestId('connection-form').getByText('Relay', { exact: true }).click();
    await page.getByRole('button', { name: 'Connect to inspected' }).click();
    await page.locator('[data-testid=connection-row][data-connection=c2][data-status=connected]').waitFor();
    await page.getByRole('link', { name: 'Inspector' }).click();
    await filterField(page).fill('conn:c2');
    const text = async () => (await rows(page).allInnerTexts()).join('\n').replaceAll(/[^\S\n]+/g, ' ');
    const expected = [
      /event\s+dialling/,
      /event\s+open/,
      /data\s+seq 0/,
      /request\s+initialize/,
      /response\s+initialize/,
    ];
    for (const what of expected) await expect.poll(text).toMatch(what);

    await filterField(page).fill('conn:c2 kind:data dir:out');
    await rows(page).first().click();
    const tree = page.getByTestId('fields');
    for (const name of ['RelayMessageFrame', 'stream_id', 'segment_count', 'payload', 'clientName']) {
      await tree.getByRole('treeitem').filter({ hasText: name }).first().waitFor();
    }
    const marked = page.getByTestId('hex').locator('.byte.on');
    await tree.getByRole('treeitem').filter({ hasText: 'version' }).click();
    expect(await marked.allInnerTexts(), 'a field marks its bytes').toEqual(['08', '01']);
    await page.getByTestId('hex').locator('.byte[data-offset="3"]').click();
    await tree.locator('[aria-selected=true]').filter({ hasText: 'stream_id' }).waitFor();
    expect(await marked.count(), 'tag, length, and a UUID').toBe(38);
    expect(await axeViolations(page), 'a frame taken apart').toEqual([]);

    await filterField(page).fill('conn:c2 method:initialize');
    await rows(page).first().click();
    await page.getByTestId('wire-pair').click();
    await detail(page).and(page.locator('[data-kind=response]')).waitFor();
    await page.getByRole('tab', { name: 'Its request' }).click();
    await page.getByTestId('wire-pair-text').filter({ hasText: '"clientName"' }).waitFor();
  });

  it('is driven by the keyboard alone: filter with completion, rows, marks, clear and undo; the filter survives a reload', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await page.keyboard.press('g');
    await page.keyboard.press('i');
    await rows(page).first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('kind:requ');
    await page.getByRole('option', { name: 'kind:request' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Tab');
    await page.keyboard.type('method:init');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Enter');
    expect(await filterField(page).inputValue()).toBe('kind:request method:initialize ');
    await page.keyboard.press('j');
    await detail(page).filter({ hasText: 'initialize' }).waitFor();
    await page.keyboard.press('m');
    await rows(page).getByLabel('marked').waitFor();

    await page.keyboard.press('/');
    await page.keyboard.type('is:nothing');
    await page.keyboard.press('Escape');
    await page.getByTestId('filter').and(page.locator('[data-validity=bad]')).waitFor();
    await page.getByText('unknown is:nothing').waitFor();
    await page.keyboard.press('Control+a');
    await page.keyboard.press('Delete');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Enter');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('[');
    await detail(page).and(page.locator('[data-kind=request]')).filter({ hasText: 'initialize' }).waitFor();
    await page.keyboard.press('x');
    await page.getByRole('button', { name: /^Undo clear/ }).waitFor();
    await page.keyboard.press('u');
    await page.keyboard.press('f');
    await page.locator('[data-testid=inspector][data-following=true]').waitFor();
    await page.keyboard.press('p');
    await page.locator('[data-testid=inspector][data-following=false]').waitFor();

    await filterField(page).fill('dir:in -kind:event');
    await expect.poll(() => new URL(page.url()).searchParams.get('filter')).toBe('dir:in -kind:event');
    await page.reload();
    await workbench.connection('connected');
    expect(await filterField(page).inputValue()).toBe('dir:in -kind:event');
    expect(await axeViolations(page)).toEqual([]);
  });

  it('saves what it shows, opens it again, replays it, names what breaks a rule, and refuses what is no recording', async () => {
    const workbench = await openWorkbench(server.current, { colorScheme: 'light' });
    const { page } = workbench;
    await workbench.run('echo from-the-wire', { by: 'Pipes' });
    await workbench.facts('ended');
    await page.getByRole('link', { name: 'Inspector' }).click();
    await filterField(page).fill('method:process/*|initialize|initialized');
    await rows(page).filter({ hasText: 'process/closed' }).waitFor();

    const action = async (name: string) => {
      await page.getByRole('button', { name: 'More actions' }).click();
      await page.getByRole('menuitem', { name }).click();
    };
    const [download] = await Promise.all([page.waitForEvent('download'), action('Save what is shown (JSONL)')]);
    const saved = readFileSync(await download.path(), 'utf8');
    const { entries } = parseRecording(saved);
    expect(entries.some((entry) => entry.kind === 'message' && entry.text.includes('"process/start"'))).toBe(true);

    const output = (seq: number) =>
      `{"method":"process/output","params":{"processId":"q","seq":${seq},"stream":"stdout","chunk":""}}`;
    const extra = [1, 5].map((seq): WireEntry => ({
      kind: 'message',
      dir: 'in',
      connection: 'c9',
      atMs: seq,
      text: output(seq),
    }));
    await openFile(page, 'wire.jsonl', recordingText([...entries, ...extra]));
    await page.getByTestId('opened-recording').filter({ hasText: 'wire.jsonl' }).waitFor();
    await page.getByRole('button', { name: 'Anomalies: 1' }).click();
    await page.getByTestId('anomalies').locator('[data-rule=gap]').click();
    await detail(page)
      .filter({ hasText: 'seq 2 to 4 are missing' })
      .filter({ hasText: 'docs/protocol.md, Output' })
      .waitFor();
    expect(await axeViolations(page), 'anomalies').toEqual([]);

    await filterField(page).fill('conn:c1 method:process/*|initialize|initialized');
    await action('Make a script of what is shown');
    await page.getByTestId('script-verdict').filter({ hasText: 'A valid script.' }).waitFor();
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByTestId('run-result').filter({ hasText: 'answered as expected' }).waitFor();
    await page.goBack();
    await rows(page).first().waitFor();

    await action('Replay what is shown…');
    await page.getByTestId('replay').getByRole('button', { name: 'Replay', exact: true }).click();
    await page.getByTestId('run-result').waitFor();
    await page.getByTestId('run-result').getByRole('button', { name: 'Show its rows' }).click();
    await rows(page).filter({ hasText: 'process/closed' }).waitFor();
    expect(await filterField(page).inputValue()).toMatch(/^conn:replay-\d+$/);

    await openFile(page, 'bad.jsonl', `${headerLine({ startedAt: new Date() })}\n{"ms":-1}`);
    await page.getByTestId('inspector-problem').filter({ hasText: 'line 2 of the recording' }).waitFor();
  });

  it('draws rows as a sequence, compares two conversations field by field, and finds a linked row again', async () => {
    const workbench = await openWorkbench(server.current);
    const { page } = workbench;
    await workbench.run('echo same; date +%N', { by: 'Pipes' });
    await workbench.facts('ended');
    await page.getByRole('link', { name: 'Inspector' }).click();
    await rows(page).filter({ hasText: 'process/closed' }).waitFor();
    await page.keyboard.press('s');
    const sequence = page.getByTestId('sequence');
    await sequence.getByRole('row', { name: 'harness to executor: process/start' }).click();
    await detail(page).and(page.locator('[data-kind=request]')).filter({ hasText: 'process/start' }).waitFor();
    await page.keyboard.press('j');
    await sequence.locator('[aria-selected=true]').filter({ hasText: 'response process/start' }).waitFor();
    expect(await axeViolations(page), 'a sequence').toEqual([]);
    const [drawn] = await Promise.all([
      page.waitForEvent('download'),
      sequence.getByRole('button', { name: 'SVG' }).click(),
    ]);
    expect(readFileSync(await drawn.path(), 'utf8')).toMatch(/^<svg [^]*>response process\/start/);

    await page.keyboard.press('d');
    const compare = page.getByTestId('compare');
    await compare.getByRole('combobox', { name: 'Right' }).selectOption({ label: 'replay against This server (c1)' });
    await compare.getByRole('button', { name: 'Compare', exact: true }).click();
    await page
      .getByTestId('compare-summary')
      .filter({ hasText: /1 of \d+ exchanges differs/ })
      .waitFor();
    await page.keyboard.press(']');
    const differing = page.getByTestId('compared-fields').locator('[data-state=different]');
    await differing.filter({ hasText: 'output stdout' }).waitFor();
    expect(await differing.count(), 'fields that differ').toBe(1);
    expect(await differing.locator('[data-side=left]').innerText()).toContain('same');
    expect(await axeViolations(page), 'a comparison').toEqual([]);
    await page.keyboard.press('Escape');
    await page.keyboard.press('d');

    await filterField(page).fill('method:process/*');
    await rows(page).filter({ hasText: 'process/exited' }).first().click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      (async () => {
        await page.getByRole('button', { name: 'More actions' }).click();
        await page.getByRole('menuitem', { name: 'Save what is shown (JSONL)' }).click();
      })(),
    ]);
    const saved = readFileSync(await download.path(), 'utf8');
    await expect.poll(() => new URL(page.url()).searchParams.get('row')).toMatch(/^\d+\./);
    await page.reload();
    await workbench.connection('connected');
    const missing = page.getByTestId('linked-row-missing');
    await missing.filter({ hasText: /Row \d+ of the link is not in this log/ }).waitFor();
    await openFile(page, 'kept.jsonl', saved);
    await detail(page).filter({ hasText: 'process/exited' }).waitFor();
    expect(await missing.count()).toBe(0);
  });

  it('takes 100,000 rows: scrolling and filtering stay quick, only what is seen is in the document', async () => {
    const workbench = await openWorkbench(server.current, { query: { view: 'inspector' } });
    const { page } = workbench;
    await rows(page).first().waitFor();
    const count = 100_000;
    const entries = Array.from({ length: count }, (_, index): WireEntry => {
      const at = { connection: 'c1', atMs: index / 10, dir: 'in' } as const;
      if (index % 4 === 3) {
        const body = { kind: 'data', seq: index, segmentIndex: 0, segmentCount: 1, payload: utf8Encode('{}') } as const;
        return { kind: 'frame', ...at, bytes: encodeFrame({ streamId: 's', ack: 0, ackBits: 0, body }) };
      }
      const text = `{"method":"process/output","params":{"processId":"p${index % 4}","seq":${(index >> 2) + 1},"stream":"stdout","chunk":"${index === 77_777 ? 'bmVlZGxl' : 'aGF5'}"}}`;
      return { kind: 'message', ...at, text };
    });
    await page.evaluate(() => {
      const seen = { frames: [] as number[], isOn: true };
      Object.assign(window, { seen });
      let lastMs = performance.now();
      const frame = () => {
        const nowMs = performance.now();
        if (seen.isOn) seen.frames.push(nowMs - lastMs);
        lastMs = nowMs;
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    });
    const framesOf = async (what: () => Promise<void>) => {
      await page.evaluate(() => ((window as unknown as { seen: { frames: number[] } }).seen.frames = []));
      await what();
      const frames = await page.evaluate(() => (window as unknown as { seen: { frames: number[] } }).seen.frames);
      const sorted = frames.toSorted((a, b) => a - b);
      return { p95: sorted[Math.floor(sorted.length * 0.95)] ?? 0, longest: sorted.at(-1) ?? 0 };
    };
    const shown = (text: string | RegExp) => summary(page).filter({ hasText: text }).waitFor({ timeout: 30_000 });
    const opening = await framesOf(async () => {
      await openFile(page, 'large.jsonl', recordingText(entries));
      await shown(/100,000 rows/);
    });
    const scrolling = await framesOf(async () => {
      await page.getByTestId('wire-rows').hover();
      for (let turn = 0; turn < 20; turn++) await page.mouse.wheel(0, turn % 2 === 0 ? 40_000 : -10_000);
      await page.getByTestId('wire-rows').focus();
      await page.keyboard.press('End');
    });
    const filtering = await framesOf(async () => {
      await filterField(page).pressSequentially('bmVlZGxl');
      await shown(/^\s*1 of 100,000 rows/);
      await filterField(page).fill('process:p1 size>10');
      await shown('25,000 of 100,000 rows');
      await filterField(page).fill('');
      await shown(/100,000 rows/);
    });
    const say = ({ p95, longest }: { p95: number; longest: number }) =>
      `p95 ${p95.toFixed(0)} ms, longest ${longest.toFixed(0)} ms`;
    console.log(
      `100,000 rows, frames: opening ${say(opening)}; scrolling ${say(scrolling)}; filtering ${say(filtering)}`,
    );
    expect(await page.getByTestId('wire-rows').locator('[role=row]').count(), 'rows in the document').toBeLessThan(120);
    // The machine may be busy: these bounds say that the page never stood still.
    expect(scrolling.longest).toBeLessThan(1000);
    expect(filtering.longest).toBeLessThan(1000);
    expect(opening.longest).toBeLessThan(2000);
  });
});
