// Global set-up of the test projects that run the built program: builds what is stale before their tests. A page that does
// not build fails the browser tests only.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root, staleTargets } from '../lib/build.js';

/** @param {import('vitest/node').TestProject} project */
export default function setup({ name }) {
  buildFor(name);
}

/**
 * For programs that run the built server outside of the test runner, too.
 * @param {string} name who needs it; `browser` and `figures` need the page, `browser` and `integration` the client library
 * @throws Error when it cannot be built
 */
export function buildFor(name) {
  const needsPage = name === 'browser' || name === 'figures';
  const needed = [
    'backend',
    ...(needsPage ? ['web'] : []),
    ...(name === 'integration' || name === 'browser' ? ['client'] : []),
  ];
  const stale = () => staleTargets().filter((target) => needed.includes(target.name));
  if (stale().length === 0) return;
  spawnSync(process.execPath, [join(root, 'scripts/build.js'), '--only', ...needed], { stdio: 'inherit' });
  if (stale().length > 0) throw new Error(`npm run build failed; ${name} cannot run`);
}
