// A scenario that is played against a target, on connections of its own, and how far it is.

import { errorText } from '../../../../shared/errors.ts';
import type { Difference } from '../../../../shared/scenario/compare-connection.ts';
import { runScenario, scenarioLink } from '../../../../shared/scenario/run.ts';
import type { Scenario } from '../../../../shared/scenario/scenario.ts';
import type { WireLog } from '../../state/wire-log.svelte.ts';
import { dial } from '../dial.ts';
import type { Target } from '../target.ts';

export type RunOutcome =
  | { readonly kind: 'running'; readonly step: number; readonly steps: number }
  | { readonly kind: 'done'; readonly connection: string; readonly differences: readonly Difference[] }
  | { readonly kind: 'failed'; readonly problem: string };

let count = 0;

export class ScenarioRun {
  outcome = $state.raw<RunOutcome | undefined>();
  #cancel: AbortController | undefined;

  constructor(private readonly wire: WireLog) {}

  /** @param make May throw: then that is the outcome. */
  async start(make: () => Scenario, target: Target): Promise<void> {
    this.cancel();
    const cancel = new AbortController();
    this.#cancel = cancel;
    count++;
    const connection = `replay-${count}`;
    const tell = (outcome: RunOutcome) => {
      if (this.#cancel === cancel) this.outcome = outcome;
    };
    try {
      const scenario = make();
      const { wire } = this;
      const watch = { connection, recorder: wire.record, nowMs: wire.nowMs };
      const open = async () => scenarioLink((await dial(target, watch, cancel.signal)).connection);
      let step = 0;
      const onStep = () => tell({ kind: 'running', step: ++step, steps: scenario.steps.length });
      const differences = await runScenario(scenario, { open }, { signal: cancel.signal, onStep });
      tell({ kind: 'done', connection, differences });
    } catch (error) {
      tell({ kind: 'failed', problem: errorText(error) });
    }
  }

  cancel(): void {
    this.#cancel?.abort();
  }
}
