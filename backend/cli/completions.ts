// `exec-workbench completions bash|zsh|fish`: a completion script, made from the definition of the commands. Pure.

import type { Command, Option } from 'commander';
import { UsageError } from '../config.ts';

const shells = { bash, zsh, fish } as const;
export const shellNames = Object.keys(shells);

/** Words for operands that have a closed set: the methods of `call`. By command. */
export type OperandWords = Readonly<Record<string, readonly string[]>>;

interface Described {
  readonly name: string;
  readonly description: string;
  readonly options: readonly Option[];
  readonly words: readonly string[];
}

/** @throws UsageError for another shell. */
export function completionScript(shell: string, program: Command, words: OperandWords): string {
  const make = Object.entries(shells).find(([name]) => name === shell)?.[1];
  if (!make) throw new UsageError(`completions: expected ${shellNames.join(', ')}, got ${shell}`);
  const commands = program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    options: command.options,
    words: words[command.name()] ?? [],
  }));
  return make(program.name(), commands);
}

function bash(name: string, commands: readonly Described[]): string {
  const fn = `_${name.replaceAll('-', '_')}`;
  const cases = commands.map(
    (command) => `    ${command.name}) words=${quote([...command.words, ...flagsOf(command)].join(' '))} ;;`,
  );
  const values = [...new Map(commands.flatMap(choicesOf))].map(
    ([flag, choices]) => `    ${flag}) COMPREPLY=($(compgen -W ${quote(choices.join(' '))} -- "$cur")); return ;;`,
  );
  return `# ${name} for bash: eval "$(${name} completions bash)"
${fn}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} words
  case $prev in
${values.join('\n')}
  esac
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
    *) words=${quote(commands.map((command) => command.name).join(' '))} ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F ${fn} ${name}
`;
}

function zsh(name: string, commands: readonly Described[]): string {
  const fn = `_${name.replaceAll('-', '_')}`;
  const names = commands.map((command) => `    ${quote(`${command.name}:${command.description}`)}`);
  const cases = commands.map((command) => {
    const specs = command.options.flatMap((option) =>
      namesOf(option).map((flag) => {
        const value = option.argChoices ? `:value:(${option.argChoices.join(' ')})` : ':value:_default';
        // Brackets end the text of an option.
        const text = option.description.replaceAll(/[[\]]/g, '');
        return quote(`*${flag}[${text}]${takesValue(option) ? value : ''}`);
      }),
    );
    const operands = quote(command.words.length > 0 ? `*:operand:(${command.words.join(' ')})` : '*:operand:_default');
    return `    ${command.name}) _arguments ${[...specs, operands].join(' \\\n      ')} ;;`;
  });
  return `#compdef ${name}
# ${name} for zsh: eval "$(${name} completions zsh)"
${fn}() {
  local -a commands=(
${names.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
compdef ${fn} ${name}
`;
}

function fish(name: string, commands: readonly Described[]): string {
  const line = (condition: string, ...rest: string[]) =>
    ['complete', '-c', name, '-n', quote(condition), ...rest].join(' ');
  const lines = commands.flatMap((command) => {
    const inside = `__fish_seen_subcommand_from ${command.name}`;
    return [
      line('__fish_use_subcommand', '-f', '-a', command.name, '-d', quote(command.description)),
      ...command.options.map((option) =>
        line(
          inside,
          ...(option.long === undefined ? [] : ['-l', option.long.slice(2)]),
          ...(option.short === undefined ? [] : ['-s', option.short.slice(1)]),
          ...(takesValue(option) ? ['-r'] : []),
          ...(option.argChoices ? ['-a', quote(option.argChoices.join(' '))] : []),
          '-d',
          quote(option.description),
        ),
      ),
      ...(command.words.length > 0 ? [line(inside, '-a', quote(command.words.join(' ')))] : []),
    ];
  });
  return `# ${name} for fish: ${name} completions fish | source\n${lines.join('\n')}\n`;
}

function flagsOf({ options }: Described): string[] {
  return [...options.flatMap(namesOf), '--help'];
}

function namesOf({ short, long }: Option): string[] {
  return [short, long].filter((flag) => flag !== undefined);
}

function choicesOf({ options }: Described): [string, readonly string[]][] {
  return options.flatMap((option) =>
    option.argChoices
      ? namesOf(option).map((flag): [string, readonly string[]] => [flag, option.argChoices ?? []])
      : [],
  );
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

/** For a shell, in single quotes. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
