// `npm run bench -- [SUITE] [options]`: measures our server, and others beside it in the same run.
// docs/performance.md says how to read it.

import { writeFileSync } from 'node:fs';

import { Command, InvalidArgumentError } from 'commander';

import { buildFor } from '../../scripts/vitest/build-once.js';
import { formatTable, jsonReport, runFacts } from './report.ts';
import { runCases } from './runner.ts';
import type { Target } from './server-process.ts';
import type { Suite } from './suite.ts';
import { execServerSuite } from './suites/exec-server.ts';
import { relaySuite } from './suites/relay.ts';

const suites: readonly Suite[] = [execServerSuite, relaySuite];

interface Options {
  readonly peer: readonly Target[];
  readonly only: readonly string[];
  readonly rounds?: number;
  readonly json?: string;
  readonly quick: boolean;
  readonly own: boolean;
}

// The annotation lets TypeScript see that `program.error` does not return.
const program: Command = new Command('npm run bench --')
  .description('Measures this server and, with --peer, others beside it: rounds interleaved, medians and ratios.')
  .argument('[suite]', `one of: ${suites.map(({ name }) => name).join(', ')}`, execServerSuite.name)
  .option(
    '--peer <LABEL=COMMAND>',
    'also measure this server; COMMAND prints its ws:// URL on stdout (repeatable)',
    addPeer,
    [],
  )
  .option('--only <NAME>', 'measure only this case (repeatable)', addName, [])
  .option('--rounds <N>', 'rounds per case and server (default: 5, with --quick 2)', parseRounds)
  .option('--quick', 'less work per round; the figures scatter more', false)
  .option('--json <FILE>', 'also write all samples and the machine to this file')
  .option('--no-own', 'leave our own server out and measure only the peers')
  .action(run);

function addPeer(text: string, previous: readonly Target[]): Target[] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('expected LABEL=COMMAND.');
  return [...previous, { label: text.slice(0, equals), command: text.slice(equals + 1) }];
}

function addName(name: string, previous: readonly string[]): string[] {
  return [...previous, name];
}

function parseRounds(text: string): number {
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1) throw new InvalidArgumentError('expected a number from 1 on.');
  return rounds;
}

async function run(suiteName: string, options: Options): Promise<void> {
  const suite = suites.find(({ name }) => name === suiteName);
  if (!suite) program.error(`no suite named ${suiteName}; there are: ${suites.map(({ name }) => name).join(', ')}`);
  const unknown = options.only.find((name) => !suite.cases.some((benchCase) => benchCase.name === name));
  if (unknown !== undefined) {
    program.error(`no case named ${unknown}; there are: ${suite.cases.map(({ name }) => name).join(', ')}`);
  }
  const cases = suite.cases.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
  const targets = [...(options.own ? [suite.own] : []), ...options.peer];
  if (targets.length === 0) program.error('--no-own needs a --peer');
  const labels = targets.map(({ label }) => label);
  if (new Set(labels).size < labels.length) program.error('each server needs a label of its own');

  if (options.own) buildFor('bench');
  const rounds = options.rounds ?? (options.quick ? 2 : 5);
  const facts = runFacts(rounds, options.quick);
  const results = await runCases(cases, targets, {
    rounds,
    isQuick: options.quick,
    onProgress: (line) => process.stderr.write(`${line}\n`),
  });
  const { cpu, cores, memoryGb, system, node } = facts;
  process.stdout.write(`${cores} × ${cpu}, ${memoryGb} GB, ${system}, Node ${node}; medians of ${rounds} rounds\n\n`);
  process.stdout.write(`${formatTable(cases, labels, results)}\n`);
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify(jsonReport(facts, cases, labels, results), undefined, 2)}\n`);
  }
  if (results.some(({ failures }) => failures.length > 0)) process.exitCode = 1;
}

await program.parseAsync();
