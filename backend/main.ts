// Arguments → command. Prints, signals, exit codes: 0 ok, 1 unexpected, 2 usage.

import { Command, CommanderError, Option } from 'commander';
import { execServer, parseListenUrl } from './cli/exec-server.ts';
import { parseRemote, remoteExecServer } from './cli/remote.ts';
import { serve } from './cli/serve.ts';
import {
  accessSettingList,
  envName,
  execConfig,
  execSettingList,
  flagName,
  serveConfig,
  serveSettingList,
  UsageError,
  type Setting,
} from './config.ts';
import { version } from './version.ts';

const program = new Command('exec-workbench')
  .description('Run and drive processes, files and HTTP on another machine over the exec-server protocol.')
  .version(version)
  .showHelpAfterError('(see --help)')
  .configureHelp({ showGlobalOptions: true });

const serveCommand = program
  .command('serve', { isDefault: true })
  .description('everything on one port: workbench, exec server (default)')
  .action((flags: Record<string, unknown>) => serve(serveConfig(flags, process.env)));
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
  .action(({ listen, remote, executorId, name, ...flags }: ExecServerFlags) => {
    const config = execConfig(flags, process.env);
    if (remote === undefined) return execServer(parseListenUrl(listen), config);
    return remoteExecServer(parseRemote({ remote, executorId, name }, process.env), config);
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

for (const command of [program, serveCommand, execServerCommand]) command.exitOverride();

process.on('unhandledRejection', (reason) => fail(reason));

try {
  await program.parseAsync();
} catch (error) {
  fail(error);
}

/** One line on stderr; 2 for a mistake of the caller, 1 for anything else. */
function fail(error: unknown): never {
  if (error instanceof CommanderError) {
    // Commander has printed it. Help and version are no failures.
    process.exit(error.exitCode === 0 ? 0 : 2);
  }
  process.stderr.write(`exec-workbench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof UsageError ? 2 : 1);
}
