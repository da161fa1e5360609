// Builds dist/: the program for Node (esbuild), the page that it serves (Vite) and the client library. `--if-stale` builds only
// what changed, `--only NAME…` of that only these.
// Outputs are made beside their place and moved into it, so that a server that runs meanwhile never sees half a build.

import { chmod, cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
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

/**
 * One ES module with its libraries inside, so that it starts in half the time and 10 MB less.
 */
async function buildBackend() {
  const { build } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    metafile: true,
    entryPoints: [join(root, 'backend/main.ts')],
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
  const text = outputFiles[0]?.text ?? '';
  const part = `${programFile}.${process.pid}`;
  await writeFile(part, text.startsWith('#!') ? text : shebang + text);
  await chmod(part, 0o755);
  await rename(part, programFile);
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

/** @type {Record<string, () => Promise<void>>} */
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
    await builders[target.name]?.();
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
