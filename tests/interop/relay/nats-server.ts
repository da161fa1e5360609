// A real nats-server on a free port, for rendezvous nodes that are one.
import { spawn } from 'node:child_process';
import { ensureProgram, natsServer } from '../../../scripts/lib/needed-programs.js';
import { until } from '../../helpers/until.ts';
import { endGroup, groupStarted } from '../started.ts';

export async function startNats(): Promise<{ readonly url: string; readonly stop: () => void }> {
  const child = spawn(ensureProgram(natsServer), ['-a', '127.0.0.1', '-p', '-1'], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  groupStarted(child.pid);
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const port = await until(
    'nats-server to listen',
    () => (log.includes('Server is ready') ? /client connections on 127\.0\.0\.1:(\d+)/.exec(log)?.[1] : undefined),
    { describe: () => log },
  );
  return { url: `nats://127.0.0.1:${port}`, stop: () => endGroup(child.pid) };
}
