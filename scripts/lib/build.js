// What dist/ is made of, and whether it is up to date. Loads no bundler, so that `npm start` is quick when nothing
// changed: scripts/build.js does the work.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout, absolute, without a slash at the end. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[/\\]$/, '');
export const distDir = join(root, 'dist');
/** The program that `npm start`, the package's `bin` and the integration tests run. */
export const programFile = join(distDir, 'exec-workbench.js');
export const stampFile = join(distDir, '.stamp.json');

/** @typedef {{ name: string, inputs: string[], output: string }} Target */

/** Files that every target depends on: what is installed, and how it is built. */
const common = [
  'package.json',
  'package-lock.json',
  'tsconfig.base.json',
  'scripts/build.js',
  'scripts/lib/build.js',
  'scripts/lib/licenses.js',
];

/** @type {Target[]} */
export const targets = [
  { name: 'backend', inputs: [...common, 'backend', 'proto', 'shared'], output: programFile },
  {
    name: 'client',
    inputs: [...common, 'scripts/lib/client.js', 'backend', 'shared'],
    output: join(distDir, 'client/node/api.js'),
  },
  {
    name: 'client types',
    inputs: [...common, 'scripts/lib/client.js', 'scripts/client-types.tsconfig.json', 'backend', 'shared'],
    output: join(distDir, 'client/types/backend/client/api.d.ts'),
  },
  { name: 'web', inputs: [...common, 'web', 'shared'], output: join(distDir, 'web', 'index.html') },
].filter(({ name }) => name !== 'web' || existsSync(join(root, 'web/index.html')));

/**
 * A digest of name, size and time of every input of a target: it changes when a file is edited, added or removed,
 * and costs a `stat` per file.
 * @param {Target} target
 */
export function fingerprint(target) {
  const hash = createHash('sha256').update(process.version);
  /** @param {string} path relative to the checkout */
  const add = (path) => {
    const stat = statSync(join(root, path), { throwIfNoEntry: false });
    if (stat?.isDirectory()) {
      for (const name of readdirSync(join(root, path)).sort()) {
        if (name !== 'node_modules' && !name.endsWith('.test.ts')) add(`${path}/${name}`);
      }
    } else {
      hash.update(`\n${path} ${stat ? `${stat.size} ${stat.mtimeMs}` : 'absent'}`);
    }
  };
  target.inputs.forEach(add);
  return hash.digest('hex');
}

/** @returns {Record<string, string>} target name → fingerprint of what its output was built from */
export function readStamp() {
  try {
    return JSON.parse(readFileSync(stampFile, 'utf8'));
  } catch {
    return {};
  }
}

/** The targets whose output is absent or older than its inputs. */
export function staleTargets() {
  const stamp = readStamp();
  return targets.filter((target) => !existsSync(target.output) || stamp[target.name] !== fingerprint(target));
}
