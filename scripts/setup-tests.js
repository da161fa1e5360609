// Before `npm test`: makes sure that the programs that tests drive are on this machine, or ends with the command that
// installs them. Prints one line per program.

import { bubblewrap, chromium, ensureProgram, natsServer, versionOf } from './lib/needed-programs.js';

for (const needed of [chromium, natsServer, bubblewrap]) {
  try {
    const path = ensureProgram(needed);
    console.error(`found ${path} (${versionOf(path)?.trim()})`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
