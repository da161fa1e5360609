// The order of test files within a group: the longest first, so that none of them is left running alone at the end. Vitest
// knows durations from its own last run only, and a fresh clone has none.

import { BaseSequencer } from 'vitest/node';

/** Files of the middle group that take 10 s and more on an idle machine, beside those of browsers, which come next. */
const longest = [
  'tests/simulation/simulation.test.ts',
  'tests/golden/relay.test.ts',
  'tests/integration/cleanup.test.ts',
  'tests/integration/fuzz.test.ts',
  'tests/simulation/mutations.test.ts',
  'tests/integration/relay/bad-link.test.ts',
  'tests/integration/pack.test.ts',
];

/** @param {{ moduleId: string }} file */
function rankOf({ moduleId }) {
  const rank = longest.findIndex((path) => moduleId.endsWith(`/${path}`));
  return rank < 0 ? longest.length : rank;
}

export default class LongFirst extends BaseSequencer {
  /**
   * @override
   * @param {import('vitest/node').TestSpecification[]} files
   */
  async sort(files) {
    const sorted = await super.sort(files);
    return sorted.sort(
      (a, b) => a.project.config.sequence.groupOrder - b.project.config.sequence.groupOrder || rankOf(a) - rankOf(b),
    );
  }
}
