// `run` on a real terminal: raw mode, size, keys, detaching, and the terminal as it was before.
import { describe, expect, it } from 'vitest';
import { useServer } from '../../helpers/server.ts';
import { within } from '../../helpers/until.ts';
import { CliTerminal } from './cli.ts';

const server = useServer({ command: 'serve' });
const env = () => ({
  EXEC_WORKBENCH_URL: `ws://127.0.0.1:${server.current.port}`,
  EXEC_WORKBENCH_TOKEN: server.current.token ?? '',
});

describe('run -it', () => {
  it('is a terminal of our size that follows ours, takes every key, and gives ours back as it was', async () => {
    const terminal = new CliTerminal(
      `ew run -it -- bash --norc -c 'stty size; until [ "$(stty size)" = "30 100" ]; do sleep 0.05; done; echo resized; read -r x; echo "got $x"; trap "echo INT; exit 7" INT; echo now; while :; do sleep 0.05; done'
       echo "code $?"; stty -a | grep -oE -- '-?(icanon|echo|isig)\\b' | tr '\\n' ' '`,
      { env: env() },
    );
    await terminal.shows(/24 80/);
    terminal.resize(100, 30);
    await terminal.shows(/resized/);
    terminal.type('hello\r');
    await terminal.shows(/got hello\s+now/);
    terminal.type('\x03');
    await terminal.shows(/INT\s+code 7\s+isig icanon echo /);
    expect(await within('the shell to end', 5_000, terminal.exited)).toBe(0);
  });

  it('is left by its keys and come back to', async () => {
    const terminal = new CliTerminal(
      `ew run -it -- bash --norc -c 'echo ready; read -r x; echo "got $x"; exit 3'; echo "code $?"`,
      {
        env: env(),
      },
    );
    await terminal.shows(/ready/);
    terminal.type('\x10\x11');
    const [, session = ''] = await terminal.shows(/--attach ([0-9a-f-]+\/run)/);
    await terminal.shows(/code 0/);
    const back = new CliTerminal(`ew run -it --attach ${session}; echo "code $?"`, { env: env() });
    await back.shows(/ready/);
    back.type('again\r');
    await back.shows(/got again\s+code 3/);
  });
});
