// The licences of the libraries inside the bundled program: most of them ask that their notice goes with every copy. (Vite
// writes the same for the page.)

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const packageFolder = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;

/**
 * @param {string} root the checkout
 * @param {string[]} inputs files that went into the bundle, relative to the checkout
 * @param {string} what the bundle
 * @returns {string} a Markdown text with one section per package, sorted by name
 * @throws Error when a package has neither a licence file nor a declared licence
 */
export function licensesOf(root, inputs, what) {
  const folders = new Set(inputs.flatMap((path) => packageFolder.exec(path)?.[1] ?? []));
  const sections = [...folders].map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(root, folder)).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
    if (!file && !license) throw new Error(`${folder} has no licence: it must not go into the bundle`);
    const text = file ? readFileSync(join(root, folder, file), 'utf8').trim() : '';
    return `## ${name} ${version} (${license ?? 'see below'})\n\n${text}\n`;
  });
  return `# Libraries inside ${what}\n\n${sections.sort().join('\n')}`;
}
