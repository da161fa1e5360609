// Ten thousand seeded runs of two endpoints and a rendezvous (docs/relay.md, "How it is tested").

import { execFileSync } from 'node:child_process';
import { afterAll, describe, expect, it } from 'vitest';
import { scenarioOf } from './scenario.ts';
import { replayCommand, simulate, type RunReport } from './simulate.ts';

const seeds = 10_000;
const perTest = 500;
/** Of processor time, since other programs may run beside; alone it is the time that passes. */
const wholeBudgetMs = 60_000;

describe('every message arrives once, in order and whole, within bounds and in bounded time', () => {
  const startedAtMs = performance.now();
  const processorMs = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  const processorAtStartMs = processorMs();
  let longestMs = 0;
  const totals = { runs: 0, messages: 0, bytes: 0, retransmits: 0, duplicates: 0, resumes: 0, steps: 0 };

  const count = (report: RunReport) => {
    totals.runs++;
    longestMs = Math.max(longestMs, report.virtualMs);
    for (const key of ['messages', 'bytes', 'retransmits', 'duplicates', 'resumes', 'steps'] as const) {
      totals[key] += report[key];
    }
  };

  for (let first = 1; first <= seeds; first += perTest) {
    it(`seeds ${first} to ${first + perTest - 1} hold`, () => {
      for (let seed = first; seed < first + perTest; seed++) count(simulate(seed));
    });
  }

  it('the seeds mix what they are meant to mix', () => {
    const scenarios = Array.from({ length: seeds }, (_, index) => scenarioOf(index + 1));
    const share = (is: (scenario: (typeof scenarios)[number]) => boolean) => scenarios.filter(is).length;
    expect(share(({ cast }) => cast === 'old_executor')).toBeGreaterThan(1_000);
    expect(share(({ cast }) => cast === 'old_harness')).toBeGreaterThan(1_000);
    expect(share(({ faults }) => faults.loss === 0.16)).toBeGreaterThan(1_000);
    expect(share(({ faults }) => faults.duplication === 0.16)).toBeGreaterThan(1_000);
    expect(share(({ faults }) => faults.reordering === 1)).toBeGreaterThan(1_000);
    expect(share(({ firstSeq }) => firstSeq > 2 ** 31)).toBeGreaterThan(1_000);
    expect(share(({ cuts }) => cuts.length > 1)).toBeGreaterThan(1_000);
    const longest = ({ streams }: (typeof scenarios)[number]) =>
      Math.max(
        ...streams.flatMap(({ toExecutor, toHarness }) => [...toExecutor, ...toHarness]).map((one) => one.length),
      );
    expect(share((scenario) => longest(scenario) > 4 * 1024 * 1024)).toBeGreaterThan(30);
  });

  afterAll(() => {
    const ms = performance.now() - startedAtMs;
    console.log(
      `${totals.runs} runs in ${(ms / 1000).toFixed(1)} s, ${Math.round(totals.runs / (ms / 1000))} runs/s; ` +
        `${totals.messages} messages of ${(totals.bytes / 1e6).toFixed(0)} MB, ${totals.retransmits} segments resent, ` +
        `${totals.duplicates} duplicates suppressed, ${totals.resumes} resumes; longest ${(longestMs / 1000).toFixed(0)} s virtual`,
    );
    if (totals.runs === seeds) expect(processorMs() - processorAtStartMs).toBeLessThan(wholeBudgetMs);
  });
});

describe('a run can be repeated', () => {
  it('is the same run for the same seed', () => {
    expect(simulate(42)).toEqual(simulate(42));
  });

  it('by the command that a failure prints', () => {
    const [program = '', ...args] = replayCommand(93).split(' ');
    const output = execFileSync(program, [...args, '--quiet'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(output).toContain(`seed 93 holds: ${JSON.stringify(simulate(93))}`);
  });
});
