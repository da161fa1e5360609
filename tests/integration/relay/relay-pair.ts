// What the tests of real processes over the relay share: an executor that is online, and harnesses of it.
import { relayCarrier, RemoteExecutorProcess } from '../../helpers/remote-executor.ts';
import { TAG, type RunningServer } from '../../helpers/server.ts';
import { until } from '../../helpers/until.ts';
import { WireClient, type ClientOptions } from '../../helpers/wire-client.ts';
import { shapes } from '../../helpers/wire-shapes.ts';
import { call, relayUrl } from './relay-peer.ts';

export const childEnv = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };

export async function isOnline(at: RunningServer, id: string): Promise<boolean> {
  const { body } = await call(at, 'GET', '/cloud/executor');
  return JSON.stringify(body).includes(`"executor_id":"${id}"`);
}

/** Starts a remote executor of ours and waits until the rendezvous has it. */
export async function startExecutor(
  at: RunningServer,
  id: string,
  args: string[] = [],
): Promise<RemoteExecutorProcess> {
  const executor = await RemoteExecutorProcess.start({ remote: at.httpUrl, executorId: id, token: at.token, args });
  await until('the executor to be online', () => isOnline(at, id));
  return executor;
}

/** A harness on a link of its own, with its handshake done. */
export async function connect(
  at: RunningServer,
  id: string,
  options: ClientOptions & { readonly resumable?: boolean } = {},
): Promise<WireClient> {
  const { resumable = true, ...rest } = options;
  const carrier = await relayCarrier({ url: await relayUrl(at, 'harness', id, { resumable }) });
  const client = new WireClient(carrier, { tag: TAG, shapes, ...rest });
  await client.initialize();
  return client;
}
