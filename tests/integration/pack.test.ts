// The package as npm would ship it.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const checkPack = fileURLToPath(new URL('../../scripts/check-pack.js', import.meta.url));

it(
  'the packed program runs from an empty folder, and the packed library compiles, runs and bundles there',
  { timeout: 180_000 },
  async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [checkPack]);
    expect(stdout).toMatch(/client library: works from TypeScript in Node, \d+ bytes in a bundle for browsers/);
    expect(stdout).toMatch(/exec-server listened on ws:\/\/127\.0\.0\.1:\d+/);
  },
);
