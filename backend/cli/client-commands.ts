// The commands that talk to an executor: their flags and help. What they do is loaded when it is asked for.

import { Option, type Command } from 'commander';
import type { CallFlags } from './call.ts';
import type { ConformFlags } from './conform.ts';
import type { CopyFlags } from './cp.ts';
import type { ReplayFlags } from './replay.ts';
import type { RunFlags } from './run.ts';
import type { TapFlags } from './tap.ts';
import type { TargetFlags } from './target.ts';

const targetHelp = `
The executor is named by --url, EXEC_WORKBENCH_URL or CODEX_EXEC_SERVER_URL, or by --executor-id and --registry
(EXEC_WORKBENCH_EXECUTOR_ID, EXEC_WORKBENCH_REGISTRY); the token by EXEC_WORKBENCH_TOKEN or --token-file.
Exit codes: 0 ok, 1 unexpected, 2 usage, 3 unauthorized, 4 unreachable or too late, 5 the executor answered an error.`;

/** @param exit is given the exit code of a command that has ended. */
export function addClientCommands(program: Command, exit: (code: number) => never): void {
  withTarget(program.command('run'))
    .description('run a command on an executor: terminal, input, output, signals and exit code as if it ran here')
    .argument('[command...]', 'the program and its arguments; no shell is involved')
    .option('-t, --tty', 'on a terminal')
    .option('-i, --interactive', 'pass our input on')
    .option('-w, --cwd <path>', 'where it runs (default: where the executor does)')
    .option('-e, --env <name=value>', 'a variable; a name alone passes ours on (repeatable)', collect, [])
    .option('-d, --detach', 'start it, print SESSION/PROCESS and leave it running')
    .option('--detach-keys <keys>', 'keys that leave a terminal, its process running', 'ctrl-p,ctrl-q')
    .option('--attach <session>', 'come back to SESSION[/PROCESS] instead of starting a command')
    .passThroughOptions()
    .addHelpText('after', `${targetHelp}\nOtherwise it is the command's own: 128 + n after signal n.`)
    .action(async (argv: string[], flags: RunFlags) => exit(await (await import('./run.ts')).run(argv, flags)));

  withTarget(program.command('call'))
    .description('send one request and print its result')
    .argument('[method]', 'e.g. process/start')
    .argument('[params...]', 'a JSON object, - for one from stdin, or NAME=VALUE words')
    .option('-f, --follow', 'print notifications as JSON lines until the process or body is closed, or Ctrl-C')
    .option('--resume <session>', 'take over this session')
    .option('--list', 'show the methods that are known')
    .addHelpText('after', targetHelp)
    .action(async (method: string | undefined, params: string[], flags: CallFlags) =>
      exit(await (await import('./call.ts')).call(method, params, flags)),
    );

  withTarget(program.command('cp'))
    .description('copy a file or a folder tree to or from an executor')
    .argument('<source>', 'PATH here, or remote:PATH')
    .argument('<destination>', 'PATH here, or remote:PATH')
    .option('-r, --recursive', 'with everything below')
    .addHelpText('after', targetHelp)
    .action(async (source: string, destination: string, flags: CopyFlags) =>
      exit(await (await import('./cp.ts')).cp(source, destination, flags)),
    );

  common(program.command('executors'))
    .description('list the executors that are online at a registry')
    .option('--registry <url>', 'its base URL, e.g. http://127.0.0.1:8765')
    .addHelpText('after', targetHelp)
    .action(async (flags: TargetFlags) => exit(await (await import('./executors.ts')).executors(flags)));

  common(program.command('tap'))
    .description('record what passes between harnesses and an executor')
    .argument('[url-or-command...]', 'the executor: its URL, or with --stdio a program that is one')
    .option('--listen <url>', 'where harnesses connect; stdio: to be started by one', 'ws://127.0.0.1:0')
    .option('-o, --output <file>', 'where the recording goes (default: stdout)')
    .option('--stdio', 'start a program per harness and speak to its stdin and stdout')
    .option('--allow-origin <origin>', 'let pages of this origin in (repeatable)', collect, [])
    .option('--no-redact', 'keep secrets in the recording')
    .addHelpText('after', '\nThe address for harnesses is printed on stderr. See docs/recordings.md.')
    .action(async (operands: string[], flags: TapFlags) => exit(await (await import('./tap.ts')).tap(operands, flags)));

  withTarget(program.command('replay'))
    .description('play a recording or a scenario against an executor and show what differs')
    .argument('<file>', 'JSON lines of `tap`, of the page, or a scenario')
    .argument('[url-or-command...]', 'the executor, instead of --url; with --stdio a program that is one')
    .option('--stdio', 'start a program and speak to its stdin and stdout')
    .option('--set <name=value>', 'what the placeholder $NAME stands for (repeatable)', collect, [])
    .option(
      '--var <name=value>',
      "a variable of the scenario; a name alone takes the environment's (repeatable)",
      collect,
      [],
    )
    .option('--wait-ms <ms>', 'longest wait for what is expected (default 10000)')
    .addHelpText('after', `${targetHelp} 6: something differs.`)
    .action(async (file: string, operands: string[], flags: ReplayFlags) =>
      exit(await (await import('./replay.ts')).replay(file, operands, flags)),
    );

  program
    .command('conform')
    .description('try the rules of the protocol on an exec server and say which hold')
    .argument('[url-or-command...]', 'ws:// or wss:// URL; with --transport stdio a program that is one')
    .option('--dialect <version>', '0.131, 0.169 or auto', 'auto')
    .option('--filter <glob>', "only cases whose id matches, e.g. 'EXEC-READ-*' (repeatable)", collect, [])
    .option('--level <level>', 'must; should: also these; extension: all', 'extension')
    .option('--slow', 'also the cases that wait for times of the server, up to some minutes')
    .option('--report <format>', 'json, junit or md, to stdout')
    .option('-o, --output <file>', 'where the report goes instead')
    .option(
      '--registry <url>',
      'base URL of a registry: the relay is tried too, or is the only way when no URL is given',
    )
    .option('--executor-id <id>', 'an executor that is online there')
    .option('--token-file <file>', 'file whose first line is the bearer token of server and registry')
    .option('--transport <kind>', 'ws, or stdio: starts the program after -- for each connection', 'ws')
    .option('--parallel <count>', 'cases at a time', '4')
    .option('--timeout-ms <ms>', 'longest wait for a message (default 10000)')
    .option('--list', 'show the cases and run none')
    .option('--json', 'for machines: errors as JSON lines')
    .addHelpText(
      'after',
      '\nExit codes: 0 all hold or were skipped, 6 some rule does not hold, 2 usage, 3 unauthorized, 4 unreachable, 5 refused.\nSee docs/conformance.md.',
    )
    .action(async (operands: string[], flags: ConformFlags) =>
      exit(await (await import('./conform.ts')).conform(operands, flags)),
    );

  program
    .command('completions')
    .description('print a completion script for a shell')
    .argument('<shell>', 'bash, zsh or fish')
    .action(async (shell: string) => {
      const { completionScript, shellNames } = await import('./completions.ts');
      const { methods } = await import('../../shared/protocol/methods.ts');
      const words = { call: [...methods.keys()], completions: shellNames };
      process.stdout.write(completionScript(shell, program, words));
    });
}

function withTarget(command: Command): Command {
  return common(command)
    .addOption(
      new Option('-u, --url <url>', 'ws:// or wss:// URL of an exec server').conflicts(['registry', 'executorId']),
    )
    .option('--registry <url>', 'base URL of a registry, e.g. http://127.0.0.1:8765')
    .option('--executor-id <id>', 'an executor that is online there');
}

function common(command: Command): Command {
  return command
    .option('--token-file <file>', 'file whose first line is the bearer token (default: EXEC_WORKBENCH_TOKEN)')
    .option('--timeout-ms <ms>', 'time to connect and to shake hands (default 10000)')
    .option('--json', 'for machines: results and errors as JSON lines');
}

function collect(value: string, former: readonly string[]): string[] {
  return [...former, value];
}
