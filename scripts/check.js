// `npm run check`: what must hold before a commit, as many steps at a time as there are cores. Prints what a step says when it
// has ended, and at last which have failed; one that fails does not stop the others.

import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { root } from './lib/build.js';

/** Scripts of package.json, those that take longest first. */
const steps = [
  'lint',
  'typecheck:web',
  'typecheck:tests',
  'typecheck:backend',
  'typecheck:shared',
  'format:check',
  'unused',
  'check:generated',
];

/**
 * @param {string} step
 * @returns {Promise<boolean>} whether it passed
 */
function run(step) {
  const startedAtMs = performance.now();
  // A terminal gets its colours, though the step writes to a pipe.
  const env = { ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}), ...process.env };
  const child = spawn('npm', ['run', '-s', step], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (said += String(bytes)));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
      console.log(`${said}${step} ${code === 0 ? 'passed' : `failed with ${signal ?? code}`} in ${seconds} s`);
      resolve(code === 0);
    });
  });
}

/** @type {string[]} */
const failed = [];
const waiting = [...steps];
async function lane() {
  for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
    if (!(await run(step))) failed.push(step);
  }
}
await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, lane));
if (failed.length > 0) {
  console.error(`failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
