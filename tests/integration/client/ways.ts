// The ways to a server of ours, for tests that hold whatever lies between: in process, a child on stdio, WebSocket, relay.

import { afterAll, beforeAll } from 'vitest';
import { connectInProcess, connectRelay, connectStdio, connectWebSocket } from '../../../backend/client/connect.ts';
import { createExecServer, type InProcessServer } from '../../../backend/client/in-process-server.ts';
import type { ExecServerClient, SessionOptions } from '../../../shared/client/harness.ts';
import { RemoteExecutorProcess } from '../../helpers/remote-executor.ts';
import { serverProgram, TAG, useServer, type RunningServer } from '../../helpers/server.ts';

/** Marks what tests start, so that what is left over is found. */
export const testEnv = { EXEC_TEST_TAG: TAG };

type Options = Pick<SessionOptions, 'wrap' | 'onNotification'>;
export type Way = readonly [name: string, connect: (options?: Options) => Promise<ExecServerClient>];

/** Call it at the top of a file. */
export function useWays(): { readonly ways: readonly Way[]; readonly server: { readonly current: RunningServer } } {
  const server = useServer({ command: 'serve' });
  let inProcess: InProcessServer;
  beforeAll(async () => {
    inProcess = await createExecServer();
  });
  afterAll(() => inProcess.close());
  let hasExecutor = false;
  const ways: Way[] = [
    ['in process', (options) => connectInProcess(inProcess, options)],
    [
      'stdio',
      (options) => {
        const [command, ...args] = serverProgram();
        return connectStdio({ ...options, command, args: [...args, 'exec-server', '--listen', 'stdio://'] });
      },
    ],
    [
      'WebSocket',
      (options) =>
        connectWebSocket(`ws://127.0.0.1:${server.current.port}/exec`, { ...options, token: server.current.token }),
    ],
    [
      'relay',
      async (options) => {
        const { httpUrl, token } = server.current;
        // It ends with the test that started it: only one test goes this way.
        if (!hasExecutor) await RemoteExecutorProcess.start({ remote: httpUrl, executorId: 'box', token });
        hasExecutor = true;
        return connectRelay({ ...options, registry: httpUrl, executorId: 'box', token });
      },
    ],
  ];
  return { ways, server };
}
