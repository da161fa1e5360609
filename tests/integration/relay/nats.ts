// A real nats-server on a free port, for all tests of a file.
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll } from 'vitest';
import { ensureProgram, natsServer } from '../../../scripts/lib/needed-programs.js';
import { until } from '../../helpers/until.ts';

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
