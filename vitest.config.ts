// The test projects: `unit` beside the code, the others under tests/. What runs real processes and measures time runs one
// file at a time, one project after the other.

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';

/** A project in tests/<name>/ that runs the built program or takes long. */
function apart(name: string, order: number, testTimeout: number): TestProjectConfiguration {
  return {
    test: {
      name,
      include: [`tests/${name}/**/*.test.ts`],
      globalSetup: 'scripts/vitest/build-once.js',
      fileParallelism: false,
      testTimeout,
      hookTimeout: testTimeout,
      sequence: { groupOrder: order },
    },
  };
}

export default defineConfig({
  test: {
    reporters: ['default', './scripts/vitest/count-reporter.js'],
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'shared/**/*.test.ts',
            'backend/**/*.test.ts',
            'scripts/**/*.test.ts',
            'tests/bench/**/*.test.ts',
            'tests/interop/**/*.test.ts',
          ],
          // Both cores: by default one is left free, which doubles the time on two.
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Apart from the rest: Svelte's runes need its compiler and its browser build.
        root: 'web',
        cacheDir: '../node_modules/.vite',
        plugins: [svelte()],
        resolve: { conditions: ['browser'] },
        test: { name: 'unit-web', include: ['src/**/*.test.ts'], sequence: { groupOrder: 1 } },
      },
      apart('golden', 2, 60_000),
      apart('integration', 3, 60_000),
      apart('simulation', 4, 120_000),
      apart('browser', 5, 120_000),
    ],
  },
});
