// The rendezvous that a pair meets at: ours, as it is shipped, on one node or two, or one that is not ours.
import { randomBytes } from 'node:crypto';
import { asArray, asObject, asString, parseJson } from '../../helpers/json.ts';
import type { CodexCli } from '../codex-cli.ts';
import { RunningServer } from '../servers.ts';
import { WireTap } from '../wire-tap.ts';
import type { CutEnd } from './checks.ts';
import { startNats } from './nats-server.ts';
import { StandInRendezvous } from './stand-in-rendezvous.ts';

export interface InteropRendezvous {
  /** Where an executor registers. */
  readonly url: string;
  /** Where a harness asks; what it says and hears goes through `tap`. */
  readonly tappedUrl: string;
  readonly token: string;
  readonly tap: WireTap;
  isOnline(executorId: string): Promise<boolean>;
  cut(executorId: string, end: CutEnd): Promise<void>;
  close(): Promise<void>;
}

/** `two nodes`: ours, the executor at one and the harness at the other, joined by NATS. */
export type RendezvousKind = 'ours' | 'two nodes' | 'stand-in';

export async function startRendezvous(kind: RendezvousKind, cli: CodexCli, home: string): Promise<InteropRendezvous> {
  return kind === 'stand-in' ? await startStandIn() : await startOurs(kind, cli, home);
}

async function startOurs(kind: RendezvousKind, cli: CodexCli, home: string): Promise<InteropRendezvous> {
  const nats = kind === 'two nodes' ? await startNats() : undefined;
  const token = randomBytes(16).toString('hex');
  const more = {
    args: nats ? ['--bus', nats.url] : [],
    env: { EXEC_WORKBENCH_TOKEN: token, EXEC_WORKBENCH_RELAY_SECRET: randomBytes(16).toString('hex') },
  };
  const forExecutor = await RunningServer.start('serve', cli, home, more);
  const forHarness = nats ? await RunningServer.start('serve', cli, home, more) : forExecutor;
  const call = async (node: RunningServer, method: string, path: string, body?: unknown): Promise<string> => {
    const answer = await fetch(httpUrl(node.url) + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} answered ${String(answer.status)}: ${text}`);
    return text;
  };
  const tap = await WireTap.open(forHarness.url);
  return {
    url: httpUrl(forExecutor.url),
    tappedUrl: `http://127.0.0.1:${String(tap.port)}`,
    token,
    tap,
    async isOnline(executorId) {
      const { executors } = asObject(parseJson(await call(forHarness, 'GET', '/cloud/executor')));
      return asArray(executors).some((executor) => asObject(executor)['executor_id'] === executorId);
    },
    async cut(executorId, end) {
      const [node, whose] = end === 'executor' ? [forExecutor, 'executor'] : [forHarness, 'harnesses'];
      const answer = await call(node, 'POST', `/api/relay/executors/${executorId}/cut`, { whose });
      const { cut } = asObject(parseJson(answer));
      if (cut !== 1) throw new Error(`${JSON.stringify(cut)} connections were cut`);
    },
    async close() {
      await tap.close();
      const left = [await forHarness.stop(), await forExecutor.stop()].filter((text) => text !== undefined);
      nats?.stop();
      if (left.length > 0) throw new Error(`the rendezvous left running: ${left.join(', ')}`);
    },
  };
}

function httpUrl(webSocketUrl: string): string {
  return `http://${new URL(webSocketUrl).host}`;
}

async function startStandIn(): Promise<InteropRendezvous> {
  const standIn = await StandInRendezvous.start();
  const tap = await WireTap.open(standIn.url);
  return {
    url: standIn.url,
    tappedUrl: `http://127.0.0.1:${String(tap.port)}`,
    token: standIn.token,
    tap,
    isOnline: (executorId) => Promise.resolve(standIn.isOnline(executorId)),
    cut: (executorId, end) => Promise.resolve(standIn.cut(executorId, end)),
    async close() {
      await tap.close();
      await standIn.close();
    },
  };
}

/** The URL that a harness dials, as the registry answers it at `at`. */
export async function askHarnessUrl(at: string, token: string, executorId: string): Promise<string> {
  const answer = await fetch(`${at}/cloud/executor/${executorId}/connect`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  return asString(asObject(parseJson(await answer.text()))['url']);
}
