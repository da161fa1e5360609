// `exec-workbench serve`: page, exec server and what machines ask for, on one port.

import { randomBytes } from 'node:crypto';
import { serveApp } from '../app/app.ts';
import { Bridge } from '../bridge/bridge.ts';
import { Access } from '../auth/access.ts';
import { FailureLimit } from '../auth/failure-limit.ts';
import { TlsFiles } from '../auth/tls.ts';
import { singleToken, tokenVerifier } from '../auth/verifier.ts';
import { isLoopbackAddress, type ServeConfig } from '../config.ts';
import { ExecServer } from '../exec/exec-server.ts';
import { listen, type Listening } from '../listen.ts';
import { makeLog } from '../log.ts';
import type { FrameBus } from '../relay/bus.ts';
import { MemoryBus } from '../relay/bus-memory.ts';
import { Rendezvous } from '../relay/rendezvous.ts';
import { onStopSignal } from '../stop-signal.ts';
import { version } from '../version.ts';
import { makeObservers } from './observers.ts';
import { openPage } from './open-page.ts';

export async function serve(config: ServeConfig): Promise<void> {
  const log = makeLog(config.logLevel);
  const tls = TlsFiles.from(config);
  const onProblem = (problem: string) =>
    log.warn({ problem }, 'a changed file was not taken; the former one stays in force');
  const fileTokens = await tokenVerifier(config, onProblem);
  const token = config.auth && !fileTokens ? (config.token ?? randomBytes(24).toString('base64url')) : undefined;
  const tokens = token === undefined ? fileTokens : singleToken(token);
  const observers = await makeObservers(config, log);
  const server = new ExecServer(config, log, version, observers.exec);
  const secret = config.relaySecret === undefined ? randomBytes(32) : Buffer.from(config.relaySecret);
  const rendezvous = new Rendezvous(config, log);
  await rendezvous.open(await makeBus(config.bus, secret, rendezvous));
  const bridge = new Bridge(config, observers.onBridged);
  const app = serveApp(
    server,
    { rendezvous, secret, settings: config },
    bridge,
    new Access(
      {
        allowedOrigins: listOf(config.allowOrigin),
        allowedHosts: listOf(config.allowHost.toLowerCase()),
        boundAddress: config.host,
        hasTls: tls !== undefined,
        servesPages: true,
        checksHost: true,
      },
      tokens,
      new FailureLimit(config.maxAuthFailures),
      observers.onRefused,
    ),
    config,
    version,
  );
  const listening = await listen(app, { ...config, tls, onTlsProblem: onProblem });
  onStopSignal(async () => {
    await rendezvous.close();
    await Promise.all([bridge.close(), server.close()]);
    await listening.close();
    tokens?.close();
  });
  // What stands in a token file is its owner's to know.
  const shownToken = fileTokens ? 'YOUR_TOKEN' : token;
  const addresses = addressesOf(listening, tls !== undefined, shownToken);
  process.stdout.write(startText(addresses, shownToken));
  if (config.open) openPage(addresses.page, (problem) => log.warn(problem));
  if (!isLoopbackAddress(config.host))
    log.warn({ host: config.host }, 'reachable from other machines: whoever has the token can run commands here');
}

/** @throws Error when NATS cannot be reached. */
async function makeBus(url: string, secret: Uint8Array, { metrics }: Rendezvous): Promise<FrameBus> {
  if (url === '') return new MemoryBus();
  // Most servers need no bus.
  const { NatsBus } = await import('../relay/bus-nats.ts');
  return new NatsBus({ url, secret, onDropped: () => metrics.drop('bus_full') });
}

interface Addresses {
  readonly base: string;
  readonly page: string;
  readonly exec: string;
}

function addressesOf({ address, port }: Listening, hasTls: boolean, token: string | undefined): Addresses {
  const host =
    address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '[::1]' : address.includes(':') ? `[${address}]` : address;
  const query = token === undefined ? '' : `?token=${token}`;
  const secure = hasTls ? 's' : '';
  const place = `${host}:${port}`;
  return {
    base: `http${secure}://${place}`,
    page: `http${secure}://${place}/${query}`,
    exec: `ws${secure}://${place}/exec${query}`,
  };
}

/** Ready to paste; the token stands here and nowhere in the logs. */
function startText({ base, page, exec }: Addresses, token: string | undefined): string {
  const authorization = token === undefined ? '' : ` -H 'Authorization: Bearer ${token}'`;
  return [
    `Exec Workbench ${version}`,
    '',
    `  open    ${page}`,
    `  wscat   npx wscat -c '${exec}'`,
    `  curl    curl -s ${base}/metrics${authorization}`,
    `  codex   CODEX_EXEC_SERVER_URL='${exec}' codex`,
    // The remote executor insists on a token, also where nobody asks for one.
    `  relay   CODEX_EXEC_SERVER_REMOTE_BEARER_TOKEN='${token ?? 'none'}' npx exec-workbench exec-server --remote ${base} --executor-id box`,
    '',
    '',
  ].join('\n');
}

function listOf(commaSeparated: string): ReadonlySet<string> {
  return new Set(
    commaSeparated
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  );
}
