// The version of this program.

import { createRequire } from 'node:module';

/** package.json lies one folder above both backend/ and dist/. */
const packageJson: unknown = createRequire(import.meta.url)('../package.json');

export const version =
  typeof packageJson === 'object' && packageJson !== null && 'version' in packageJson
    ? String(packageJson.version)
    : '0.0.0';
