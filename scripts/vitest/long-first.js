// The order of test files within a group: the longest first, so that none of them is left running alone at the end. Vitest
// knows durations from its own last run only, and a fresh clone has none.

import { BaseSequencer } from 'vitest/node';

/** Files that take 10 s and more, the longest first. */
const longest = [
  'tests/simulation/simulation.test.ts',
  'tests/golden/relay.test.ts',
  'tests/integration/conformance/conformance.test.ts',
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
