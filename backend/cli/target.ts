// Which executor a command talks to, from its flags and the environment: a URL, an executor id that a registry knows, or a
// program on stdio.

import { readFileSync } from 'node:fs';
import { ExecServerClient, type SessionOptions } from '../../shared/client/harness.ts';
import { askWayIn } from '../../shared/client/registry-api.ts';
import { dialUrl } from '../../shared/client/sockets.ts';
import type { Connection } from '../../shared/connection/connection.ts';
import { urlWithoutSecrets } from '../../shared/connection/dialing.ts';
import { errorText } from '../../shared/errors.ts';
import { limits } from '../../shared/limits.ts';
import { connectRelay, connectWebSocket } from '../client/connect.ts';
import { ChildConnection } from '../client/child-connection.ts';
import { nodeSockets } from '../client/sockets.ts';
import { UsageError } from '../config.ts';

export interface TargetFlags {
  readonly url?: string | undefined;
  readonly registry?: string | undefined;
  readonly executorId?: string | undefined;
  readonly tokenFile?: string | undefined;
  /** Time to connect and to shake hands, ms. */
  readonly timeoutMs?: string | undefined;
}

export interface Target {
  /** Holds no secret. */
  readonly label: string;
  readonly timeoutMs: number;
  /** A session. @throws LocalError, RpcError. */
  connect(options?: SessionOptions): Promise<ExecServerClient>;
  /** A connection without a handshake. @throws LocalError. */
  dial(): Promise<Connection>;
}

/** @throws UsageError that says what to give. */
export function targetOf(flags: TargetFlags, env: NodeJS.ProcessEnv = process.env): Target {
  const timeoutMs = readMs('--timeout-ms', flags.timeoutMs) ?? limits.connectTimeoutMs;
  const token = tokenOf(flags, env);
  const executorId = flags.executorId ?? (flags.url === undefined ? env['EXEC_WORKBENCH_EXECUTOR_ID'] : undefined);
  if (executorId !== undefined && executorId !== '')
    return relayTarget(registryOf(flags, env), executorId, token, timeoutMs);
  if (flags.registry !== undefined)
    throw new UsageError('--registry needs --executor-id ID; `executors` lists who is online');
  const url = flags.url ?? env['EXEC_WORKBENCH_URL'] ?? env['CODEX_EXEC_SERVER_URL'];
  if (url === undefined || url === '' || url === 'none') {
    throw new UsageError(
      'no executor is named: give --url ws://HOST:PORT, or --registry URL --executor-id ID, or set EXEC_WORKBENCH_URL',
    );
  }
  return urlTarget(url, token, timeoutMs);
}

export function urlTarget(url: string, token: string | undefined, timeoutMs: number): Target {
  if (!/^wss?:\/\//i.test(url) || !URL.canParse(url)) {
    throw new UsageError(`expected a URL that begins with ws:// or wss://, got ${urlWithoutSecrets(url)}`);
  }
  return {
    label: urlWithoutSecrets(url),
    timeoutMs,
    connect: (options) => connectWebSocket(url, { token, ...timesOf(timeoutMs), ...options }),
    dial: () => dialUrl(nodeSockets, url, { token, timeoutMs }),
  };
}

function relayTarget(registry: string, executorId: string, token: string | undefined, timeoutMs: number): Target {
  return {
    label: `executor ${executorId} at ${urlWithoutSecrets(registry)}`,
    timeoutMs,
    connect: (options) => connectRelay({ registry, executorId, token, ...timesOf(timeoutMs), ...options }),
    dial: async () =>
      dialUrl(nodeSockets, await askWayIn({ registry, token }, executorId, { timeoutMs }), { timeoutMs }),
  };
}

/** A program that speaks the protocol on its stdin and stdout. What it says on stderr passes through. */
export function stdioTarget([command = '', ...args]: readonly string[], timeoutMs: number): Target {
  const start = () =>
    ChildConnection.start({ command, args, onStderr: (text) => process.stderr.write(text), env: withoutOwnSecrets() });
  let child: ChildConnection | undefined;
  return {
    label: `\`${command}\``,
    timeoutMs,
    connect: (options) =>
      ExecServerClient.connect({
        initializeTimeoutMs: timeoutMs,
        ...options,
        reconnects: false,
        dial: async () => (child = await start()),
        release: async () => child?.end(),
      }),
    dial: start,
  };
}

/** @throws UsageError */
export function registryOf({ registry }: TargetFlags, env: NodeJS.ProcessEnv = process.env): string {
  const url = registry ?? env['EXEC_WORKBENCH_REGISTRY'];
  if (url === undefined || url === '') {
    throw new UsageError('no registry is named: give --registry http://HOST:PORT, or set EXEC_WORKBENCH_REGISTRY');
  }
  if (!/^https?:\/\/[^/]/.test(url))
    throw new UsageError(`--registry: expected http://HOST:PORT, got ${urlWithoutSecrets(url)}`);
  return url;
}

/** The file wins over the environment. @throws UsageError */
export function tokenOf({ tokenFile }: TargetFlags, env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (tokenFile === undefined) return env['EXEC_WORKBENCH_TOKEN']?.trim() || undefined;
  try {
    const [token = ''] = readFileSync(tokenFile, 'utf8').trim().split('\n');
    if (token.trim() !== '') return token.trim();
  } catch (error) {
    throw new UsageError(`--token-file: ${errorText(error)}`);
  }
  throw new UsageError(`--token-file: ${tokenFile} is empty`);
}

/** @throws UsageError */
export function readMs(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= limits.maxTimerMs) return value;
  throw new UsageError(`${flag}: expected a whole number of ms from 1 to ${limits.maxTimerMs}, got ${text}`);
}

/** For the environment of children: our token is none of their business. */
export function withoutOwnSecrets(): Record<string, undefined> {
  const ours = Object.keys(process.env).filter((name) => name.startsWith('EXEC_WORKBENCH_'));
  return Object.fromEntries(ours.map((name) => [name, undefined]));
}

function timesOf(timeoutMs: number) {
  return { connectTimeoutMs: timeoutMs, initializeTimeoutMs: timeoutMs };
}
