// The executors: ours and the genuine ones, each started by the command line that its user would paste.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { until } from '../../helpers/until.ts';
import type { CodexCli } from '../codex-cli.ts';
import { ownProgram, type ServerProgram } from '../servers.ts';
import { endGroup, groupStarted } from '../started.ts';
import type { InteropRendezvous } from './rendezvous.ts';

/** How to start one, and what to put into its environment. */
interface Start extends ServerProgram {
  readonly env: Readonly<Record<string, string>>;
}

function startOf(cli: CodexCli | undefined, { url, token }: InteropRendezvous, id: string): Start {
  const program = cli === undefined ? ownProgram() : { command: cli.program, args: [] };
  const args = [...program.args, 'exec-server', '--remote', url];
  return cli?.version === '0.169.0'
    ? { command: program.command, args: [...args, '--environment-id', id], env: { CODEX_API_KEY: token } }
    : {
        command: program.command,
        args: [...args, '--executor-id', id],
        env: { CODEX_EXEC_SERVER_REMOTE_BEARER_TOKEN: token },
      };
}

export class InteropExecutor {
  private constructor(private readonly child: ChildProcess) {}

  /** @param cli whose `exec-server` it is; undefined: ours. Resolves once the rendezvous has it. */
  static async start(
    cli: CodexCli | undefined,
    rendezvous: InteropRendezvous,
    id: string,
    home: string,
  ): Promise<InteropExecutor> {
    await mkdir(home, { recursive: true });
    const { command, args, env } = startOf(cli, rendezvous, id);
    const child = spawn(command, args, {
      cwd: home,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: home, CODEX_HOME: home, ...env },
    });
    groupStarted(child.pid);
    const executor = new InteropExecutor(child);
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.on('error', (error) => (said += error.message));
    try {
      await until(
        'the executor to be online',
        async () => {
          if (child.exitCode !== null) throw new Error(`the executor ended: ${said}`);
          return await rendezvous.isOnline(id);
        },
        { withinMs: 20_000, everyMs: 50, describe: () => said },
      );
    } catch (error) {
      endGroup(child.pid);
      throw error;
    }
    return executor;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = new Promise((resolve) => this.child.once('exit', resolve));
      this.child.kill('SIGTERM');
      const timer = setTimeout(() => this.child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(timer);
    }
    endGroup(this.child.pid);
  }
}
