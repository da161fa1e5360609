// Builds dist/: the program for Node (esbuild), the page that it serves (Vite) and the client library. `--if-stale` builds only
// what changed, `--only NAME…` of that only these.
// Outputs are made beside their place and moved into it, so that a server that runs meanwhile never sees half a build.

import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { distDir, fingerprint, programFile, readStamp, root, staleTargets, stampFile, targets } from './lib/build.js';
import { buildClient, buildClientTypes } from './lib/client.js';
import { licensesOf } from './lib/licenses.js';

// Whoever builds, a test run too: Svelte and others make a development build of anything else.
process.env['NODE_ENV'] = 'production';

const shebang = '#!/usr/bin/env node\n';

/** CommonJS packages in the bundle ask for Node's modules by `require`, which an ES module has not. */
const requireBanner = `import { createRequire as createRequireForBundle } from 'node:module';
const require = createRequireForBundle(import.meta.url);`;

/** Libraries with native code, which npm installs beside us, cannot be bundled. zod is no such one: it is in our types. */
async function nativePackages() {
  const { dependencies, optionalDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  return Object.keys({ ...dependencies, ...optionalDependencies }).filter((name) => name !== 'zod');
}

/** The program's parts that are loaded when they are needed; their names hold a digest of what is in them. */
const partName = /^part-\w+\.js$/;
/** Parts of older builds stay this long, ms: a server that was started from them may not have loaded all of them. */
const oldPartsMs = 24 * 3600 * 1000;

/**
 * An ES module with its libraries inside and a part for each command, so that it starts in half the time and with 20 MB less.
 * @param {boolean} isWhole nothing of older builds may stay
 */
async function buildBackend(isWhole) {
  const { build } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    metafile: true,
    entryPoints: { 'exec-workbench': join(root, 'backend/main.ts') },
    outdir: distDir,
    chunkNames: 'part-[hash]',
    splitting: true,
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    external: await nativePackages(),
    banner: { js: requireBanner },
    legalComments: 'none', // their licences go beside it, whole
    logLevel: 'warning',
  });
  // The program comes last: it never names a part that is not there.
  for (const { path, text } of outputFiles.sort((one) => (one.path === programFile ? 1 : -1))) {
    const unfinished = `${path}.${process.pid}`;
    await writeFile(unfinished, path === programFile ? shebang + text.replace(/^#!.*\n/, '') : text);
    if (path === programFile) await chmod(unfinished, 0o755);
    await rename(unfinished, path);
  }
  const current = new Set(outputFiles.map(({ path }) => path));
  for (const name of await readdir(distDir)) {
    const path = join(distDir, name);
    if (!partName.test(name) || current.has(path)) continue;
    if (isWhole || (await stat(path)).mtimeMs < Date.now() - oldPartsMs) await rm(path);
  }
  await cp(join(root, 'proto/codex'), join(distDir, 'proto/codex'), { recursive: true }); // it is served
  await writeFile(join(distDir, 'licenses.md'), licensesOf(root, Object.keys(metafile.inputs), 'exec-workbench.js'));
}

async function buildWeb() {
  const { build } = await import('vite');
  const outDir = join(distDir, `.web-${process.pid}`);
  try {
    await build({
      root: join(root, 'web'),
      configFile: join(root, 'web/vite.config.ts'),
      logLevel: 'warn',
      build: { outDir, emptyOutDir: true },
    });
    const place = join(distDir, 'web');
    const old = `${outDir}-old`;
    await rename(place, old).catch(() => undefined);
    await rename(outDir, place);
    await rm(old, { recursive: true, force: true });
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
}

/** @type {Record<string, (isWhole: boolean) => Promise<void>>} */
const builders = {
  backend: buildBackend,
  web: buildWeb,
  client: async () => buildClient([...(await nativePackages()), 'zod'], requireBanner),
  'client types': buildClientTypes,
};

await mkdir(distDir, { recursive: true });
const [mode, ...only] = process.argv.slice(2);
const wanted = mode === undefined ? targets : staleTargets();
for (const target of wanted.filter(({ name }) => mode !== '--only' || only.includes(name))) {
  const startedAtMs = performance.now();
  // Taken before the build: what is edited meanwhile makes the output stale.
  const print = fingerprint(target);
  try {
    await builders[target.name]?.(mode === undefined);
  } catch (error) {
    // The bundlers' messages show the place; their stacks show only themselves.
    console.error(error instanceof Error ? error.message : error);
    console.error(`${target.name} was not built`);
    process.exitCode = 1;
    continue;
  }
  await writeFile(stampFile, JSON.stringify({ ...readStamp(), [target.name]: print }));
  // On stderr: a program that is started through npm may use stdout for its protocol.
  console.error(`built ${target.name} in ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
}
