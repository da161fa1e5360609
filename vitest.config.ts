// The test projects: `unit` beside the code, the others under tests/. They run in three groups, one after the other: the
// units; all that starts programs; and by themselves the files that hold a figure, which others would spoil.

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { configDefaults, defineConfig, type TestProjectConfiguration } from 'vitest/config';
import LongFirst from './scripts/vitest/long-first.js';

/** Tests that hold a figure in milliseconds, and would miss it while others use the cores. */
const alone = [
  'tests/browser/{flood,first-load}.test.ts',
  'tests/integration/{backpressure,conformance/conformance,containment,files,relay/independence}.test.ts',
];

/** The groups in their order, and how many files of each run at a time on the two cores there are. */
const groups = {
  units: { groupOrder: 0, maxWorkers: 2 },
  // One more than cores: most of the time they wait for a program or for a time to pass.
  programs: { groupOrder: 1, maxWorkers: 3 },
  figures: { groupOrder: 2, maxWorkers: 1 },
};

function inGroup({ groupOrder, maxWorkers }: (typeof groups)[keyof typeof groups]) {
  return { sequence: { groupOrder }, maxWorkers, fileParallelism: maxWorkers > 1 };
}

/** A project of tests that run the built program or take long. */
function apart(
  name: string,
  group: keyof typeof groups,
  testTimeout: number,
  include: string[],
  exclude: string[] = [],
): TestProjectConfiguration {
  return {
    test: {
      name,
      include,
      exclude: [...configDefaults.exclude, ...exclude],
      globalSetup: 'scripts/vitest/build-once.js',
      testTimeout,
      hookTimeout: testTimeout,
      ...inGroup(groups[group]),
    },
  };
}

/** The files of tests/<name>/ but for those of `alone`. */
function together(name: string, testTimeout: number): TestProjectConfiguration {
  return apart(name, 'programs', testTimeout, [`tests/${name}/**/*.test.ts`], alone);
}

export default defineConfig({
  test: {
    reporters: ['default', './scripts/vitest/count-reporter.js'],
    sequence: { sequencer: LongFirst },
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
          // For tests that say how much memory something takes.
          execArgv: ['--expose-gc'],
          // They share no state, and loading everything anew for each file would take a third of their time.
          isolate: false,
          ...inGroup(groups.units),
        },
      },
      {
        // Apart from the rest: Svelte's runes need its compiler and its browser build.
        root: 'web',
        cacheDir: '../node_modules/.vite',
        plugins: [svelte()],
        resolve: { conditions: ['browser'] },
        test: { name: 'unit-web', include: ['src/**/*.test.ts'], ...inGroup(groups.units) },
      },
      together('golden', 60_000),
      together('integration', 120_000),
      together('simulation', 120_000),
      together('browser', 120_000),
      apart('figures', 'figures', 120_000, alone),
    ],
  },
});
