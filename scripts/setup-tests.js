// Before `npm test`: makes sure that the programs that tests drive are on this machine, or ends with the command that
// installs them. Prints one line per program.

import { bubblewrap, chromium, ensureProgram, natsServer, userModeLinux, versionOf } from './lib/needed-programs.js';

for (const needed of [chromium, natsServer, bubblewrap, userModeLinux]) {
  try {
    const path = ensureProgram(needed);
    console.error(`found ${path} (${versionOf(path)?.trim()})`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
