// The test projects: `unit` beside the code, the others under tests/, one project after the other. Files that hold a figure
// (milliseconds beside a flood, bytes of memory) run one at a time; the others two at a time, on the two cores there are.

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { configDefaults, defineConfig, type TestProjectConfiguration } from 'vitest/config';

/** Tests that hold a figure, and would miss it while others use the cores. */
const alone = [
  'tests/browser/{flood,first-load}.test.ts',
  'tests/integration/{backpressure,cleanup,containment,files,fuzz,output,pipelines}.test.ts',
  'tests/integration/relay/{abuse,bad-link,independence,nodes}.test.ts',
];

interface Apart {
  readonly order: number;
  readonly testTimeout: number;
  readonly include: readonly string[];
  readonly exclude?: readonly string[];
  readonly workers: number;
}

/** A project of tests that run the built program or take long. */
function apart(name: string, { order, testTimeout, include, exclude = [], workers }: Apart): TestProjectConfiguration {
  return {
    test: {
      name,
      include: [...include],
      exclude: [...configDefaults.exclude, ...exclude],
      globalSetup: 'scripts/vitest/build-once.js',
      fileParallelism: workers > 1,
      maxWorkers: workers,
      testTimeout,
      hookTimeout: testTimeout,
      sequence: { groupOrder: order },
    },
  };
}

/** The files of tests/<name>/, two at a time but for those of `alone`. */
function together(name: string, order: number, testTimeout: number): TestProjectConfiguration {
  return apart(name, { order, testTimeout, include: [`tests/${name}/**/*.test.ts`], exclude: alone, workers: 2 });
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
      together('golden', 2, 60_000),
      together('integration', 3, 60_000),
      together('simulation', 4, 120_000),
      together('browser', 5, 120_000),
      apart('figures', { order: 6, testTimeout: 120_000, include: alone, workers: 1 }),
    ],
  },
});
