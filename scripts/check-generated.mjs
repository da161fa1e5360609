// Fails when shared/gen/ is not what `npm run generate` would make of proto/ now, or when proto/ does not pass buf lint.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const buf = join(root, 'node_modules/.bin/buf');
const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}` };

/** @param {string[]} args */
function runBuf(...args) {
  execFileSync(buf, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
}

/** @param {string} folder */
function filesIn(folder) {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

const scratch = mkdtempSync(join(tmpdir(), 'exec-workbench-gen-'));
try {
  runBuf('lint', 'proto');
  runBuf('generate', '--output', scratch);
  const fresh = join(scratch, 'shared/gen');
  const checkedIn = join(root, 'shared/gen');
  const names = new Set([...filesIn(fresh), ...filesIn(checkedIn)]);
  const stale = [...names].filter((name) => {
    const [a, b] = [join(fresh, name), join(checkedIn, name)];
    return !existsSync(a) || !existsSync(b) || !readFileSync(a).equals(readFileSync(b));
  });
  if (names.size === 0) throw new Error('proto/ generates no file');
  if (stale.length > 0) {
    console.error(`stale: ${stale.map((name) => `shared/gen/${name}`).join(', ')}\nRun npm run generate and commit.`);
    process.exitCode = 1;
  } else {
    console.log(`shared/gen is fresh (${names.size} file)`);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
