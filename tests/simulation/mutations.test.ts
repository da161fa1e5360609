// Proves that the simulation bites: each deliberate defect of the state machine is found within the stated number of seeds.

import { describe, expect, it } from 'vitest';
import { mutations, simulateMutant } from './mutations.ts';

describe('the simulation finds a state machine that', () => {
  for (const mutation of mutations) {
    it(`${mutation.name} (within ${mutation.withinSeeds} seeds)`, async () => {
      const simulate = await simulateMutant(mutation);
      let found: string | undefined;
      let seed = 0;
      while (found === undefined && seed < mutation.withinSeeds) {
        seed++;
        try {
          simulate(seed);
        } catch (error) {
          found = error instanceof Error ? error.message : String(error);
        }
      }
      expect(found, 'no seed found it').toBeDefined();
      console.log(`${mutation.name}: ${(found ?? '').split('\n')[0]?.slice(0, 160)}`);
    });
  }

  it('is itself unharmed when nothing is changed', async () => {
    const simulate = await simulateMutant({
      name: 'no change',
      file: 'mux.ts',
      find: 'const turnBytes = 64 * 1024;',
      replace: 'const turnBytes = 64 * 1024;',
      withinSeeds: 0,
    });
    for (let seed = 1; seed <= 20; seed++) simulate(seed);
  });

  it('refuses a mutation whose text is gone', async () => {
    const mutation = { name: 'gone', file: 'mux.ts', find: 'not in the file', replace: '', withinSeeds: 1 };
    await expect(simulateMutant(mutation)).rejects.toThrow('occurs 0 times');
  });
});
