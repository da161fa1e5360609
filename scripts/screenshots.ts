// `npm run screenshots`: the pictures of the README and the docs, taken from the built page in a real Chromium, so that they
// show what there is. Writes docs/images/*.png; fails when one grows beyond what a repository should carry.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium, type Browser, type Page } from 'playwright-core';
import { programFile, root } from './lib/build.js';

/** Bytes. */
const maxPictureBytes = 200_000;
const folder = join(root, 'docs/images');

const wide = { width: 1440, height: 900 };
/** For what is full of text: its pictures compress badly. */
const dense = { width: 1200, height: 720 };
const small = { width: 390, height: 844 };

interface Picture {
  readonly name: string;
  readonly viewport: { readonly width: number; readonly height: number };
  readonly colorScheme: 'light' | 'dark';
  readonly stage: (page: Page) => Promise<void>;
}

const pictures: readonly Picture[] = [
  { name: 'launcher-light', viewport: wide, colorScheme: 'light', stage: launcher },
  { name: 'terminal-dark', viewport: wide, colorScheme: 'dark', stage: terminal },
  { name: 'terminal-light', viewport: wide, colorScheme: 'light', stage: terminal },
  { name: 'pipes-dark', viewport: wide, colorScheme: 'dark', stage: pipes },
  { name: 'inspector-dark', viewport: dense, colorScheme: 'dark', stage: inspector },
  { name: 'composer-light', viewport: wide, colorScheme: 'light', stage: composer },
  { name: 'files-light', viewport: wide, colorScheme: 'light', stage: files },
  { name: 'relay-dark', viewport: wide, colorScheme: 'dark', stage: relay },
  { name: 'launcher-small-dark', viewport: small, colorScheme: 'dark', stage: launcher },
  { name: 'terminal-small-light', viewport: small, colorScheme: 'light', stage: terminal },
];

async function launcher(page: Page): Promise<void> {
  for (const line of ['python3 greet.py', 'du -sh .', 'npm test']) {
    await run(page, line, 'Terminal', 'ended');
    await page.getByRole('button', { name: /^Close the tab/ }).click();
  }
  await page.getByRole('textbox', { name: 'Command line' }).fill('git log --oneline | head');
}

async function terminal(page: Page): Promise<void> {
  await run(page, 'tail -f server.log', 'Pipes', 'running');
  await page.getByRole('tab', { name: 'New' }).click();
  await page.getByTestId('open-shell').click();
  await page.locator('[data-testid=process-facts][data-status=running]').waitFor();
  for (const line of ['ls --color', 'cat greet.py', 'python3 greet.py', 'stty size']) {
    await page.keyboard.type(line);
    await page.keyboard.press('Enter');
    await settled(page);
  }
}

async function pipes(page: Page): Promise<void> {
  await run(page, 'sleep 600', 'Terminal', 'running');
  await page.getByRole('tab', { name: 'New' }).click();
  const steps = [
    'echo "checking 3 files"; echo "greet.py: line 2 is longer than 100 columns" >&2',
    'echo "notes.md: trailing space" >&2; echo "fix them? (y/n)"; read answer',
    'echo "fixed 2 problems"; echo "server.log: skipped, it is no source" >&2; exit 2',
  ];
  await run(page, steps.join('; sleep 0.1; '), 'Pipes', 'running');
  await page.getByRole('textbox', { name: 'Line for stdin' }).fill('y');
  await page.keyboard.press('Enter');
  await page.locator('[data-testid=process-facts][data-status=ended]').waitFor();
}

async function view(page: Page, name: string): Promise<void> {
  await page.getByRole('link', { name, exact: true }).click();
}

async function inspector(page: Page): Promise<void> {
  await run(page, 'cat greet.py; python3 greet.py', 'Pipes', 'ended');
  await view(page, 'Inspector');
  await page.getByTestId('wire-rows').getByRole('row').filter({ hasText: 'process/start' }).first().click();
  await page.getByTestId('hex').locator('.byte').first().waitFor();
  await page.waitForTimeout(300); // fonts and rows are painted
}

async function composer(page: Page): Promise<void> {
  await view(page, 'Composer');
  await page.getByText('A valid message.').waitFor();
}

async function files(page: Page): Promise<void> {
  await view(page, 'Files');
  await page.getByText('greet.py').first().click();
  await page.getByText('hello, terminal').first().waitFor();
}

/** An executor that dialled out, and a harness that reads from it. */
async function relay(page: Page): Promise<void> {
  const { origin } = new URL(page.url());
  const token = serverToken;
  const peer = (args: readonly string[]) =>
    spawn(process.execPath, [programFile, ...args], {
      env: { ...childEnv, CODEX_EXEC_SERVER_REMOTE_BEARER_TOKEN: token, EXEC_WORKBENCH_TOKEN: token },
      stdio: 'ignore',
    });
  const executor = peer(['exec-server', '--remote', origin, '--executor-id', 'build-7', '--name', 'Build machine']);
  await view(page, 'Relay');
  await page.getByText('build-7').first().waitFor();
  const script = 'while sleep 0.02; do head -c 3000 /dev/zero | base64; done';
  const harness = peer(['run', '--registry', origin, '--executor-id', 'build-7', '--', 'sh', '-c', script]);
  await page
    .getByText(/stream/i)
    .first()
    .waitFor();
  // The course of a stream takes a few seconds to be drawn.
  await page.waitForTimeout(6000);
  peers.push(executor, harness);
}

async function run(page: Page, line: string, by: 'Terminal' | 'Pipes', until: 'running' | 'ended'): Promise<void> {
  await page.getByText(by, { exact: true }).click();
  await page.getByRole('textbox', { name: 'Command line' }).fill(line);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.locator(`[data-testid=process-facts][data-status=${until}]`).waitFor();
  await settled(page);
}

/** Output has come to rest: the counter of the process has not moved for half a second. */
async function settled(page: Page): Promise<void> {
  const facts = page.getByTestId('process-facts');
  let before = '';
  for (let quiet = 0; quiet < 2;) {
    await page.waitForTimeout(250);
    const now = (await facts.getByTitle(/bytes of output/).textContent()) ?? '';
    quiet = now === before ? quiet + 1 : 0;
    before = now;
  }
}

/** A small project for the shell to stand in, and a prompt that names no machine. */
async function stageFolder(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'demo-'));
  const project = join(home, 'hello');
  await mkdir(join(project, 'src'), { recursive: true });
  await writeFile(
    join(home, '.bashrc'),
    "PS1='\\[\\e[32m\\]dev@build-7\\[\\e[0m\\]:\\[\\e[34m\\]~/hello\\[\\e[0m\\]$ '\nalias npm=:\n",
  );
  await writeFile(
    join(project, 'greet.py'),
    'for n in range(1, 4):\n    print(f"\\x1b[3{n}mhello, terminal {n}\\x1b[0m")\n',
  );
  await writeFile(join(project, 'notes.md'), '# Notes\n');
  await writeFile(join(project, 'server.log'), '12:00:01 listening on :8080\n12:00:04 GET / 200 3 ms\n');
  return home;
}

async function take(browser: Browser, url: string, { name, viewport, colorScheme, stage }: Picture): Promise<void> {
  const isSmall = viewport.width < 600;
  const context = await browser.newContext({
    viewport,
    colorScheme,
    hasTouch: isSmall,
    isMobile: isSmall,
    reducedMotion: 'reduce',
  });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  await page.goto(url);
  await page.locator('[data-testid=connection][data-status=connected]').waitFor();
  await stage(page);
  const path = join(folder, `${name}.png`);
  await page.screenshot({ path });
  await context.close();
  const { size } = await stat(path);
  if (size > maxPictureBytes) throw new Error(`${path} has ${size} bytes, more than ${maxPictureBytes}`);
  console.log(`${name}.png ${Math.round(size / 1000)} kB`);
}

const home = await stageFolder();
const childEnv = { HOME: home, PATH: process.env['PATH'] ?? '/usr/bin:/bin', SHELL: '/bin/bash' };
const peers: ChildProcess[] = [];
let serverToken = '';
const server = spawn(process.execPath, [programFile, 'serve', '--port', '0'], {
  cwd: join(home, 'hello'),
  env: childEnv,
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  let url: string | undefined;
  for await (const line of createInterface(server.stdout)) {
    url = /^ *open +(http\S+)/.exec(line)?.[1];
    if (url !== undefined) break;
  }
  if (url === undefined) throw new Error('the server printed no address to open');
  serverToken = new URL(url).searchParams.get('token') ?? '';
  await mkdir(folder, { recursive: true });
  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
  try {
    for (const picture of pictures) await take(browser, url, picture);
  } finally {
    await browser.close();
  }
} finally {
  for (const peer of peers) peer.kill();
  server.kill();
  await once(server, 'exit');
  await rm(home, { recursive: true });
}
