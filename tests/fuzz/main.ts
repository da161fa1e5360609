// `npm run fuzz -- [options]`: a million damaged inputs for real programs, or what an option says. docs/reliability.md.
import { Command, InvalidArgumentError } from 'commander';
import { buildFor } from '../../scripts/vitest/build-once.js';
import { failureCount, formatTable } from './report.ts';
import { replay, runSuite, type FuzzResult } from './run.ts';
import { suites } from './suites.ts';

interface Options {
  readonly inputs: number;
  readonly seed: number;
  readonly only?: string;
  readonly failures: string;
  readonly replay?: string;
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('expected a whole number from 0 on.');
  return value;
}

await new Command('npm run fuzz --')
  .description('Sends damaged messages, lines, frames and requests to real programs; ends with a table.')
  .option('--inputs <N>', 'inputs of all suites together', parseNumber, 1_000_000)
  .option('--seed <N>', 'repeats a run; default: from the clock', parseNumber, Date.now() % 2 ** 31)
  .option('--only <SUITE>', `one of: ${suites.map(({ name }) => name).join(', ')}; all inputs go to it`)
  .option('--failures <FOLDER>', 'where failing inputs are saved, made small', 'fuzz-failures')
  .option('--replay <FILE>', 'sends the inputs of a saved failure')
  .action(run)
  .parseAsync();

async function run({ inputs, seed, only, failures, replay: file }: Options): Promise<void> {
  buildFor('fuzz');
  if (file !== undefined) {
    const why = await replay(file, suites);
    console.log(why === undefined ? 'it does not fail any more' : `it fails: ${why}`);
    process.exit(why === undefined ? 0 : 1);
  }
  const chosen = suites.filter(({ name }) => only === undefined || name === only);
  if (chosen.length === 0) throw new Error(`no suite named ${String(only)}`);
  console.log(`seed ${String(seed)}: repeat with npm run fuzz -- --seed ${String(seed)} --inputs ${String(inputs)}`);
  const results: FuzzResult[] = [];
  for (const suite of chosen) {
    const count = Math.ceil(inputs * (only === undefined ? suite.share : 1));
    results.push(await runSuite(suite, { seed, inputs: count, failures, log: (line) => console.log(line) }));
    console.log(formatTable(results.slice(-1)));
  }
  console.log(formatTable(results));
  process.exit(failureCount(results) > 0 ? 1 : 0);
}
