// Prints the closing line `N passed, N failed` after Vitest's own summary, for whoever reads a run by machine. A file that
// could not be loaded and an error outside of any test count as failed. A run without a single test fails.

import { writeFileSync } from 'node:fs';

/** Where the line goes instead of stdout, for a caller that has something to print after the tests. */
const lineFile = process.env['TEST_COUNT_FILE'];

export default class CountReporter {
  #passed = 0;
  #failed = 0;

  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly unknown[]} errors
   */
  onTestRunEnd(modules, errors) {
    this.#passed = 0;
    this.#failed = errors.length;
    for (const module of modules) {
      const suites = [module, ...module.children.allSuites()];
      this.#failed += suites.filter((suite) => suite.errors().length > 0).length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') this.#passed += 1;
        else if (state !== 'skipped') this.#failed += 1;
      }
    }
    if (this.#passed + this.#failed === 0 || this.#failed > 0) process.exitCode = 1;
    const line = `${this.#passed} passed, ${this.#failed} failed`;
    if (lineFile) writeFileSync(lineFile, `${line}\n`);
    // Vitest ends the process itself; what is printed at its exit comes after every other reporter.
    else process.once('exit', () => console.log(line));
  }
}
