// What every pair is asked for over a relay. How it is asked is its harness's matter (own-harness.ts, cli-harness.ts).
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { until } from '../../helpers/until.ts';

export const CHECKS = {
  command: 'commands end with their exit code, and with what they wrote',
  tty: 'a terminal is written to, and answers',
  output: '2,000,000 bytes of output arrive exactly',
  file: 'a file is written and read',
  'harness-cut': "the harness's WebSocket is cut in the middle of output",
  'executor-cut': "the executor's WebSocket is cut in the middle of output",
} as const;
export type CheckId = keyof typeof CHECKS;
export const CHECK_IDS = Object.keys(CHECKS) as CheckId[];

/** Who loses its connection to the rendezvous. */
export type CutEnd = 'harness' | 'executor';

/** What a check is given. */
export interface Place {
  /** An empty folder, which the harness's side and the executor's share. */
  readonly cwd: string;
  /** Breaks one connection to the rendezvous, as a bad network does. */
  readonly cut: (end: CutEnd) => Promise<void>;
  /** Resolves when the executor is connected to the rendezvous. */
  readonly online: () => Promise<void>;
}

export interface Seen {
  /** `n/a`: the peer cannot do this, and `evidence` says what it did instead. */
  readonly verdict: 'pass' | 'n/a';
  readonly evidence: string;
}

export interface InteropHarness {
  /** @throws Error when the check does not hold. */
  run(check: CheckId, place: Place): Promise<Seen>;
  /** Ends what it has started. */
  close(): Promise<void>;
}

export const OUTPUT_BYTES = 2_000_000;

const TICKS = 40;
/** In `cwd`: what the ticking command has got to. It says so beside its output, which may be on a broken way. */
const TICK_FILE = 'ticks';
/** Forty numbered lines in four seconds, then exit code 9. */
export const TICKING = `for i in $(seq ${String(TICKS)}); do echo "tick-$i."; echo "$i" >> ${TICK_FILE}; sleep 0.1; done; exit 9`;

/** Resolves when the ticking command is in the middle of it. */
export async function untilTicking(cwd: string): Promise<void> {
  const lines = async (): Promise<number> => {
    const text = await readFile(path.join(cwd, TICK_FILE), 'utf8').catch(() => '');
    return text.split('\n').length - 1;
  };
  await until('ten lines', async () => (await lines()) >= 10, { withinMs: 20_000 });
}

/** Each line once and in order, and the exit code. @throws AssertionError */
export function assertAllTicks(output: string, exitCode: number | undefined): void {
  const ticks = [...output.matchAll(/tick-(\d+)\./g)].map((match) => Number(match[1]));
  assert.deepEqual(
    ticks,
    Array.from({ length: TICKS }, (_, index) => index + 1),
    'lines lost, doubled or out of order',
  );
  assert.equal(exitCode, 9, 'the exit code');
}

export const allTicks = `${String(TICKS)} of ${String(TICKS)} lines once each and in order, exit code 9`;
