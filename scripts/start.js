// `npm start`: builds what is stale, then becomes `exec-workbench serve` with the given arguments. The server runs in
// this very process, so signals and the exit code need no forwarding.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { programFile, root, staleTargets } from './lib/build.js';

// The types of the library take longest, and nothing that runs needs them.
const stale = staleTargets().flatMap(({ name }) => (name === 'client types' ? [] : [name]));
if (stale.length > 0) {
  console.error(`building ${stale.join(', ')}; this takes up to a minute the first time`);
  // A process of its own: the bundlers' memory goes away with it.
  const { status } = spawnSync(process.execPath, [join(root, 'scripts/build.js'), '--only', ...stale], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}
process.argv = [process.execPath, programFile, 'serve', ...process.argv.slice(2)];
await import(pathToFileURL(programFile).href);
