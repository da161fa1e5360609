// A run of the conformance suite against one connection: it goes on while other views are shown, and its report survives a
// reload. Loaded with its view.

import { allCases } from '../../../shared/conformance/all-cases.ts';
import type { ConformanceCase } from '../../../shared/conformance/case.ts';
import { countResults, familyOf } from '../../../shared/conformance/report.ts';
import { runCases, type CaseResult, type Report } from '../../../shared/conformance/run.ts';
import { explainConnect, type Explanation } from '../lib/explain-error.ts';
import { readReport, storeReport } from '../lib/conformance/stored-report.ts';
import { suiteTarget } from '../lib/conformance/suite-target.ts';
import { lookAtServer } from '../lib/server-address.ts';
import type { Target } from '../lib/target.ts';
import { announcer } from './announcer.svelte.ts';

/** `cancelled` and `failed` leave the results that there are. */
export type RunStatus = 'idle' | 'running' | 'done' | 'cancelled' | 'failed';

export interface Section {
  readonly name: string;
  readonly cases: readonly ConformanceCase[];
}

/** In the order of the suite. */
export const sections: readonly Section[] = (() => {
  const byName: Record<string, ConformanceCase[]> = {};
  for (const known of allCases) (byName[familyOf(known.id)] ??= []).push(known);
  return Object.entries(byName).map(([name, cases]) => ({ name, cases }));
})();

class ConformanceState {
  status = $state<RunStatus>('idle');
  /** Of the run that goes on, or of the last one. */
  results = $state.raw<readonly CaseResult[]>([]);
  /** Of the last run that came to its end or was cancelled. */
  report = $state.raw<Report | undefined>();
  problem = $state.raw<Explanation | undefined>();
  totalCount = $state(0);
  /** Of those that this run is about. */
  finishedCount = $state(0);
  /** Titles of the cases that run now. */
  running = $state.raw<readonly string[]>([]);
  #abort: AbortController | undefined;

  constructor() {
    const report = readReport();
    if (!report) return;
    this.report = report;
    this.results = report.results;
    this.status = 'done';
  }

  /** @param options.again They were run before: what is known of the other cases of the same target stays. */
  async run(
    cases: readonly ConformanceCase[],
    target: Target,
    options: { readonly slow: boolean; readonly again?: boolean },
  ): Promise<void> {
    if (this.status === 'running') return;
    const abort = new AbortController();
    this.#abort = abort;
    const suite = suiteTarget(target);
    const former = options.again === true && this.report?.target === suite.name ? this.report : undefined;
    const kept = former?.results.filter(({ id }) => !cases.some((known) => known.id === id)) ?? [];
    this.status = 'running';
    this.results = kept;
    this.finishedCount = 0;
    this.running = [];
    this.report = undefined;
    this.problem = undefined;
    this.totalCount = cases.length;
    try {
      const fresh = await runCases(cases, suite, {
        slow: options.slow,
        signal: abort.signal,
        onProgress: ({ running, result }) => {
          if (running) this.running = [...this.running, running.id];
          if (!result) return;
          this.running = this.running.filter((id) => id !== result.id);
          this.results = [...this.results, result];
          this.finishedCount++;
        },
      });
      const report = former ? { ...fresh, results: inOrder([...kept, ...fresh.results]) } : fresh;
      this.report = report;
      this.results = report.results;
      this.status = abort.signal.aborted ? 'cancelled' : 'done';
      storeReport(report);
      const { pass, fail, skip } = countResults(report.results);
      announcer.say(`${pass} cases passed, ${fail} failed, ${skip} skipped`);
    } catch (error) {
      this.status = abort.signal.aborted ? 'cancelled' : 'failed';
      // Nothing new is known.
      if (former) [this.report, this.results] = [former, former.results];
      if (!abort.signal.aborted) this.problem = explainConnect(error, await lookAtServer(target));
    } finally {
      this.running = [];
    }
  }

  cancel(): void {
    this.#abort?.abort();
  }
}

/** As the suite has them. */
function inOrder(results: readonly CaseResult[]): readonly CaseResult[] {
  const byId = new Map(results.map((result) => [result.id, result]));
  return allCases.flatMap(({ id }) => byId.get(id) ?? []);
}

export const conformance = new ConformanceState();
