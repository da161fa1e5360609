// Prints the closing line `N passed, N failed` after Vitest's own summary, for whoever reads a run by machine. A file that
// could not be loaded, errors outside of any test and a failed set-up count as failed. A run without a single test fails.

import { writeFileSync } from 'node:fs';

/** Where the line goes instead of stdout, for a caller that has something to print after the tests. */
const lineFile = process.env['TEST_COUNT_FILE'];

export default class CountReporter {
  #passed = 0;
  #failed = 0;

  onInit() {
    // Vitest ends the process itself; what is printed at its exit comes after every other reporter.
    process.once('exit', (code) => {
      const isFailed = code !== 0 || this.#failed > 0 || this.#passed === 0;
      if (isFailed) process.exitCode = code || 1;
      const failed = isFailed ? Math.max(this.#failed, 1) : 0;
      const line = `${this.#passed} passed, ${failed} failed\n`;
      if (lineFile) writeFileSync(lineFile, line);
      else process.stdout.write(line);
    });
  }

  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly unknown[]} errors
   */
  onTestRunEnd(modules, errors) {
    this.#passed = 0;
    // One failed callback can throw a thousand times: errors outside of tests count as one failure.
    this.#failed = errors.length > 0 ? 1 : 0;
    for (const module of modules) {
      const suites = [module, ...module.children.allSuites()];
      this.#failed += suites.filter((suite) => suite.errors().length > 0).length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') this.#passed += 1;
        else if (state !== 'skipped') this.#failed += 1;
      }
    }
  }
}
