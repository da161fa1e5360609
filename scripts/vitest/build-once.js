// Global set-up of the test projects that run the built program: builds what is stale, once, before any of their tests.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root, staleTargets } from '../lib/build.js';

export default function setup() {
  if (staleTargets().length === 0) return;
  const { status } = spawnSync(process.execPath, [join(root, 'scripts/build.js'), '--if-stale'], { stdio: 'inherit' });
  if (status !== 0) throw new Error('npm run build failed; the tests that need the built program cannot run');
}
