// Runs the cases of a suite: one after the other, each in interleaved rounds (server A, B, C, A, B, C …), so that what
// else the machine does meanwhile meets all alike. A round that fails or exceeds its deadline is noted and never hangs.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { BenchClient } from './bench-client.ts';
import { ServerProcess, type Target } from './server-process.ts';
import type { BenchCase } from './suite.ts';

export interface RunOptions {
  readonly rounds: number;
  readonly isQuick: boolean;
  /** Called with one line for people who wait. */
  readonly onProgress: (line: string) => void;
}

/** What one case gave for one target. */
export interface CaseResult {
  readonly caseName: string;
  readonly label: string;
  /** The values of each metric, in the order of the rounds that succeeded. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
  /** Why rounds failed, the first line of each error. */
  readonly failures: readonly string[];
}

/** After this many failed rounds of a case, a target is not tried again in it. */
const MOST_FAILURES = 2;

export async function runCases(
  cases: readonly BenchCase[],
  targets: readonly Target[],
  options: RunOptions,
): Promise<CaseResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'exec-workbench-bench-'));
  try {
    const results: CaseResult[] = [];
    for (const benchCase of cases) {
      const contenders = targets.map((target) => new Contender(target, benchCase, folder, options.isQuick));
      try {
        await runRounds(contenders, benchCase, options);
      } finally {
        await Promise.all(contenders.map((contender) => contender.stop()));
      }
      results.push(...contenders.map((contender) => contender.result()));
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runRounds(contenders: readonly Contender[], benchCase: BenchCase, options: RunOptions): Promise<void> {
  if (benchCase.state === 'warm') {
    for (const contender of contenders) {
      const outcome = await contender.runRound(false);
      options.onProgress(`${benchCase.name} (not counted)  ${contender.label}  ${outcome}`);
    }
  }
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const contender of contenders) {
      const outcome = await contender.runRound(true);
      options.onProgress(`${benchCase.name} ${round}/${options.rounds}  ${contender.label}  ${outcome}`);
    }
  }
}

/** One target in one case: its server, and what it has reached so far. */
class Contender {
  readonly #target: Target;
  readonly #case: BenchCase;
  readonly #folder: string;
  readonly #isQuick: boolean;
  readonly #samples: Record<string, number[]> = {};
  readonly #failures: string[] = [];
  #server: ServerProcess | undefined;

  constructor(target: Target, benchCase: BenchCase, folder: string, isQuick: boolean) {
    this.#target = target;
    this.#case = benchCase;
    this.#folder = folder;
    this.#isQuick = isQuick;
  }

  get label(): string {
    return this.#target.label;
  }

  /** Runs the case once; answers what happened, in a line. */
  async runRound(isCounted: boolean): Promise<string> {
    if (this.#failures.length >= MOST_FAILURES) return 'given up';
    const clients: BenchClient[] = [];
    try {
      this.#server ??= await ServerProcess.start(this.#target);
      const values = await withDeadline(this.#case.deadlineMs, this.#run(this.#server, clients));
      if (isCounted) {
        for (const [key, value] of Object.entries(values)) (this.#samples[key] ??= []).push(value);
      }
      if (this.#case.state === 'fresh') await this.stop();
      return Object.entries(values)
        .map(([key, value]) => `${key} ${value.toPrecision(4)}`)
        .join('  ');
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#failures.push(why.split('\n')[0] ?? '');
      await this.stop(); // Whatever state it is in, the next round gets a new one.
      return `failed: ${why}`;
    } finally {
      for (const client of clients) client.close();
    }
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.stop();
  }

  result(): CaseResult {
    return {
      caseName: this.#case.name,
      label: this.label,
      samples: this.#samples,
      failures: this.#failures,
    };
  }

  #run(server: ServerProcess, clients: BenchClient[]): Promise<Record<string, number>> {
    return this.#case.run({
      server,
      folder: this.#folder,
      isQuick: this.#isQuick,
      connect: async (options) => {
        const client = await BenchClient.open(server.url, options);
        clients.push(client);
        return client;
      },
    });
  }
}

/** @throws Error when the time is over first; the loser's later rejection is of no interest. */
async function withDeadline<T>(deadlineMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  work.catch(() => undefined);
  try {
    return await Promise.race([
      work,
      new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`not done within ${deadlineMs / 1000} s`)), deadlineMs);
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}
