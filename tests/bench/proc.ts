// Reads what Linux tells about processes under /proc: CPU time, resident memory, parents, who listens on a port.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Clock ticks per second of the times in /proc/PID/stat; 100 on every Linux that Node runs on (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** Fields of /proc/PID/stat from the third one on; the second may contain spaces and brackets. Undefined when gone. */
function tryStat(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** CPU seconds, user and system, of all threads of these processes so far, to 10 ms; ended children are not in it. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const fields = tryStat(pid);
    if (fields) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_PER_SECOND;
}

/** Resident memory of these processes together, in bytes. */
export function residentBytes(pids: readonly number[]): number {
  let kilobytes = 0;
  for (const pid of pids) {
    try {
      kilobytes += Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0);
    } catch {
      // It has ended since it was listed, so it holds nothing.
    }
  }
  return kilobytes * 1024;
}

/** The process and everything below it, parents before children. */
export function processTree(root: number): number[] {
  const childrenOf = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const fields = Number.isInteger(pid) ? tryStat(pid) : undefined;
    if (!fields) continue;
    const parent = Number(fields[1]);
    const siblings = childrenOf.get(parent);
    if (siblings) siblings.push(pid);
    else childrenOf.set(parent, [pid]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(childrenOf.get(pid) ?? []));
  return tree;
}

/** When a process was started, in ticks since boot: with its pid it names one process, as pids are used again. */
export function tryStartTicks(pid: number): string | undefined {
  const fields = tryStat(pid);
  const isGone = fields === undefined || fields[0] === 'Z' || fields[0] === 'X';
  return isGone ? undefined : fields[19];
}

/** Which of these processes listens on a TCP port of this machine. */
export function tryFindListener(pids: readonly number[], port: number): number | undefined {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set<string>();
  for (const table of ['tcp', 'tcp6']) {
    for (const line of readFileSync(`/proc/net/${table}`, 'latin1').split('\n')) {
      const columns = line.trim().split(/\s+/);
      const isListening = columns[3] === '0A';
      if (isListening && columns[1]?.endsWith(`:${hexPort}`)) inodes.add(`socket:[${columns[9] ?? ''}]`);
    }
  }
  return pids.find((pid) => holdsOneOf(pid, inodes));
}

function holdsOneOf(pid: number, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return inodes.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
      } catch {
        return false; // Closed between listing and looking.
      }
    });
  } catch {
    return false; // The process has ended.
  }
}
