// `exec-workbench exec-server --remote URL --executor-id ID [--name NAME]`: serves through a relay.

import { UsageError, type ExecConfig } from '../config.ts';
import { ExecServer } from '../exec/exec-server.ts';
import { makeLog } from '../log.ts';
import { onStopSignal } from '../stop-signal.ts';
import { RemoteExecutor } from '../transports/remote.ts';
import { version } from '../version.ts';
import { makeObservers } from './observers.ts';

export interface RemoteTarget {
  readonly baseUrl: string;
  readonly executorId: string;
  readonly name: string;
  readonly token: string;
}

const tokenVariable = 'CODEX_EXEC_SERVER_REMOTE_BEARER_TOKEN';

/** @throws UsageError, for what is missing in the words of the genuine command. */
export function parseRemote(
  flags: { readonly remote: string; readonly executorId?: string | undefined; readonly name?: string | undefined },
  env: NodeJS.ProcessEnv,
): RemoteTarget {
  const baseUrl = flags.remote.trim().replace(/\/+$/, '');
  const executorId = flags.executorId?.trim() ?? '';
  const token = env[tokenVariable]?.trim();
  const configuration = (text: string) => new UsageError(`executor registry configuration error: ${text}`);
  if (baseUrl === '') throw configuration('executor registry base URL is required');
  if (!/^https?:\/\//.test(baseUrl) || !URL.canParse(baseUrl) || /[?#]/.test(baseUrl)) {
    throw configuration('executor registry base URL must be http://… or https://… without a query');
  }
  if (executorId === '') {
    throw configuration('executor id is required for remote exec-server registration (--executor-id ID)');
  }
  if (token === undefined || token === '') {
    const state = token === undefined ? 'is not set' : 'is empty';
    const what = `executor registry bearer token environment variable \`${tokenVariable}\` ${state}`;
    throw new UsageError(`executor registry authentication error: ${what}`);
  }
  return { baseUrl, executorId, name: flags.name?.trim() ?? '', token };
}

/** @throws RegistryError when the registry refuses it for good. */
export async function remoteExecServer(target: RemoteTarget, config: ExecConfig): Promise<void> {
  const log = makeLog(config.logLevel);
  const observers = await makeObservers(config, log);
  const server = new ExecServer(config, log, version, observers.exec);
  const remote = new RemoteExecutor(
    {
      ...target,
      pingIntervalMs: config.pingIntervalMs,
      maxMessageBytes: config.maxMessageBytes,
      onRegistered: (executorId) =>
        process.stderr.write(`exec-workbench remote executor registered with executor_id ${executorId}\n`),
    },
    (connection) => server.accept(connection),
    log,
  );
  onStopSignal(async () => {
    await server.close();
    await remote.close();
  });
  try {
    await remote.run();
  } catch (error) {
    // What runs is ended before the program says why.
    await server.close();
    throw error;
  }
}
