// Global set-up of the test projects that run the built program: builds what is stale before their tests. A page that does
// not build fails the browser tests only.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root, staleTargets } from '../lib/build.js';

/** @param {import('vitest/node').TestProject} project */
export default function setup({ name }) {
  const stale = () => staleTargets().filter((target) => target.name === 'backend' || name === 'browser');
  if (stale().length === 0) return;
  spawnSync(process.execPath, [join(root, 'scripts/build.js'), '--if-stale'], { stdio: 'inherit' });
  if (stale().length > 0) throw new Error(`npm run build failed; the ${name} tests cannot run`);
}
