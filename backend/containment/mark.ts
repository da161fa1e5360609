// The mark of a session: a number that every process of it carries, whoever its parent is and whatever session or group it
// has made for itself. It is the soft limit of RLIMIT_RSS, which Linux has ignored since 2.4.30, hands on through fork and
// exec, and shows in /proc/PID/stat. So a daemon that has left by setsid and a double fork is still known for what it is,
// without rights, at the cost of one system call per start, and nothing of it stands in the environment.
//
// A cgroup per session would say the same, but a write to cgroup.procs was measured to stop its thread for 5 to 13 ms, and
// every fork of the machine with it (the kernel waits for a grace period); nor can posix_spawn of glibc 2.36 start a child in one.

import { randomInt } from 'node:crypto';
import koffi from 'koffi';

/** <asm-generic/resource.h>; the same on all architectures that Node runs on. */
const RLIMIT_RSS = 5;
const RLIM_INFINITY = 2n ** 64n - 1n;
/** A mark is 19 decimal digits, below 2^63: 13 random ones for this process, and six for the session. */
const sessionDigits = 6;
const sessionsPerProcess = 10 ** sessionDigits;

type Prlimit = (pid: number, resource: number, wanted: Buffer | null, former: Buffer | null) => number;

let prlimit: Prlimit | undefined;
/** Undefined: not asked yet. False: no marks can be had here. */
let base: bigint | false | undefined;
let lastSession = 0;
/** What this process itself carries at the moment; undefined before `markBirths`. */
let carried: bigint | undefined;

/** What all marks of this process begin with, as /proc shows it; undefined where processes cannot be marked. */
export function markPrefix(): string | undefined {
  const own = ownMark();
  return own === undefined ? undefined : String(own / BigInt(sessionsPerProcess));
}

/** The mark of this process before its first session; undefined where processes cannot be marked. */
function ownMark(): bigint | undefined {
  base ??= canMark() && BigInt(randomInt(10 ** 12, 8 * 10 ** 12)) * BigInt(sessionsPerProcess);
  return base === false ? undefined : base;
}

/** A mark that no other living session of this machine has. */
export function newSessionMark(): bigint | undefined {
  const own = ownMark();
  lastSession = (lastSession % (sessionsPerProcess - 1)) + 1;
  return own === undefined ? undefined : own + BigInt(lastSession);
}

/** This process is a server and nothing else: from here on it carries what its next child shall be born with. */
export function markBirths(): void {
  const own = ownMark();
  if (own === undefined || carried !== undefined) return;
  carried = own;
  markProcess(process.pid, own);
}

/**
 * To be called before a child is started, and nobody else's child may be being started meanwhile: the child is born with
 * `mark`, so there is no moment in which it could start something without it.
 */
export function markNextChild(mark: bigint | undefined): void {
  if (mark === undefined || carried === undefined || carried === mark) return;
  carried = mark;
  markProcess(process.pid, mark);
}

/** Where `markBirths` was not called, in somebody else's program: what the child has started already goes without. */
export function markBornChild(pid: number, mark: bigint | undefined): void {
  if (mark !== undefined && carried === undefined) markProcess(pid, mark);
}

function markProcess(pid: number, mark: bigint): void {
  limits()?.(pid, RLIMIT_RSS, limitBytes(mark, RLIM_INFINITY), null);
}

/** The hard limit has to be open, and stays so: then the soft one can be anything. */
function canMark(): boolean {
  if (process.platform !== 'linux') return false;
  const former = Buffer.alloc(16);
  if (limits()?.(0, RLIMIT_RSS, null, former) !== 0 || former.readBigUInt64LE(8) !== RLIM_INFINITY) return false;
  // Some sandboxes let a process look but not set.
  return limits()?.(0, RLIMIT_RSS, former, null) === 0;
}

function limits(): Prlimit | undefined {
  if (process.platform !== 'linux') return undefined;
  prlimit ??= koffi
    .load(null)
    .func('int prlimit(int pid, int resource, const void *wanted, _Out_ void *former)') as Prlimit;
  return prlimit;
}

function limitBytes(soft: bigint, hard: bigint): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(soft, 0);
  bytes.writeBigUInt64LE(hard, 8);
  return bytes;
}
