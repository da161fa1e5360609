// A scenario that is played against a target, on connections of its own, and how far it is.

import { errorText } from '../../../../shared/errors.ts';
import type { Difference } from '../../../../shared/scenario/compare-connection.ts';
import { runScenario, scenarioLink, type RunOptions } from '../../../../shared/scenario/run.ts';
import { firstConnection, type Scenario } from '../../../../shared/scenario/scenario.ts';
import type { WireLog } from '../../state/wire-log.svelte.ts';
import { dial } from '../dial.ts';
import type { Target } from '../target.ts';

export type RunOutcome =
  | { readonly kind: 'running'; readonly step: number; readonly steps: number }
  | {
      readonly kind: 'done';
      /** The first one, in the recording. */
      readonly connection: string;
      /** All of them, as the inspector's filter takes them. */
      readonly connections: string;
      readonly differences: readonly Difference[];
    }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly problem: string };

let count = 0;

export class ScenarioRun {
  outcome = $state.raw<RunOutcome | undefined>();
  #cancel: AbortController | undefined;

  constructor(private readonly wire: WireLog) {}

  /** @param make May throw: then that is the outcome. @param options of `runScenario` */
  async start(
    make: () => Scenario,
    target: Target,
    options: Pick<RunOptions, 'goesOn' | 'deadlineMs' | 'variables'> = {},
  ): Promise<void> {
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
      const open = async (name: string) => {
        const own = name === firstConnection ? connection : `${connection}.${name}`;
        const watch = { connection: own, recorder: wire.record, nowMs: wire.nowMs };
        return scenarioLink((await dial(target, watch, cancel.signal)).connection);
      };
      let step = 0;
      const onStep = () => tell({ kind: 'running', step: ++step, steps: scenario.steps.length });
      const differences = await runScenario(scenario, { open }, { ...options, signal: cancel.signal, onStep });
      const hasMany = scenario.steps.some(({ dir }) => dir === 'open');
      const connections = hasMany ? `${connection}|${connection}.*` : connection;
      tell({ kind: 'done', connection, connections, differences });
    } catch (error) {
      tell(cancel.signal.aborted ? { kind: 'cancelled' } : { kind: 'failed', problem: errorText(error) });
    }
  }

  cancel(): void {
    this.#cancel?.abort();
  }
}
