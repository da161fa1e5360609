// A real nats-server on a free port, for all tests of a file, and rendezvous nodes on it.
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll } from 'vitest';
import { ensureProgram, natsServer } from '../../../scripts/lib/needed-programs.js';
import { startServer, type RunningServer } from '../../helpers/server.ts';
import { until } from '../../helpers/until.ts';

export const nodeToken = 'token-of-all-nodes';

/** A rendezvous node that shares token and secret with the others on its nats-server. */
export function startNode(nats: { readonly url: string }): Promise<RunningServer> {
  const env = {
    HOME: '/',
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    EXEC_WORKBENCH_TOKEN: nodeToken,
    EXEC_WORKBENCH_RELAY_SECRET: 'the secret of all nodes of this test',
  };
  return startServer({ command: 'serve', args: ['--bus', nats.url], env });
}

export function useNats(): { readonly url: string } {
  let child: ChildProcess | undefined;
  let url = '';
  beforeAll(async () => {
    const port = await freePort();
    url = `nats://127.0.0.1:${port}`;
    child = spawn(ensureProgram(natsServer), ['-a', '127.0.0.1', '-p', String(port)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let log = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text));
    await until('nats-server to listen', () => log.includes('Server is ready'), { describe: () => log });
  });
  afterAll(() => {
    child?.kill('SIGKILL');
  });
  return {
    get url() {
      return url;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
