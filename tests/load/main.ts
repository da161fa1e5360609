// `npm run load -- [options]`: what the server promises under load, measured on real programs, beside the promise.
// docs/reliability.md has the table.
import os from 'node:os';
import { Command } from 'commander';
import { buildFor } from '../../scripts/vitest/build-once.js';
import { isKept, type Figure, type LoadCase } from './case.ts';
import { abruptDisconnects } from './leaving.ts';
import { relayStreams, stalledStreams } from './relay.ts';
import * as scale from './scale.ts';
import * as streams from './streams.ts';

const cases: readonly LoadCase[] = [
  ...Object.values(streams),
  ...Object.values(scale),
  abruptDisconnects,
  relayStreams,
  stalledStreams,
];

await new Command('npm run load --')
  .description(
    'Measures what is promised under load. Missed times fail only with --strict: another load makes them longer.',
  )
  .option('--only <TEXT>', 'cases whose names hold this text')
  .option('--strict', 'missed times fail, too: for a machine that does nothing else', false)
  .action(run)
  .parseAsync();

async function run({ only = '', strict }: { only?: string; strict: boolean }): Promise<void> {
  const chosen = cases.filter(({ name }) => name.includes(only));
  if (chosen.length === 0)
    throw new Error(`no case has "${only}" in its name: ${cases.map(({ name }) => name).join('; ')}`);
  buildFor('load');
  console.log(
    `${String(os.cpus().length)} cores, Node ${process.version}, load ${os.loadavg()[0]?.toFixed(1) ?? '?'} at start\n`,
  );
  console.log('| case | figure | measured | promise | |\n|---|---|---:|---:|---|');
  let failed = 0;
  for (const { name, run: measure } of chosen) {
    try {
      for (const [index, figure] of (await measure()).entries()) {
        const isFailure = !isKept(figure) && (strict || figure.isTime !== true);
        if (isFailure) failed++;
        console.log(row(index === 0 ? name : '', figure, isFailure));
      }
    } catch (error) {
      failed++;
      console.log(`| ${name} | ${error instanceof Error ? error.message : String(error)} | | | FAILED |`);
    }
  }
  console.log(failed === 0 ? '\npassed' : `\n${String(failed)} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

function row(name: string, figure: Figure, isFailure: boolean): string {
  const { what, value, unit, atMost, atLeast } = figure;
  const digits = Number.isInteger(value) ? 0 : 1;
  const measured = `${value.toLocaleString('en-US', { maximumFractionDigits: digits })} ${unit}`.trim();
  const text = (bound: number): string => `${bound.toLocaleString('en-US')} ${unit}`.trim();
  const promise =
    atMost !== undefined && atMost === atLeast
      ? text(atMost)
      : [atMost === undefined ? '' : `≤ ${text(atMost)}`, atLeast === undefined ? '' : `≥ ${text(atLeast)}`]
          .join(' ')
          .trim();
  const verdict = isFailure ? 'FAILED' : isKept(figure) ? '' : 'missed';
  return `| ${name} | ${what} | ${measured} | ${promise} | ${verdict} |`;
}
