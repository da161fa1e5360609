// Damaged input from a seed for real programs (promise: fuzzing changes nothing); `npm run fuzz` sends a million. And that
// the fuzzer itself notices what fails, makes it small, and asks for nothing that does harm.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { isHarmless } from '../fuzz/messages.ts';
import { minimise } from '../fuzz/minimise.ts';
import { failureCount, formatTable } from '../fuzz/report.ts';
import { replay, runSuite } from '../fuzz/run.ts';
import type { FuzzSuite } from '../fuzz/suite.ts';
import { suites } from '../fuzz/suites.ts';
import { Random } from '../simulation/random.ts';

const seed = Number(process.env['EXEC_TEST_SEED'] ?? Date.now() % 2 ** 31);
const TOTAL = 20_000;
const folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe(`fuzzed input (seed ${String(seed)}: EXEC_TEST_SEED, or npm run fuzz -- --inputs ${String(TOTAL)} --seed)`, () => {
  it.each(suites)('of $name crashes nothing and leaves nothing', async (suite) => {
    const lines: string[] = [];
    const log = (line: string): void => void lines.push(line);
    const result = await runSuite(suite, { seed, inputs: TOTAL * suite.share, failures: 'fuzz-failures', log });
    expect(failureCount([result]), `${lines.join('\n')}\n${formatTable([result])}`).toBe(0);
  });
});

describe('the fuzzer', () => {
  /** Fails on an input with an `x` when one with a `y` came before it. */
  const faulty: FuzzSuite = {
    name: 'faulty',
    share: 1,
    batch: 40,
    generate: (random, count) =>
      Array.from({ length: count }, () => Buffer.from(random.uint32().toString(36) + (random.chance(0.2) ? 'xy' : ''))),
    start() {
      let hasY = false;
      return Promise.resolve({
        programs: [],
        async send(inputs) {
          for (const input of inputs.map((bytes) => Buffer.from(bytes).toString())) {
            if (hasY && input.includes('x')) throw new Error('it failed');
            hasY ||= input.includes('y');
          }
          return Promise.resolve();
        },
        stop: () => Promise.resolve(),
      });
    },
  };

  it('saves what fails, as few inputs and bytes as fail, and repeats it', async () => {
    const inputs = ['abc', 'pyp', 'def', 'qxq', 'ghi'].map((text) => Buffer.from(text));
    const fails = async (candidate: readonly Uint8Array[]): Promise<boolean> => {
      const target = await faulty.start();
      return target.send(candidate).then(
        () => false,
        () => true,
      );
    };
    expect((await minimise(inputs, fails)).map((input) => Buffer.from(input).toString())).toEqual(['y', 'x']);
    const result = await runSuite(faulty, { seed, inputs: 400, failures: folder, log: () => undefined });
    expect(result.crashes).toBe(3);
    const saved = readdirSync(folder);
    expect(saved.length).toBeGreaterThan(0);
    expect(await replay(join(folder, saved[0] ?? ''), [faulty])).toBe('it failed');
  });

  it('gives the same inputs for the same seed, and all of them are harmless', () => {
    for (const suite of suites) {
      const [once, again] = [1, 2].map(() => Buffer.concat(suite.generate(new Random(seed), 100)).toString('hex'));
      expect(once, suite.name).toBe(again);
    }
    expect(isHarmless('{"method":"fs/remove","params":{"path":"/"}}')).toBe(false);
    expect(isHarmless('{"method":"fs/remove","params":["/dev/null/fuzz/../../etc"]}')).toBe(false);
    expect(isHarmless('{"method":"process/start","params":["p",["rm","-r"]]}')).toBe(false);
    expect(isHarmless('{"method":"http/request","params":{"url":"http:example.test"}}')).toBe(false);
  });
});
