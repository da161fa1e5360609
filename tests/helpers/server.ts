// Starts the server that a test talks to, as a user would start it, and ends it. What a test started is gone after it:
// clients at the end of each test, servers at the end of the file, and nothing of them may be left running.
// EXEC_TEST_PROGRAM=/path/to/codex runs the tests against another exec server, to see which promises it keeps.
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { carryStdio, connectWebSocket, type WebSocketOptions } from './carriers.ts';
import type { JsonObject } from './json.ts';
import { describeProcesses, isRunning, runningWithEnv } from './proc.ts';
import { until, within } from './until.ts';
import { WireClient, type ClientOptions } from './wire-client.ts';
import { shapes } from './wire-shapes.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Marks everything that the tests of one file start, by way of the environment. */
export const TAG = randomUUID();

export type ServerCommand = 'serve' | 'exec-server';

export interface ServerOptions {
  /** Default `exec-server`, listening on a free port of loopback. */
  readonly command?: ServerCommand;
  readonly args?: readonly string[];
  /** The whole environment of the server. Default: HOME and PATH as they are here. */
  readonly env?: Record<string, string>;
  /** Another program that speaks as `exec-server`, e.g. the genuine one; gets the same arguments. */
  readonly program?: readonly string[];
  /** Text on stderr that is expected of this server and no defect. */
  readonly allowedStderr?: RegExp;
}

export interface ServerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Program and first arguments that run the server: the bundle if it is newer than its sources, else the sources by tsx. */
export function serverProgram(): readonly [string, ...string[]] {
  const bundle = `${root}dist/exec-workbench.js`;
  const builtAtMs = statSync(bundle, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const changedAtMs = Math.max(...['backend', 'shared'].flatMap(shippedSources).map((path) => statSync(path).mtimeMs));
  if (builtAtMs >= changedAtMs) return [process.execPath, bundle];
  return [process.execPath, '--import', import.meta.resolve('tsx'), `${root}backend/main.ts`];
}

function shippedSources(folder: string): string[] {
  return readdirSync(root + folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => `${root}${folder}/${name}`);
}

/** What Node says about our own mistakes; none of it may appear, whatever the test does. */
const DEFECT_ON_STDERR =
  /\(node:\d+\)|Unhandled|unhandledRejection|uncaughtException|MaxListenersExceeded|^\s+at .*\(.*:\d+:\d+\)$/m;

export class RunningServer {
  readonly exited: Promise<ServerExit>;
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #options: ServerOptions;
  #url = '';

  constructor(child: ChildProcess, options: ServerOptions) {
    this.#child = child;
    this.#options = options;
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        resolve({ code, signal });
      });
    });
    child.stderr?.on('data', (bytes: Buffer) => (this.stderr += bytes.toString()));
  }

  /** Collects stdout and waits until a ws:// URL is printed there (or on stderr, as the first versions did). */
  async waitUntilListening(): Promise<void> {
    this.#child.stdout?.on('data', (bytes: Buffer) => (this.stdout += bytes.toString()));
    this.#url = await until(
      'the server to print its URL',
      () => {
        if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
          throw new Error(`the server ended with ${String(this.#child.exitCode)}: ${this.stderr}${this.stdout}`);
        }
        return /wss?:\/\/[^\s'"]+(?=[\s'"])/.exec(`${this.stdout}\n${this.stderr}`)?.[0];
      },
      { withinMs: 15_000, describe: () => this.stderr },
    );
  }

  get child(): ChildProcess {
    return this.#child;
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the server was not started');
    return this.#child.pid;
  }

  /** The printed URL, with the token of `serve` in its query. */
  get url(): string {
    return this.#url;
  }

  get port(): number {
    return Number(new URL(this.#url).port);
  }

  get httpUrl(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  get token(): string | undefined {
    return new URL(this.#url).searchParams.get('token') ?? undefined;
  }

  /** Connects over WebSocket; `initialize` and `initialized` are done unless `handshake` is false. */
  async connect(
    options: ClientOptions & WebSocketOptions & { readonly handshake?: boolean; readonly params?: JsonObject } = {},
  ): Promise<WireClient> {
    const carrier = await connectWebSocket(this.#url, options);
    const client = new WireClient(carrier, { tag: TAG, shapes, ...options });
    openClients.add(client);
    if (options.handshake !== false) await client.initialize(options.params);
    return client;
  }

  /** SIGTERM; SIGKILL and an error when it does not end in 10 s. Twice is fine. */
  async stop(): Promise<ServerExit> {
    this.#child.kill('SIGTERM');
    try {
      return await within('the server to end after SIGTERM', 10_000, this.exited);
    } finally {
      this.#child.kill('SIGKILL');
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** @throws when stderr shows a warning, a stack trace or an unhandled rejection of Node. */
  expectCleanStderr(): void {
    const text = this.#options.allowedStderr ? this.stderr.replace(this.#options.allowedStderr, '') : this.stderr;
    expect(DEFECT_ON_STDERR.exec(text)?.[0], `stderr of the server:\n${this.stderr.slice(-4_000)}`).toBeUndefined();
  }
}

const openClients = new Set<WireClient>();
const startedServers = new Set<RunningServer>();
const testServers = new Set<RunningServer>();

function spawnServer(args: readonly string[], options: ServerOptions): RunningServer {
  const other = process.env['EXEC_TEST_PROGRAM'];
  const [program, ...first] = options.program ?? (other === undefined ? serverProgram() : [other]);
  if (program === undefined) throw new Error('no program');
  const child = spawn(program, [...first, ...args], {
    env: options.env ?? { HOME: process.env['HOME'] ?? '/', PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    // A fourth descriptor, as a careless parent leaves it: no child of the server may get it.
    stdio: ['pipe', 'pipe', 'pipe', 'ignore'],
  });
  const server = new RunningServer(child, options);
  startedServers.add(server);
  return server;
}

/** Starts a listening server and waits for its URL. It ends with the test that started it. */
export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  const server = await launch(options);
  testServers.add(server);
  return server;
}

async function launch(options: ServerOptions): Promise<RunningServer> {
  const where =
    options.command === 'serve' ? ['serve', '--port', '0'] : ['exec-server', '--listen', 'ws://127.0.0.1:0'];
  const server = spawnServer([...where, ...(options.args ?? [])], options);
  await server.waitUntilListening();
  return server;
}

/** `exec-server --listen stdio://`, for a caller that speaks on its stdin and stdout itself. It ends with the file. */
export function spawnStdioServer(options: ServerOptions = {}): RunningServer {
  return spawnServer(['exec-server', '--listen', 'stdio://', ...(options.args ?? [])], options);
}

/** A server on stdio and a client of it. It ends with the test that started it. */
export async function startStdioServer(
  options: ServerOptions & ClientOptions & { readonly handshake?: boolean } = {},
): Promise<{ server: RunningServer; client: WireClient }> {
  const server = spawnStdioServer(options);
  testServers.add(server);
  const client = new WireClient(carryStdio(server.child), { tag: TAG, shapes, ...options });
  openClients.add(client);
  if (options.handshake !== false) await client.initialize();
  return { server, client };
}

/** One server for all tests of a file: call it at the top, use what it returns inside of tests. */
export function useServer(options: ServerOptions = {}): { readonly current: RunningServer } {
  let server: RunningServer | undefined;
  beforeAll(async () => {
    server = await launch(options);
  });
  return {
    get current() {
      if (!server) throw new Error('the server is not started yet: use it inside of a test');
      return server;
    },
  };
}

/** Everything that runs and was started, directly or not, by a server of this file. */
export function processesLeft(): string {
  return describeProcesses(runningWithEnv(`EXEC_TEST_TAG=${TAG}`));
}

afterEach(async () => {
  const clients = [...openClients];
  openClients.clear();
  for (const client of clients) client.carrier.drop();
  const servers = [...testServers];
  testServers.clear();
  for (const server of servers) await server.stop();
  expect(clients.flatMap((client) => client.sniffer.violations)).toEqual([]);
});

afterAll(async () => {
  for (const server of startedServers) await server.stop();
  for (const server of startedServers) {
    expect(isRunning(server.pid), `server ${String(server.pid)} still runs`).toBe(false);
    server.expectCleanStderr();
  }
  try {
    await until('every started process to be gone', () => processesLeft() === '', {
      withinMs: 2_000,
      describe: processesLeft,
    });
  } finally {
    for (const { pid } of runningWithEnv(`EXEC_TEST_TAG=${TAG}`)) process.kill(pid, 'SIGKILL');
  }
});
