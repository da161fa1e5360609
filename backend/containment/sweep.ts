// Finds and kills what the end of a process group does not reach: job-control shells put their jobs into groups of their own,
// daemons leave even the session of their terminal. Linux only (reads /proc); does nothing elsewhere.
//
// One scan runs at a time and serves all calls that came before it: it costs about 20 µs per process of the machine.

import { readdir, readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { isWatched } from '../process/exit-watch.ts';

interface Seen {
  readonly pid: number;
  readonly parent: number;
  /** Pid of whoever has begun its session (setsid). */
  readonly leader: number;
  /** 0: none. */
  readonly mark: bigint;
}

interface Wanted {
  readonly leaders: Set<number>;
  readonly marks: Set<bigint>;
}

/** A family that forks while it is killed is looked at again, so many times at most. */
const maxRounds = 50;

let wanted = nothing();
/** The sweep that has not begun yet, and the last one. */
let nextSweep: Promise<void> | undefined;
let lastSweep: Promise<void> = Promise.resolve();

/** Kills what is left of the session that `leader` has begun. */
export function killSession(leader: number): Promise<void> {
  wanted.leaders.add(leader);
  return sweep();
}

/**
 * Kills whoever carries `mark` (containment/mark.ts), and their children. What this program has started for itself may have
 * been born with the mark too: it is let be.
 */
export function killMarked(mark: bigint): Promise<void> {
  wanted.marks.add(mark);
  return sweep();
}

function nothing(): Wanted {
  return { leaders: new Set(), marks: new Set() };
}

function sweep(): Promise<void> {
  nextSweep ??= lastSweep = lastSweep
    .then(() => setImmediate())
    .then(() => {
      const now = wanted;
      wanted = nothing();
      nextSweep = undefined;
      return killAll(now);
    });
  return nextSweep;
}

async function killAll(now: Wanted): Promise<void> {
  const killed = new Set<number>();
  for (let round = 0; round < maxRounds; round++) {
    const fresh = select(await look(), now).filter((pid) => !killed.has(pid));
    for (const pid of fresh) {
      killed.add(pid);
      kill(pid);
    }
    // What is killed can start nothing more; only another look tells what it had started meanwhile.
    if (now.marks.size === 0 || fresh.length === 0) return;
  }
}

function select(seen: ReadonlyMap<number, Seen>, { leaders, marks }: Wanted): number[] {
  const verdicts = new Map<number, boolean>();
  const isMarked = (one: Seen): boolean => {
    const known = verdicts.get(one.pid);
    if (known !== undefined) return known;
    // Pids are reused while we look, so parents may seem to go round in a circle.
    verdicts.set(one.pid, false);
    const parent = seen.get(one.parent);
    const verdict = (marks.has(one.mark) && !isForOurselves(one, seen)) || (parent !== undefined && isMarked(parent));
    verdicts.set(one.pid, verdict);
    return verdict;
  };
  return [...seen.values()]
    .filter((one) => leaders.has(one.leader) || (marks.size > 0 && isMarked(one)))
    .map(({ pid }) => pid);
}

/** We ourselves, and who descends from a child of ours that is no process of a session. */
function isForOurselves(one: Seen, seen: ReadonlyMap<number, Seen>): boolean {
  let next: Seen | undefined = one;
  for (let steps = 0; next && steps < seen.size; steps++) {
    if (next.pid === process.pid) return true;
    if (next.parent === process.pid) return !isWatched(next.pid);
    next = seen.get(next.parent);
  }
  return false;
}

/** Everybody but zombies: of those nothing is left to kill. */
async function look(): Promise<Map<number, Seen>> {
  const seen = new Map<number, Seen>();
  const names = await readdir('/proc').catch(() => []);
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'latin1').catch(() => '');
    // "pid (any text) state ppid pgrp session …", the soft limit of RLIMIT_RSS as field 25: proc(5).
    const [state, parent, , leader, ...more] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === undefined || state === '' || state === 'Z' || state === 'X') continue;
    const mark = more[18] ?? '';
    const pid = Number(name);
    seen.set(pid, {
      pid,
      parent: Number(parent),
      leader: Number(leader),
      mark: mark.length === 19 ? BigInt(mark) : 0n,
    });
  }
  return seen;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already, or another user's.
  }
}
