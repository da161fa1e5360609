// Runs one seed of the simulation again and prints each frame and message: npx tsx tests/simulation/replay.ts SEED [--quiet]

import { simulate } from './simulate.ts';

const [seedText = '', flag] = process.argv.slice(2);
const seed = Number(seedText);
if (seedText === '' || !Number.isSafeInteger(seed) || seed < 0 || (flag !== undefined && flag !== '--quiet')) {
  console.error('usage: npx tsx tests/simulation/replay.ts SEED [--quiet]');
  process.exit(2);
}
try {
  const report = simulate(seed, flag ? {} : { trace: (line) => console.log(line) });
  console.log(`seed ${seed} holds: ${JSON.stringify(report)}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
