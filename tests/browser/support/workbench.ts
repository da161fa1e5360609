// The workbench in a real Chromium, driven as a user does: by role and label, with waits for what is seen. A test that
// leaves an error in the page's console fails.

import { chromium, type Browser, type BrowserContextOptions, type Locator, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import * as z from 'zod';
import type { RunningServer } from '../../helpers/server.ts';

export interface WorkbenchOptions extends Pick<
  BrowserContextOptions,
  'viewport' | 'colorScheme' | 'hasTouch' | 'isMobile' | 'reducedMotion'
> {
  /** Where the page is loaded from. Default: the server itself. */
  readonly port?: number;
  /** Added to the address. */
  readonly query?: Readonly<Record<string, string>>;
  /** The page finds only the older kind of WebSocket, which cannot hold back what comes. */
  readonly withoutWebSocketStream?: boolean;
  /** Terminals are drawn by WebGL even if that is done in software; with `useBrowser({ withGpu: true })`. */
  readonly drawsByGpu?: boolean;
  /** The server seems to be one that knows no extensions, no file handles and no sizes, as Codex 0.131. */
  readonly withoutExtensions?: boolean;
}

/** Longest wait for anything on the page, ms. */
const patienceMs = 10_000;
/** What xterm says when drawing by WebGL takes long, as it does in software, and when it is taken away. */
const drawingTrouble = /task queue exceeded allotted deadline|webgl context not restored/;
/** What Chromium itself says when a connection cannot be made; tests cause that on purpose. */
const connectionTrouble = /WebSocket|Failed to load resource|net::ERR/;

let browser: Browser | undefined;
const opened: Workbench[] = [];

/** Call at the top of a test file, or of a part of it. `withGpu`: terminals are drawn by WebGL, in software. */
export function useBrowser({ withGpu = false }: { readonly withGpu?: boolean } = {}): void {
  beforeAll(async () => {
    // Without WebGL xterm draws by the DOM: then its text can be read.
    const drawing = withGpu ? ['--use-angle=swiftshader', '--enable-unsafe-swiftshader'] : ['--disable-3d-apis'];
    browser = await chromium.launch({
      executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
      args: ['--no-sandbox', ...drawing, '--enable-precise-memory-info'],
    });
  });
  afterEach(async () => {
    const workbenches = opened.splice(0);
    for (const { page } of workbenches) await page.context().close();
    expect(workbenches.flatMap(({ troubles }) => troubles)).toEqual([]);
  });
  afterAll(() => browser?.close());
}

export async function openWorkbench(server: RunningServer, options: WorkbenchOptions = {}): Promise<Workbench> {
  if (!browser) throw new Error('call useBrowser() at the top of the file');
  const {
    port = server.port,
    query = {},
    withoutWebSocketStream = false,
    withoutExtensions = false,
    drawsByGpu = false,
    ...contextOptions
  } = options;
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...contextOptions });
  context.setDefaultTimeout(patienceMs);
  if (withoutWebSocketStream || withoutExtensions) {
    await context.addInitScript(() => Reflect.deleteProperty(globalThis, 'WebSocketStream'));
  }
  if (drawsByGpu) {
    await context.addInitScript(() => {
      const { getContext } = HTMLCanvasElement.prototype;
      Object.assign(HTMLCanvasElement.prototype, {
        getContext(this: HTMLCanvasElement, kind: string, options?: object) {
          return getContext.call(this, kind, { ...options, failIfMajorPerformanceCaveat: false });
        },
      });
    });
  }
  if (withoutExtensions) {
    await context.routeWebSocket(/\/exec$/, (near) => {
      const far = near.connectToServer();
      near.onMessage((message) => {
        const { id, method } = z
          .object({ id: z.unknown().optional(), method: z.string() })
          .parse(JSON.parse(String(message)));
        const error = { code: -32601, message: `exec-server stub does not implement \`${method}\` yet` };
        if (/^fs\/(open|canonicalize|walk)$/.test(method)) near.send(JSON.stringify({ id, error }));
        else far.send(message);
      });
      far.onMessage((message) => near.send(String(message).replace(/,"(extensions":\[[^\]]*\]|size":\d+)/g, '')));
    });
  }
  const expected = drawsByGpu ? new RegExp(`${connectionTrouble.source}|${drawingTrouble.source}`) : connectionTrouble;
  const workbench = new Workbench(await context.newPage(), expected);
  opened.push(workbench);
  const parameters = new URLSearchParams({ ...query, token: server.token ?? '' });
  await workbench.page.goto(`http://127.0.0.1:${String(port)}/?${parameters.toString()}`);
  await workbench.connection('connected');
  // The last that comes: menus.
  await workbench.page.getByRole('button', { name: 'Appearance' }).waitFor();
  return workbench;
}

/** A page that is no workbench; what it may say on its console is the same. */
export async function openBarePage(url: string): Promise<Page> {
  if (!browser) throw new Error('call useBrowser() at the top of the file');
  const context = await browser.newContext();
  context.setDefaultTimeout(patienceMs);
  const { page } = opened[opened.push(new Workbench(await context.newPage(), connectionTrouble)) - 1]!;
  await page.goto(url);
  return page;
}

export class Workbench {
  /** Errors and warnings of the page, but for failed connections. */
  readonly troubles: string[] = [];

  /** @param expected what the page may say as a warning or an error */
  constructor(
    readonly page: Page,
    expected: RegExp,
  ) {
    page.on('pageerror', (error) => this.troubles.push(String(error)));
    page.on('console', (message) => {
      const isTrouble = message.type() === 'error' || message.type() === 'warning';
      if (isTrouble && !expected.test(message.text())) this.troubles.push(message.text());
    });
  }

  /** Waits until the connection is in this state. */
  async connection(status: 'connected' | 'disconnected' | 'reconnecting'): Promise<void> {
    await this.page.locator(`[data-testid=connection][data-status=${status}]`).waitFor();
  }

  /** Runs a command by its name, from the keyboard. Out of a terminal, too. */
  async command(name: string): Promise<void> {
    await this.page.keyboard.press('Control+Shift+KeyK');
    await this.page.getByRole('dialog', { name: 'Commands' }).waitFor();
    await this.page.keyboard.type(name);
    await this.page.keyboard.press('Enter');
    await this.page.getByRole('dialog', { name: 'Commands' }).waitFor({ state: 'detached' });
  }

  /** Where the connection in use, which is disconnected, is to lead from now on; connects there. */
  async editAddress(address: string): Promise<void> {
    await this.page.getByRole('link', { name: 'Connections' }).click();
    await this.page.getByRole('button', { name: /^Edit / }).click();
    await this.page.getByRole('textbox', { name: 'Server address' }).fill(address);
    await this.page.keyboard.press('Enter');
  }

  get screen(): Locator {
    return this.page.getByTestId('terminal').locator('.xterm-rows');
  }

  /** Waits until the screen shows it. A row per line. */
  async shows(text: string | RegExp): Promise<void> {
    await this.screen.filter({ hasText: text }).waitFor();
  }

  async facts(status: string): Promise<Locator> {
    const facts = this.page.locator(`[data-testid=process-facts][data-status=${status}]`);
    await facts.waitFor();
    return facts;
  }

  /** A shell in a tab, with a prompt that no other text looks like. */
  async openShell(): Promise<void> {
    await this.page.getByTestId('open-shell').click();
    await this.facts('running');
    await this.type("PS1='ready'$'> '");
    await this.shows('ready> ');
  }

  /** Types a line into the terminal that has the focus. */
  async type(line: string): Promise<void> {
    await this.page.keyboard.type(line);
    await this.page.keyboard.press('Enter');
  }

  /** Fills and submits the launcher. */
  async run(line: string, options: { readonly by?: 'Terminal' | 'Pipes' } = {}): Promise<void> {
    await this.page.getByRole('tab', { name: 'New' }).click();
    await this.page.getByText(options.by ?? 'Terminal', { exact: true }).click();
    await this.page.getByRole('textbox', { name: 'Command line for the shell' }).fill(line);
    await this.page.getByRole('button', { name: 'Run', exact: true }).click();
  }
}
