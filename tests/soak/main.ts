// `npm run soak -- --minutes N`: everything at once for minutes or days, with faults, on real programs. Prints what they hold
// over time; fails on growth, on a byte lost or doubled, on any error. docs/reliability.md.
import { setTimeout as delay } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { buildFor } from '../../scripts/vitest/build-once.js';
import { OwnProgram } from '../helpers/own-program.ts';
import { until } from '../helpers/until.ts';
import { Ledger } from './ledger.ts';
import { workers, type SoakContext } from './workers.ts';

const MiB = 1024 * 1024;
/** Part of the time after which memory must be flat. */
const WARM_UP = 0.3;
/** How much the later half may be above the earlier one, after the warm-up: the larger of both. */
const MAX_GROWTH = 0.1;
const SMALL_GROWTH_BYTES = 8 * MiB;
const SETTLE_MS = 30_000;
/** Loaded into the programs before their own code: SIGUSR2 collects garbage. */
const COLLECT_ON_SIGNAL = 'data:text/javascript,process.on("SIGUSR2",()=>globalThis.gc())';
/** Time for a collection of garbage, in ms. */
const COLLECTION_MS = 400;
const EXECUTOR_ID = 'soak';
/** What is wrong with the link between executor and rendezvous; its socket is cut now and then as well. */
const BAD_LINK = {
  toExecutor: { drop: 0.01, delayMs: 5, jitterMs: 5 },
  toHarness: { drop: 0.01, duplicate: 0.01, reorder: 0.01, reorderMs: 20, cutEveryFrames: 3_000 },
};

interface Sample {
  /** After a collection of garbage: between two of them memory goes up and down by hundreds of MiB, and says nothing. */
  readonly rss: readonly number[];
  readonly fds: readonly number[];
  readonly zombies: number;
}

function parseMinutes(text: string): number {
  const minutes = Number(text);
  if (!(minutes > 0)) throw new InvalidArgumentError('expected a number above 0.');
  return minutes;
}

await new Command('npm run soak --')
  .description('Mixed load with faults on real programs; fails on growth, lost bytes and errors.')
  .option('--minutes <N>', 'how long', parseMinutes, 5)
  .option('--seed <N>', 'of the malformed input and the bad link', Number, Date.now() % 2 ** 31)
  .action(soak)
  .parseAsync();

async function soak({ minutes, seed }: { minutes: number; seed: number }): Promise<void> {
  buildFor('soak');
  OwnProgram.nodeArgs = ['--expose-gc', '--import', COLLECT_ON_SIGNAL];
  console.log(`seed ${String(seed)}, ${String(minutes)} minutes`);
  const flags = [
    '--detached-session-ttl-ms',
    '3000',
    '--closed-process-retention-ms',
    '3000',
    '--relay-grace-ms',
    '5000',
  ];
  const server = await OwnProgram.listen('serve', [...flags, '--http-deny', 'all', '--http-allow', '127.0.0.0/8']);
  const executor = await OwnProgram.executor(server, EXECUTOR_ID, flags.slice(0, 4));
  const programs = [server, executor];
  const ledger = new Ledger();

  // One round of each, so that what is loaded once is loaded.
  await runAll({ server, executorId: EXECUTOR_ID, ledger, seed, isStopping: once(workers.length) });
  // It tries out the sandbox, whose filter is a file that stays open.
  await fetch(`${server.httpUrl}/healthz`);
  await settle(programs, undefined);
  const before = await sample(programs);
  await impair(server, { seed: String(seed), ...BAD_LINK });

  const samples: Sample[] = [];
  const endsAtMs = performance.now() + minutes * 60_000;
  const isStopping = (): boolean => performance.now() >= endsAtMs || programs.some((program) => !program.isRunning);
  const working = runAll({ server, executorId: EXECUTOR_ID, ledger, seed, isStopping });
  console.log(
    '| s | RSS serve, MiB | RSS executor, MiB | fds | handles | processes | zombies | rounds | MiB checked | lost | doubled | errors |',
  );
  console.log('|---|---|---|---|---|---|---|---|---|---|---|---|');
  const everyMs = Math.max(1_000, (minutes * 60_000) / 60);
  for (let n = 0; !isStopping(); n++) {
    await Promise.race([delay(everyMs), working]);
    const now = await sample(programs);
    samples.push(now);
    if (n % 5 === 4) await printRow(n, everyMs, now, server, programs, ledger);
  }
  await working;
  await impair(server, undefined);
  await settle(programs, before);
  const after = await sample(programs);
  await printRow(samples.length, everyMs, after, server, programs, ledger);
  console.log(`rounds: ${[...ledger.done].map(([name, count]) => `${name} ${String(count)}`).join(', ')}`);

  const wrong = [
    ...ledger.errors,
    ...programs.flatMap((_, index) => growth(samples, index)),
    ...after.fds.flatMap((fds, index) =>
      fds > (before.fds[index] ?? 0) ? [`${String(fds)} descriptors after, ${String(before.fds[index])} before`] : [],
    ),
    ...(after.zombies > 0 ? [`${String(after.zombies)} zombies`] : []),
    ...programs.flatMap((program) => program.end ?? program.defect() ?? []),
    ...(ledger.lostBytes + ledger.duplicatedBytes > 0 ? ['bytes were lost or came twice'] : []),
  ];
  for (const program of programs.toReversed()) await program.stop();
  for (const what of wrong) console.log(`FAILED: ${what}`);
  console.log(wrong.length === 0 ? 'passed' : `${String(ledger.errorCount)} errors`);
  process.exit(wrong.length === 0 ? 0 : 1);
}

async function runAll(context: SoakContext): Promise<void> {
  await Promise.all(workers.map(([name, work]) => work(context, name)));
}

/** Lets each of `count` workers do one round. */
function once(count: number): () => boolean {
  let left = count;
  return () => left-- <= 0;
}

async function impair(server: OwnProgram, body: object | undefined): Promise<void> {
  const answer = await fetch(`${server.httpUrl}/api/relay/executors/${EXECUTOR_ID}/impairment`, {
    method: body ? 'PUT' : 'DELETE',
    headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`impairment: ${String(answer.status)} ${await answer.text()}`);
}

async function sample(programs: readonly OwnProgram[]): Promise<Sample> {
  for (const program of programs) program.child.kill('SIGUSR2');
  await delay(COLLECTION_MS);
  const alive = programs.every((program) => program.isRunning);
  return {
    rss: alive ? programs.map((program) => program.rssBytes()) : [],
    fds: alive ? programs.map((program) => program.fds()) : [],
    zombies: programs.reduce((sum, program) => sum + program.children().zombies, 0),
  };
}

/** Waits until sessions and streams of those who left have ended, as far as they do. */
async function settle(programs: readonly OwnProgram[], before: Sample | undefined): Promise<void> {
  let last = -1;
  await until(
    'sessions to end',
    async () => {
      const { fds, zombies } = await sample(programs);
      const sum = fds.reduce((total, count) => total + count, zombies);
      const isSettled = before ? fds.every((count, index) => count <= (before.fds[index] ?? 0)) : sum === last;
      last = sum;
      return isSettled;
    },
    { withinMs: SETTLE_MS, everyMs: 6_000 },
  ).catch(() => undefined);
}

async function printRow(
  n: number,
  everyMs: number,
  { rss, fds, zombies }: Sample,
  server: OwnProgram,
  programs: readonly OwnProgram[],
  ledger: Ledger,
): Promise<void> {
  const processes = programs.reduce((sum, program) => sum + program.children().running, 0);
  const rounds = [...ledger.done.values()].reduce((sum, count) => sum + count, 0);
  const cells = [
    ((n * everyMs) / 1_000).toFixed(0),
    ...rss.map((bytes) => (bytes / MiB).toFixed(0)),
    fds.join(' + '),
    await handles(server),
    processes,
    zombies,
    rounds,
    (ledger.checkedBytes / MiB).toFixed(0),
    ledger.lostBytes,
    ledger.duplicatedBytes,
    ledger.errorCount,
  ];
  console.log(`| ${cells.join(' | ')} |`);
}

/** Handles that Node holds open in the server, from its own metrics. */
async function handles(server: OwnProgram): Promise<string> {
  const headers = { authorization: `Bearer ${server.token}` };
  const text = await fetch(`${server.httpUrl}/metrics`, { headers }).then(
    (answer) => answer.text(),
    () => '',
  );
  return /^nodejs_active_handles_total (\d+)/m.exec(text)?.[1] ?? '?';
}

/** The medians of both halves of what comes after the warm-up. */
function growth(samples: readonly Sample[], index: number): string[] {
  const flat = samples.slice(Math.floor(samples.length * WARM_UP)).flatMap(({ rss }) => rss[index] ?? []);
  const half = Math.floor(flat.length / 2);
  const [early, late] = [median(flat.slice(0, half)), median(flat.slice(half))];
  const text = `RSS of program ${String(index + 1)}: ${(early / MiB).toFixed(0)} MiB, then ${(late / MiB).toFixed(0)} MiB`;
  console.log(text);
  return late - early > Math.max(early * MAX_GROWTH, SMALL_GROWTH_BYTES) ? [`${text}: it grows`] : [];
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
