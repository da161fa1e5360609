// The version of this program.

import { createRequire } from 'node:module';

/** By its own name: backend/, dist/ and dist/client/ lie at different depths. */
const packageJson: unknown = createRequire(import.meta.url)('exec-workbench/package.json');

export const version =
  typeof packageJson === 'object' && packageJson !== null && 'version' in packageJson
    ? String(packageJson.version)
    : '0.0.0';
