// Arguments → command. Exit codes stand in cli/failure.ts. A command's module is loaded when it is called: starting up is loading code.

import { Command, CommanderError, Option } from 'commander';
import { addClientCommands } from './cli/client-commands.ts';
import { ExitCode, failureOf, failureText } from './cli/failure.ts';
import {
  accessSettingList,
  envName,
  execConfig,
  execSettingList,
  flagName,
  serveConfig,
  serveSettingList,
  type Setting,
} from './config.ts';
import { version } from './version.ts';

const program = new Command('exec-workbench')
  .description('Run and drive processes, files and HTTP on another machine over the exec-server protocol.')
  .version(version)
  .showHelpAfterError('(see --help)')
  // What follows the command of `run` is the command's own.
  .enablePositionalOptions()
  .configureHelp({ showGlobalOptions: true });

const serveCommand = program
  .command('serve', { isDefault: true })
  .description('everything on one port: workbench, exec server (default)')
  .action(async (flags: Record<string, unknown>) => {
    const config = serveConfig(flags, process.env);
    await (await import('./cli/serve.ts')).serve(config);
  });
addSettings(serveCommand, [...serveSettingList, ...accessSettingList, ...execSettingList]);
serveCommand.addHelpText(
  'after',
  '\nThe token comes from EXEC_WORKBENCH_TOKEN, or is made at random and printed at start.',
);

type ExecServerFlags = Record<string, unknown> & {
  listen: string;
  remote?: string;
  executorId?: string;
  name?: string;
};

const execServerCommand = program
  .command('exec-server')
  .description('the exec server alone, as the genuine command of this name')
  .addOption(new Option('--listen <url>', 'ws://IP:PORT or stdio://').default('ws://127.0.0.1:0').conflicts('remote'))
  .option('--remote <url>', 'serve through the relay whose registry is there, e.g. http://127.0.0.1:8765')
  .option('--executor-id <id>', 'with --remote: what harnesses reach this executor by')
  .option('--name <name>', 'with --remote: what people call it')
  .action(async ({ listen, remote, executorId, name, ...flags }: ExecServerFlags) => {
    const config = execConfig(flags, process.env);
    if (remote === undefined) {
      const { execServer, parseListenUrl } = await import('./cli/exec-server.ts');
      await execServer(parseListenUrl(listen), config);
    } else {
      const { parseRemote, remoteExecServer } = await import('./cli/remote.ts');
      await remoteExecServer(parseRemote({ remote, executorId, name }, process.env), config);
    }
  });
execServerCommand.addHelpText(
  'after',
  '\n--remote takes the bearer token of the registry from CODEX_EXEC_SERVER_REMOTE_BEARER_TOKEN.',
);
addSettings(execServerCommand, [...accessSettingList, ...execSettingList]);

function addSettings(command: Command, list: readonly Setting[]): void {
  for (const setting of list) {
    const unit = setting.unit === undefined ? '' : `, ${setting.unit}`;
    const description = `${setting.doc} (default ${setting.default === '' ? 'none' : String(setting.default)}${unit}; ${envName(setting.key)})`;
    const name = flagName(setting.key);
    if (setting.default === true)
      command.addOption(new Option(`--no-${name.slice(2)}`, `do not ${description}`).default(undefined));
    else if (setting.default === false) command.addOption(new Option(name, description));
    else command.addOption(new Option(`${name} <${setting.unit ?? 'text'}>`, description));
  }
}

addClientCommands(program, (code) => process.exit(code));

for (const command of [program, ...program.commands]) command.exitOverride();

process.on('unhandledRejection', (reason) => fail(reason));

try {
  await program.parseAsync();
} catch (error) {
  fail(error);
}

/** One line on stderr: for people, or with --json for machines. */
function fail(error: unknown): never {
  // Commander has printed it. Help and version are no failures.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? ExitCode.ok : ExitCode.usage);
  const failure = failureOf(error);
  const [own = ''] = process.argv.slice(2).join('\0').split('\0--\0');
  if (failure.message !== '') process.stderr.write(`${failureText(failure, own.split('\0').includes('--json'))}\n`);
  process.exit(failure.exitCode);
}
