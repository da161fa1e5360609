// Finds the programs that tests need beside npm's packages, and installs them where that is possible (root on Debian).
// A test that needs one never skips: either it is here, or the set-up ends with the command that installs it.

import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * @typedef {object} Needed
 * @property {string} what for people
 * @property {string} variable an environment variable that may hold its path
 * @property {string[]} names tried on the PATH, in this order
 * @property {string[]} places tried after the PATH
 * @property {string} debianPackage
 */

/** @type {Needed} */
export const chromium = {
  what: 'Chromium (the browser tests drive it)',
  variable: 'CHROMIUM_PATH',
  names: ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'],
  places: ['/usr/bin/chromium', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'],
  debianPackage: 'chromium',
};

/** @type {Needed} */
export const natsServer = {
  what: 'nats-server (tests of several rendezvous nodes start it)',
  variable: 'NATS_SERVER_PATH',
  names: ['nats-server'],
  places: ['/usr/sbin/nats-server'],
  debianPackage: 'nats-server',
};

/** @type {Needed} */
export const bubblewrap = {
  what: 'bubblewrap (tests of the sandbox run confined programs)',
  variable: 'BWRAP_PATH',
  names: ['bwrap'],
  places: ['/usr/bin/bwrap'],
  debianPackage: 'bubblewrap',
};

/** @type {Needed} */
export const userModeLinux = {
  what: 'User-Mode Linux (a test of cgroups runs in a kernel of its own)',
  variable: 'LINUX_UML_PATH',
  names: ['linux.uml'],
  places: ['/usr/bin/linux.uml'],
  debianPackage: 'user-mode-linux',
};

/** @param {string} path */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * @param {Needed} needed
 * @returns {string | undefined} its absolute path
 * @throws Error when the environment variable is set and names no program
 */
export function findProgram(needed) {
  const given = process.env[needed.variable];
  if (given) {
    if (!isProgram(given)) throw new Error(`${needed.variable}=${given} is no program that can be run`);
    return given;
  }
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  const candidates = needed.names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...candidates, ...needed.places].find(isProgram);
}

/**
 * Finds the program or installs its Debian package.
 * @param {Needed} needed
 * @returns {string} its absolute path
 * @throws Error that names the one command to run, when it can't be installed from here
 */
export function ensureProgram(needed) {
  const found = findProgram(needed);
  if (found) return found;
  const command = `apt-get install -y ${needed.debianPackage}`;
  const isRootOnDebian = process.getuid?.() === 0 && existsSync('/etc/debian_version');
  if (isRootOnDebian) {
    console.error(`installing ${needed.debianPackage}: ${needed.what}`);
    aptGet('update', '-qq');
    aptGet('install', '-y', '-qq', needed.debianPackage);
    const installed = findProgram(needed);
    if (installed) return installed;
  }
  throw new Error(
    `${needed.what} was not found. Install it with\n  sudo ${command}\nor set ${needed.variable} to its path.`,
  );
}

/** @param {string[]} args */
function aptGet(...args) {
  const { status, stderr, stdout } = spawnSync('apt-get', args, {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`apt-get ${args.join(' ')} failed:\n${stdout}${stderr}`);
}

/** The first line that the program prints for `--version`. @param {string} path */
export function versionOf(path) {
  return execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n')[0];
}
