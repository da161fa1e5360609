// `exec-workbench exec-server --listen ws://IP:PORT | stdio://`: drop-in for the command of the same name.

import { isIPv4, isIPv6 } from 'node:net';
import { listenerApp } from '../app/app.ts';
import { Access } from '../auth/access.ts';
import { FailureLimit } from '../auth/failure-limit.ts';
import { TlsFiles } from '../auth/tls.ts';
import { tokenVerifier } from '../auth/verifier.ts';
import type { AccessConfig, ExecConfig } from '../config.ts';
import { ExecServer } from '../exec/exec-server.ts';
import { listen } from '../listen.ts';
import { makeLog } from '../log.ts';
import { onStopSignal } from '../stop-signal.ts';
import { StdioConnection } from '../transports/stdio.ts';
import { version } from '../version.ts';
import { makeObservers } from './observers.ts';

export type ListenTarget = { kind: 'stdio' } | { kind: 'websocket'; host: string; port: number };

/** @throws Error in the words of the genuine command, and so with its exit code: 1. */
export function parseListenUrl(url: string): ListenTarget {
  if (url === 'stdio' || url === 'stdio://') return { kind: 'stdio' };
  if (!url.startsWith('ws://')) {
    throw new Error(`unsupported --listen URL \`${url}\`; expected \`ws://IP:PORT\` or \`stdio\``);
  }
  const [, v6, v4, port] = /^ws:\/\/(?:\[([^\]]+)\]|([^:/[\]]+)):(\d{1,5})$/.exec(url) ?? [];
  const host = v6 ?? v4;
  const isAddress = v6 === undefined ? isIPv4(host ?? '') : isIPv6(v6);
  if (host === undefined || !isAddress || Number(port) > 65_535) {
    throw new Error(`invalid websocket --listen URL \`${url}\`; expected \`ws://IP:PORT\``);
  }
  return { kind: 'websocket', host, port: Number(port) };
}

export async function execServer(target: ListenTarget, config: ExecConfig & AccessConfig): Promise<void> {
  const log = makeLog(config.logLevel);
  const onProblem = (problem: string) =>
    log.warn({ problem }, 'a changed file was not taken; the former one stays in force');
  const tls = TlsFiles.from(config);
  const tokens = await tokenVerifier(config, onProblem);
  const observers = await makeObservers(config, log);
  const server = new ExecServer(config, log, version, observers.exec);
  if (target.kind === 'stdio') {
    const stop = onStopSignal(() => server.close());
    const connection = new StdioConnection(process.stdin, process.stdout, config.maxMessageBytes);
    server.accept(connection);
    connection.whenClosed.then(stop, stop);
    return;
  }
  const app = listenerApp(
    server,
    new Access(
      {
        allowedOrigins: new Set(),
        allowedHosts: new Set(),
        boundAddress: target.host,
        hasTls: tls !== undefined,
        servesPages: false,
        checksHost: false,
      },
      tokens,
      new FailureLimit(config.maxAuthFailures),
      observers.onRefused,
    ),
    config,
  );
  const maxConnections = maxListenerConnections;
  const { headersTimeoutMs } = config;
  const listening = await listen(app, { ...target, maxConnections, headersTimeoutMs, tls, onTlsProblem: onProblem });
  onStopSignal(async () => {
    await server.close();
    await listening.close();
    tokens?.close();
  });
  const host = listening.address.includes(':') ? `[${listening.address}]` : listening.address;
  process.stdout.write(`${tls ? 'wss' : 'ws'}://${host}:${listening.port}\n`);
}

const maxListenerConnections = 5000;
