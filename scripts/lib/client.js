// Builds the client library, dist/client/: an ES module for Node and one for browsers, with their libraries inside (zod apart,
// which is part of the types), and their declarations.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { distDir, root } from './build.js';
import { licensesOf } from './licenses.js';

export const clientDir = join(distDir, 'client');
const entries = { node: 'backend/client/api.ts', browser: 'shared/client/api.ts' };

/** @param {string[]} external packages of Node that stay outside @param {string} requireBanner */
export async function buildClient(external, requireBanner) {
  const { build } = await import('esbuild');
  /** @type {string[]} */
  const inputs = [];
  /** @param {'node' | 'browser'} platform */
  const bundle = async (platform) => {
    await replaceFolder(join(clientDir, platform), async (outdir) => {
      const { metafile } = await build({
        absWorkingDir: root,
        metafile: true,
        entryPoints: [join(root, entries[platform])],
        outdir,
        entryNames: 'api',
        chunkNames: '[name]-[hash]',
        bundle: true,
        // What is loaded when it is needed stays apart: the relay, and in Node the server in this process.
        splitting: true,
        platform,
        target: platform === 'node' ? 'node20.19' : 'es2022',
        format: 'esm',
        external: platform === 'node' ? external : ['zod'],
        ...(platform === 'node' && { banner: { js: requireBanner } }),
        legalComments: 'none',
        logLevel: 'warning',
      });
      inputs.push(...Object.keys(metafile.inputs));
    });
  };
  await bundle('node');
  await bundle('browser');
  await writeFile(join(clientDir, 'licenses.md'), licensesOf(root, inputs, 'the client library'));
}

/** The declarations that the two entries reach; the compiler makes those of everything that is ever imported. */
export async function buildClientTypes() {
  await replaceFolder(join(clientDir, 'types'), async (outdir) => {
    const all = join(outdir, '.all');
    const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
    const project = join(root, 'scripts/client-types.tsconfig.json');
    try {
      await promisify(execFile)(process.execPath, [tsc, '-p', project, '--outDir', all]);
    } catch (error) {
      throw new Error(`tsc: ${/** @type {{ stdout?: string }} */ (error).stdout ?? String(error)}`, { cause: error });
    }
    const waiting = Object.values(entries).map((entry) => join(all, entry.replace(/\.ts$/, '.d.ts')));
    for (const file of waiting) {
      const text = await readFile(file, 'utf8');
      const place = join(outdir, relative(all, file));
      await mkdir(dirname(place), { recursive: true });
      await writeFile(
        place,
        text.replace(/(from |import\()(['"])(\.{1,2}\/[^'"]+)\.ts\2/g, (_, before, quote, path) => {
          const imported = join(dirname(file), `${path}.d.ts`);
          if (!waiting.includes(imported)) waiting.push(imported);
          return `${before}${quote}${path}.js${quote}`;
        }),
      );
    }
    await rm(all, { recursive: true });
  });
}

/**
 * Fills a folder beside its place and moves it there, so that nobody sees half of it.
 * @param {string} place @param {(folder: string) => Promise<void>} fill
 */
async function replaceFolder(place, fill) {
  await mkdir(clientDir, { recursive: true });
  const folder = await mkdtemp(join(distDir, '.client-'));
  try {
    await fill(folder);
    const old = `${folder}-old`;
    await rename(place, old).catch(() => undefined);
    await rename(folder, place);
    await rm(old, { recursive: true, force: true });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
