// The genuine Codex CLI: finds or installs it, gives it a home of its own, and runs `codex exec` against an exec server.
import { execFile, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { ModelStandIn, type ModelScript } from './model-stand-in.ts';
import { endGroup, groupStarted } from './started.ts';

/** The versions whose conduct differs: 0.131 asks for output by reading, 0.169 is pushed it and can reconnect. */
export type CodexVersion = '0.131.0' | '0.169.0';

export interface CodexCli {
  readonly version: CodexVersion;
  /** Absolute path of the `codex` program. */
  readonly program: string;
}

/**
 * The CLI at `program`, or one installed from the npm registry below `folder`.
 * @throws Error when the program is another version than asked for.
 */
export async function codexCli(version: CodexVersion, folder: string, program?: string): Promise<CodexCli> {
  let found = program === undefined ? undefined : path.resolve(program);
  if (found === undefined) {
    const prefix = path.join(folder, `codex-${version}`);
    await mkdir(prefix, { recursive: true });
    const args = ['install', '--prefix', prefix, '--no-audit', '--no-fund', `@openai/codex@${version}`];
    await promisify(execFile)('npm', args, { timeout: 300_000 });
    found = path.join(prefix, 'node_modules', '.bin', 'codex');
  }
  const { stdout } = await promisify(execFile)(found, ['--version'], { timeout: 30_000 });
  if (stdout.trim() !== `codex-cli ${version}`)
    throw new Error(`${found} is ${stdout.trim()}, not codex-cli ${version}`);
  return { version, program: found };
}

const eventSchema = z.looseObject({
  type: z.string(),
  item: z.looseObject({ type: z.string(), text: z.string().optional(), message: z.string().optional() }).optional(),
});
export type CodexEvent = z.infer<typeof eventSchema>;

export interface CodexRunOptions {
  readonly script: ModelScript;
  /** Where the CLI works; it must exist on the CLI's side and on the server's. */
  readonly cwd: string;
  /** Folder of the run's own CODEX_HOME; made if it is missing. */
  readonly home: string;
  /** `ws://…` for CODEX_EXEC_SERVER_URL; left out when `environmentsToml` says how to reach the server. */
  readonly serverUrl?: string;
  /** Added to the CLI's environment, e.g. how to reach an executor by Noise. */
  readonly env?: Readonly<Record<string, string>>;
  /** Content of `environments.toml`, which replaces the variable. */
  readonly environmentsToml?: string;
  /** Tables added to `config.toml`, e.g. MCP servers. */
  readonly extraTables?: string;
  /** `bypass`: neither approvals nor sandbox. The others are the CLI's own sandbox modes. */
  readonly sandbox?: 'bypass' | 'read-only' | 'workspace-write';
  /** The run is ended by force after this many milliseconds. Default 60000. */
  readonly deadlineMs?: number;
  /** Called with the CLI's process id (its process group as well) once it runs. */
  readonly onStarted?: (pid: number) => void;
}

export interface CodexRun {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly events: readonly CodexEvent[];
  readonly stderr: string;
  /** Milliseconds from start to end. */
  readonly tookMs: number;
  /** What the script threw, if it did. */
  readonly scriptError: Error | undefined;
}

/** Runs the CLI once; resolves when it, and its stand-in for the model, have ended. Everything it started is gone then. */
export async function runCodex(cli: CodexCli, options: CodexRunOptions): Promise<CodexRun> {
  const standIn = await ModelStandIn.open(options.script);
  try {
    await writeHome(options, standIn.baseUrl);
    const sandbox = options.sandbox ?? 'bypass';
    const mode = sandbox === 'bypass' ? ['--dangerously-bypass-approvals-and-sandbox'] : ['--sandbox', sandbox];
    const startedAtMs = performance.now();
    const child = spawn(cli.program, ['exec', '--skip-git-repo-check', '--json', ...mode, 'Do as scripted.'], {
      cwd: options.cwd,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'] ?? '/usr/bin:/bin',
        HOME: options.home,
        CODEX_HOME: options.home,
        ...(options.serverUrl === undefined ? {} : { CODEX_EXEC_SERVER_URL: options.serverUrl }),
        ...options.env,
      },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const ended = new Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (exitCode, signal) => {
        resolve({ exitCode, signal });
      });
    });
    groupStarted(child.pid);
    if (child.pid !== undefined) options.onStarted?.(child.pid);
    const deadline = setTimeout(() => endGroup(child.pid), options.deadlineMs ?? 60_000);
    try {
      const { exitCode, signal } = await ended;
      const tookMs = Math.round(performance.now() - startedAtMs);
      const scriptError = await settled(standIn.finished);
      return { exitCode, signal, events: parseEvents(stdout), stderr, tookMs, scriptError };
    } finally {
      clearTimeout(deadline);
      endGroup(child.pid);
    }
  } finally {
    await standIn.close();
  }
}

async function writeHome(options: CodexRunOptions, baseUrl: string): Promise<void> {
  await mkdir(options.home, { recursive: true });
  const config = [
    'model = "gpt-5.5"',
    'model_provider = "stand-in"',
    'check_for_update_on_startup = false',
    '[model_providers.stand-in]',
    'name = "stand-in"',
    `base_url = "${baseUrl}"`,
    'wire_api = "responses"',
    'request_max_retries = 0',
    'stream_max_retries = 0',
    '[analytics]',
    'enabled = false',
    '[features]',
    'apps = false',
    'plugins = false',
    options.extraTables ?? '',
  ];
  await writeFile(path.join(options.home, 'config.toml'), config.join('\n'));
  if (options.environmentsToml !== undefined) {
    await writeFile(path.join(options.home, 'environments.toml'), options.environmentsToml);
  }
}

function parseEvents(stdout: string): CodexEvent[] {
  return stdout
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => eventSchema.parse(JSON.parse(line)));
}

/**
 * What the promise rejected with; undefined if it resolved, a message of our own if it is still pending. The CLI ends after
 * the script's last word, so one turn of the event loop tells.
 */
async function settled(promise: Promise<void>): Promise<Error | undefined> {
  const pending = new Error('the CLI ended before the script had said its last word');
  return await Promise.race([
    promise.then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
    ),
    new Promise<Error>((resolve) => setImmediate(resolve, pending)),
  ]);
}
