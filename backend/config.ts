// Every setting: flag, environment variable, default, unit, meaning. Flags and --help of the commands, and the table in
// docs/configuration.md, are made from this list. Flags win over the environment, the environment over the default.

import { readFileSync } from 'node:fs';
import { errorText } from '../shared/errors.ts';
import { capProblem } from './containment/process-caps.ts';
import { sessionCapProblem } from './containment/session-cgroup.ts';
import type { ExecSettings } from './exec/settings.ts';
import { AddressGuard } from './http/address-guard.ts';

export interface Setting {
  readonly key: string;
  readonly default: boolean | number | string;
  /** "ms", "bytes", or what else the number counts. */
  readonly unit?: string;
  readonly min?: number;
  readonly max?: number;
  readonly doc: string;
}

function count<const K extends string>(
  key: K,
  byDefault: number,
  unit: string,
  doc: string,
  { min = 0, max = Number.MAX_SAFE_INTEGER } = {},
) {
  return { key, default: byDefault, unit, doc, min, max };
}
function text<const K extends string>(key: K, byDefault: string, doc: string) {
  return { key, default: byDefault, doc };
}
function flag<const K extends string>(key: K, byDefault: boolean, doc: string) {
  return { key, default: byDefault, doc };
}

const KiB = 1024;
const MiB = 1024 * KiB;

/** For everything that executes: `serve` and `exec-server`. */
export const execSettingList = [
  count(
    'detachedSessionTtlMs',
    80_000,
    'ms',
    'how long a session lives without a connection; then its processes are ended',
  ),
  count('closedProcessRetentionMs', 80_000, 'ms', 'how long a closed process stays readable'),
  count('maxClosedProcesses', 1000, 'processes', 'closed processes kept per session; the oldest are forgotten first'),
  count('retainedOutputBytes', 1 * MiB, 'bytes', 'output kept per process, oldest dropped first'),
  count(
    'shutdownGracePeriodMs',
    0,
    'ms',
    'SIGTERM this long before SIGKILL when a session or the server ends; 0: SIGKILL at once',
    { max: 4000 },
  ),
  count(
    'orphanedOutputMs',
    60_000,
    'ms',
    'how long `closed` waits for others that hold the output of an exited process and write nothing',
  ),
  count('maxSessions', 10_000, 'sessions', 'sessions at a time', { min: 1 }),
  count('maxProcesses', 10_000, 'processes', 'processes of one session at a time', { min: 1 }),
  count(
    'maxWaitingRequests',
    10_000,
    'requests',
    'long polls, waits, HTTP requests and blocked writes of one connection at a time',
    { min: 1 },
  ),
  count(
    'maxPipelinedRequests',
    1024,
    'requests',
    'requests of one connection that are read ahead of being served; beyond, it is not read',
    {
      min: 1,
    },
  ),
  count('maxTotalProcesses', 20_000, 'processes', 'processes of all sessions at a time', { min: 1 }),
  count('maxTotalWaitingRequests', 100_000, 'requests', 'as --max-waiting-requests, of all connections', { min: 1 }),
  count(
    'maxTotalHttpRequests',
    1000,
    'requests',
    'http/request of all connections at a time, streamed bodies included',
    {
      min: 1,
    },
  ),
  count('maxTotalFileHandles', 10_000, 'handles', 'open file handles (fs/open) of all connections', { min: 1 }),
  count(
    'maxTotalSandboxes',
    64,
    'servers',
    'confined file servers (fs/* with a sandbox), about 60 MB each, of all connections; the one that was not used for the longest time makes room',
    { min: 1 },
  ),
  count(
    'maxTotalRetainedBytes',
    1024 * MiB,
    'bytes',
    'output kept of all processes; beyond, new output takes the place of the oldest of its own process',
    { min: 64 * KiB },
  ),
  count('processMaxMemoryBytes', 0, 'bytes', 'address space of each process (RLIMIT_AS); 0: no cap', { max: 2 ** 50 }),
  count('processMaxCpuSeconds', 0, 's', 'CPU time of each process, then it is killed (RLIMIT_CPU); 0: no cap', {
    max: 2 ** 31,
  }),
  count('processMaxOpenFiles', 0, 'files', 'open files of each process (RLIMIT_NOFILE); 0: no cap', { max: 2 ** 20 }),
  count('processMaxFileBytes', 0, 'bytes', 'largest file that a process can write (RLIMIT_FSIZE); 0: no cap', {
    max: 2 ** 50,
  }),
  count(
    'userMaxProcesses',
    0,
    'processes',
    "processes and threads of the server's user, wherever they come from, beyond which none of ours starts more (RLIMIT_NPROC); 0: no cap; not for root",
    { max: 2 ** 22 },
  ),
  count('sessionMaxMemoryBytes', 0, 'bytes', 'memory of all processes of a session together (cgroup v2); 0: no cap', {
    max: 2 ** 50,
  }),
  count('sessionMaxTasks', 0, 'tasks', 'processes and threads of a session (cgroup v2); 0: no cap', { max: 2 ** 22 }),
  count('sessionMaxCpuPercent', 0, '%', 'CPU time of a session (cgroup v2), 100: one core; 0: no cap', {
    max: 100_000,
  }),
  count('eventLoopWarnMs', 500, 'ms', 'a longer delay of the event loop is logged; 0: never'),
  count('maxStartBytes', 1 * MiB, 'bytes', 'argv and environment of one process', { min: KiB }),
  count('maxMessageBytes', 48 * MiB, 'bytes', 'largest message taken; larger ones end the connection (1009)', {
    min: 64 * KiB,
    max: 512 * MiB,
  }),
  count('pingIntervalMs', 30_000, 'ms', 'a WebSocket peer that is silent for two intervals is dropped', { min: 100 }),
  text(
    'httpDeny',
    '',
    'addresses that http/request must not reach: CIDR ranges, or the names private, loopback, metadata, all; separated by commas',
  ),
  text('httpAllow', '', 'exceptions from --http-deny, in the same form'),
  count('httpMaxMs', 0, 'ms', 'longest http/request, its body included; 0: as long as the request says'),
  count('httpMaxResponseBytes', 0, 'bytes', 'largest streamed response of http/request; 0: any'),
  text('auditLog', '', 'file for the audit log: who connected, what was started and changed (docs/operations.md)'),
  count('auditLogMaxBytes', 64 * MiB, 'bytes', 'the audit log is rotated when it is larger', { min: 4 * KiB }),
  count('auditLogFiles', 10, 'files', 'former files of the audit log that are kept', { min: 1, max: 1000 }),
  flag('readOnly', false, 'only show files: start no program, change nothing, make no HTTP request for anyone'),
  flag('allowDirectExec', true, 'serve process/start of kind direct'),
  flag('allowPreparedExec', true, 'serve process/start of kind prepared'),
  text('logLevel', 'info', 'trace, debug, info, warn, error or silent; logs go to stderr as JSON lines'),
] as const;

export const defaultClockSkewSec = 30;

/** For whatever listens: `serve` and `exec-server --listen`. Those that Codex 0.169.0 has too are named as there. */
export const accessSettingList = [
  text('wsAuth', '', 'capability-token or signed-bearer-token: who is let in, by the settings that follow'),
  text(
    'wsTokenFile',
    '',
    'file with the token, or with several as JSON (docs/security.md); a change is taken within two seconds',
  ),
  text('wsTokenSha256', '', 'the SHA-256 digest of the token, as 64 hex digits, instead of a file'),
  text('wsSharedSecretFile', '', 'file with the secret of signed tokens (JWT, HS256), 32 bytes or more'),
  text('wsIssuer', '', 'what signed tokens must name as issuer (iss)'),
  text('wsAudience', '', 'what signed tokens must name as audience (aud)'),
  count('wsMaxClockSkewSeconds', defaultClockSkewSec, 's', 'how far the clock of who signs may be off', { max: 3600 }),
  count(
    'maxAuthFailures',
    100,
    'per minute',
    'wrong tokens of one address; with more it is answered 429 for the rest of the minute; 0: no limit',
  ),
  count(
    'headersTimeoutMs',
    20_000,
    'ms',
    'a connection whose HTTP headers are not whole after this long (and a quarter of it) is dropped',
    { min: 100, max: 3_600_000 },
  ),
  text('tlsCert', '', 'PEM file with the certificate chain: https:// and wss:// are served; a change is taken at once'),
  text('tlsKey', '', 'PEM file with the private key of --tls-cert'),
] as const;

/** For `serve` alone. */
export const serveSettingList = [
  text('host', '127.0.0.1', 'address to listen on; anything but a loopback address needs a token'),
  count('port', 8765, 'port', 'TCP port; 0 takes a free one', { max: 65_535 }),
  flag('open', false, 'open the workbench in the browser of this machine'),
  flag('auth', true, 'ask for the token; --no-auth is for loopback only'),
  text('allowOrigin', '', 'browser origins let in beside our own, separated by commas, e.g. https://ide.example'),
  text('allowHost', '', 'names taken in Host beside loopback and the bound address, separated by commas'),
  count('maxConnections', 5000, 'connections', 'sockets at a time', { min: 1 }),
  text('bus', '', 'nats://HOST:PORT that several rendezvous nodes share; they need one relay secret and one token'),
  text(
    'publicUrl',
    '',
    'what peers of the relay reach us by, e.g. wss://relay.example; default: the Host that they ask',
  ),
  text(
    'relaySecretFile',
    '',
    'file with the secret that signs relay URLs; EXEC_WORKBENCH_RELAY_SECRET or random otherwise',
  ),
  count('relayUrlTtlMs', 3_600_000, 'ms', 'how long a relay URL can be used to connect', { min: 1000 }),
  count('relayGraceMs', 30_000, 'ms', 'how long streams of a resumable peer outlive its connection'),
  count('relayMaxFrameBytes', 48 * MiB, 'bytes', 'largest relay frame; larger ones end the connection (1009)', {
    min: 1 * KiB,
    max: 512 * MiB,
  }),
  count('relayMaxStreams', 8192, 'streams', 'streams of one executor; more are reset', { min: 1 }),
  count('relayMaxHarnesses', 2048, 'connections', 'harnesses of one executor; more are closed', { min: 1 }),
  count('relayMaxQueuedBytes', 16 * MiB, 'bytes', 'frames that wait for one slow peer; with more it is disconnected'),
] as const;

type Values<List extends readonly Setting[]> = {
  readonly [S in List[number] as S['key']]: S['default'] extends number
    ? number
    : S['default'] extends boolean
      ? boolean
      : string;
};

export type ExecConfig = Values<typeof execSettingList> & ExecSettings;
export type AccessConfig = Values<typeof accessSettingList>;
export type ServeConfig = ExecConfig &
  AccessConfig &
  Values<typeof serveSettingList> & {
    readonly token: string | undefined;
    /** Signs relay URLs; nodes that share it admit each other's peers. Undefined: random. */
    readonly relaySecret: string | undefined;
  };

/** A mistake of whoever started the program: one line on stderr, exit code 2. */
export class UsageError extends Error {}

/** detachedSessionTtlMs → --detached-session-ttl-ms */
export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** detachedSessionTtlMs → EXEC_WORKBENCH_DETACHED_SESSION_TTL_MS */
export function envName(key: string): string {
  return `EXEC_WORKBENCH_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** @throws UsageError */
export function execConfig(
  flags: Readonly<Record<string, unknown>>,
  env: NodeJS.ProcessEnv,
): ExecConfig & AccessConfig {
  const config = {
    ...readSettings(execSettingList, flags, env),
    ...readSettings(accessSettingList, flags, env),
    program: [process.execPath, ...process.execArgv, process.argv[1] ?? ''],
  };
  checkAddressRanges(config);
  const problem = capProblem(config) ?? sessionCapProblem(config);
  if (problem !== undefined) throw new UsageError(problem);
  return Object.freeze(config);
}

/** @throws UsageError */
export function serveConfig(flags: Readonly<Record<string, unknown>>, env: NodeJS.ProcessEnv): ServeConfig {
  const token = env['EXEC_WORKBENCH_TOKEN']?.trim();
  if (token === '') throw new UsageError('EXEC_WORKBENCH_TOKEN is empty; unset it to get a random token');
  const config: ServeConfig = {
    ...execConfig(flags, env),
    ...readSettings(serveSettingList, flags, env),
    token,
    relaySecret: relaySecret(flags, env),
  };
  if (config.bus !== '' && !config.bus.split(',').every(isNatsUrl)) {
    throw new UsageError('--bus: expected nats://HOST or nats://HOST:PORT');
  }
  if (config.bus !== '' && config.relaySecret === undefined) {
    throw new UsageError(
      '--bus needs a secret that all nodes share: EXEC_WORKBENCH_RELAY_SECRET or --relay-secret-file',
    );
  }
  if (config.publicUrl !== '' && !/^wss?:\/\/[^/?#]+$/.test(config.publicUrl)) {
    throw new UsageError(`--public-url: expected ws://HOST or wss://HOST without a path, got ${config.publicUrl}`);
  }
  if (!config.auth && config.wsAuth !== '') throw new UsageError('--no-auth and --ws-auth contradict each other');
  if (config.token !== undefined && config.wsAuth !== '') {
    throw new UsageError('EXEC_WORKBENCH_TOKEN and --ws-auth contradict each other: unset one of them');
  }
  if (!config.auth && !isLoopbackAddress(config.host)) {
    throw new UsageError(`--no-auth is for loopback only, not for --host ${config.host}`);
  }
  return Object.freeze(config);
}

/** @throws UsageError */
function checkAddressRanges({ httpDeny, httpAllow }: ExecConfig): void {
  for (const [key, ranges] of Object.entries({ httpDeny, httpAllow })) {
    try {
      new AddressGuard(ranges, '');
    } catch (error) {
      throw new UsageError(`${flagName(key)}: ${errorText(error)}`);
    }
  }
  if (httpAllow !== '' && httpDeny === '') throw new UsageError('--http-allow is for exceptions from --http-deny');
}

/** @throws UsageError when the file cannot be read, or the secret is too short to be one. */
function relaySecret(flags: Readonly<Record<string, unknown>>, env: NodeJS.ProcessEnv): string | undefined {
  const file = flags['relaySecretFile'] ?? env[envName('relaySecretFile')];
  let secret = env['EXEC_WORKBENCH_RELAY_SECRET'];
  if (typeof file === 'string' && file !== '') {
    try {
      secret = readFileSync(file, 'utf8');
    } catch (error) {
      throw new UsageError(`--relay-secret-file: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (secret === undefined) return undefined;
  if (secret.trim().length < minRelaySecretLength) {
    throw new UsageError(`the relay secret has fewer than ${minRelaySecretLength} characters`);
  }
  return secret.trim();
}

const minRelaySecretLength = 16;

function isNatsUrl(text: string): boolean {
  return /^nats:\/\/[^/?#]+$/.test(text.trim()) && URL.canParse(text.trim());
}

/** An IP address of this machine only; a name is none, whatever it resolves to. */
export function isLoopbackAddress(host: string): boolean {
  return /^127\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.test(host) || host === '::1';
}

function readSettings<const List extends readonly Setting[]>(
  list: List,
  flags: Readonly<Record<string, unknown>>,
  env: NodeJS.ProcessEnv,
): Values<List> {
  const valueOf = (setting: Setting) => {
    const fromFlag = flags[setting.key];
    if (fromFlag !== undefined) return readValue(setting, fromFlag, flagName(setting.key));
    const fromEnv = env[envName(setting.key)];
    if (fromEnv !== undefined) return readValue(setting, fromEnv.trim(), envName(setting.key));
    return setting.default;
  };
  return Object.fromEntries(list.map((setting) => [setting.key, valueOf(setting)])) as Values<List>;
}

function readValue(setting: Setting, value: unknown, source: string): boolean | number | string {
  if (typeof setting.default === 'boolean') {
    if (typeof value === 'boolean') return value;
    if (value === 'true' || value === '1') return true;
    if (value === 'false' || value === '0') return false;
    throw new UsageError(`${source}: expected true or false, got ${String(value)}`);
  }
  if (typeof setting.default === 'string') return String(value);
  const number = Number(value);
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = setting;
  if (value === '' || !Number.isInteger(number) || number < min || number > max) {
    throw new UsageError(`${source}: expected a whole number from ${min} to ${max}, got ${String(value)}`);
  }
  return number;
}
