// Runs fuzzing suites: batch by batch, each with random numbers of its own, so that one batch can be repeated alone. A
// failure is made small and saved with the seed; the table at the end says what the programs were like before and after.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { until } from '../helpers/until.ts';
import { Random } from '../simulation/random.ts';
import { minimise } from './minimise.ts';
import type { FuzzSuite, FuzzTarget } from './suite.ts';

export interface FuzzResult {
  readonly suite: string;
  readonly inputs: number;
  /** Programs that ended, answered nothing, or broke a rule. */
  readonly crashes: number;
  /** What Node said of mistakes of ours. */
  readonly unhandled: number;
  /** Of the program that grew most, from after the warm-up to the end, in bytes. */
  readonly rssGrowthBytes: number;
  /** Descriptors more than before. */
  readonly fdGrowth: number;
  readonly tookMs: number;
}

export interface FuzzOptions {
  readonly seed: number;
  readonly inputs: number;
  /** Folder for failing inputs. */
  readonly failures: string;
  readonly log: (line: string) => void;
}

/** After so many failures a suite is given up. */
const MAX_FAILURES = 3;
/** Part of the inputs after which memory is measured first: heaps and pools have their size by then. */
const WARM_UP = 0.2;
const SETTLE_MS = 15_000;

const savedSchema = z.object({ suite: z.string(), seed: z.number(), why: z.string(), inputs: z.array(z.base64()) });

/** The random numbers of batch `index`: neighbours share nothing. */
const randomOf = (seed: number, index: number): Random => new Random((seed % 2 ** 31) + index * 2 ** 32);

/** Runs one suite to its end, whatever fails on the way. */
export async function runSuite(suite: FuzzSuite, options: FuzzOptions): Promise<FuzzResult> {
  const startedAtMs = performance.now();
  let target = await suite.start();
  let crashes = 0;
  let unhandled = 0;
  let sent = 0;
  const fdsBefore = target.programs.map((program) => program.fds());
  let rssBefore: number[] | undefined;
  for (let index = 0; sent < options.inputs && crashes + unhandled < MAX_FAILURES; index++) {
    const count = Math.min(suite.batch, options.inputs - sent);
    const inputs = suite.generate(randomOf(options.seed, index), count);
    const why = await failureOf(target, inputs);
    sent += count;
    if (why === undefined) {
      if (sent >= options.inputs * WARM_UP) rssBefore ??= target.programs.map((program) => program.rssBytes());
      continue;
    }
    if (target.programs.some((program) => program.defect() !== undefined)) unhandled++;
    else crashes++;
    options.log(`${suite.name}: batch ${String(index)} failed: ${why}`);
    await stopQuietly(target);
    options.log(`saved: ${await save(suite, inputs, why, options)}`);
    target = await suite.start();
    rssBefore = undefined;
  }
  const growths = target.programs.map((program, index) => program.rssBytes() - (rssBefore?.[index] ?? Infinity));
  const fdGrowth = async (): Promise<number> =>
    Promise.resolve(Math.max(...target.programs.map((program, index) => program.fds() - (fdsBefore[index] ?? 0))));
  await until('the descriptors to be back', async () => (await fdGrowth()) <= 0, { withinMs: SETTLE_MS }).catch(
    () => undefined,
  );
  const result = {
    suite: suite.name,
    inputs: sent,
    crashes,
    unhandled,
    rssGrowthBytes: Math.max(0, ...growths),
    fdGrowth: Math.max(0, await fdGrowth()),
    tookMs: performance.now() - startedAtMs,
  };
  await target.stop();
  return result;
}

/** What went wrong with these inputs, or undefined. */
async function failureOf(target: FuzzTarget, inputs: readonly Uint8Array[]): Promise<string | undefined> {
  let why: string | undefined;
  try {
    await target.send(inputs);
  } catch (error) {
    why = error instanceof Error ? error.message : String(error);
  }
  const ended = target.programs.find((program) => !program.isRunning);
  if (ended) return `the program ${ended.end ?? ''}: ${ended.stderr.slice(-1_000)}`;
  const defect = target.programs.map((program) => program.defect()).find((text) => text !== undefined);
  return defect === undefined ? why : `on stderr: ${defect}`;
}

async function save(
  suite: FuzzSuite,
  inputs: readonly Uint8Array[],
  why: string,
  { seed, failures, log }: FuzzOptions,
): Promise<string> {
  log(`making ${String(inputs.length)} inputs small`);
  const small = await minimise(inputs, async (candidate) => (await tryOnce(suite, candidate)) !== undefined);
  mkdirSync(failures, { recursive: true });
  const file = join(failures, `${suite.name.replaceAll(/\W+/g, '-')}-${String(seed)}-${String(Date.now())}.json`);
  const saved = { suite: suite.name, seed, why, inputs: small.map((input) => Buffer.from(input).toString('base64')) };
  writeFileSync(file, `${JSON.stringify(saved, undefined, 2)}\n`);
  return `${file} (${String(small.length)} inputs); repeat with: npm run fuzz -- --replay ${file}`;
}

/** Sends the inputs to fresh programs. @returns what went wrong, or undefined. */
async function tryOnce(suite: FuzzSuite, inputs: readonly Uint8Array[]): Promise<string | undefined> {
  const target = await suite.start();
  const why = await failureOf(target, inputs);
  await stopQuietly(target);
  return why;
}

/** Sends what a file holds. @throws ZodError, SyntaxError or Error when the file is none of ours. */
export async function replay(file: string, suites: readonly FuzzSuite[]): Promise<string | undefined> {
  const saved = savedSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  const suite = suites.find(({ name }) => name === saved.suite);
  if (!suite) throw new Error(`there is no suite named ${saved.suite}`);
  return tryOnce(
    suite,
    saved.inputs.map((text) => Buffer.from(text, 'base64')),
  );
}

/** A program that has failed may fail to end as well: that is known by then. */
async function stopQuietly(target: FuzzTarget): Promise<void> {
  await target.stop().catch(() => undefined);
}
