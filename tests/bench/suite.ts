// What a benchmark is made of: a suite has cases, a case measures one server for one round and returns its metrics.
// A new suite is one file in suites/ and one line in main.ts.

import type { BenchClient, ClientOptions } from './bench-client.ts';
import type { ServerProcess } from './server-process.ts';

/** Which direction is an improvement; `none` marks a figure that explains others and is not compared. */
export type Better = 'lower' | 'higher' | 'none';

export interface Metric {
  /** Name inside its case, unique there; `CASE.KEY` is its name in the JSON report. */
  readonly key: string;
  readonly title: string;
  /** Printed beside the value, for example `µs` or `MB/s` (1 MB = 10^6 bytes). */
  readonly unit: string;
  readonly better: Better;
  /** Digits after the decimal point in the table. */
  readonly digits: number;
}

/** What a case may use during one round on one server. Connections opened here are closed by the runner. */
export interface CaseContext {
  readonly server: ServerProcess;
  /** Smaller amounts of work, for a first look; the figures scatter more. */
  readonly isQuick: boolean;
  /** A folder that is removed after the run, for files that the server reads and writes. */
  readonly folder: string;
  connect(options?: ClientOptions): Promise<BenchClient>;
}

export interface BenchCase {
  /** Selected by `--only NAME`. */
  readonly name: string;
  readonly metrics: readonly Metric[];
  /**
   * `warm`: one server serves all rounds, after one round that is not counted.
   * `fresh`: each round gets a server that has served nobody (memory and start-up).
   */
  readonly state: 'warm' | 'fresh';
  /** Longest time of one round in milliseconds; after it the round counts as failed and the server is replaced. */
  readonly deadlineMs: number;
  /** One value per metric key. Throws when the server answers wrongly, so that no wrong work is counted as fast. */
  run(context: CaseContext): Promise<Record<string, number>>;
}

export interface Suite {
  readonly name: string;
  /** Label and command of our own server; the command prints its ws URL as the first line of stdout. */
  readonly own: { readonly label: string; readonly command: string };
  readonly cases: readonly BenchCase[];
}
