// Facts about processes, read from Linux' /proc: what a test asserts about orphans, zombies, descriptors, memory and CPU.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The fields of /proc/PID/stat that the tests look at (proc(5)). */
export interface ProcessStat {
  readonly pid: number;
  readonly name: string;
  /** R running, S sleeping, D in the kernel, T stopped, Z zombie. */
  readonly state: string;
  readonly parentPid: number;
  readonly group: number;
  readonly session: number;
  /** Device number of the controlling terminal, 0 for none. */
  readonly terminal: number;
  /** User plus system time of all threads, in ms. */
  readonly cpuMs: number;
}

/** Linux reports times in ticks of 10 ms to user space on every architecture that Node runs on. */
const MS_PER_TICK = 10;

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** The process as it is now, or undefined when there is none of that pid. A zombie counts as there. */
export function tryStat(pid: number): ProcessStat | undefined {
  const text = tryRead(`/proc/${String(pid)}/stat`);
  if (text === undefined) return undefined;
  // The name is in parentheses and may itself hold parentheses and spaces.
  const nameEnd = text.lastIndexOf(')');
  const fields = text.slice(nameEnd + 2).split(' ');
  const field = (index: number): number => Number(fields[index] ?? Number.NaN);
  return {
    pid,
    name: text.slice(text.indexOf('(') + 1, nameEnd),
    state: fields[0] ?? '?',
    parentPid: field(1),
    group: field(2),
    session: field(3),
    terminal: field(4),
    cpuMs: (field(11) + field(12)) * MS_PER_TICK,
  };
}

export function allStats(): ProcessStat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => tryStat(Number(name)))
    .filter((stat) => stat !== undefined);
}

/** True while the process runs; a zombie is dead. */
export function isRunning(pid: number): boolean {
  const stat = tryStat(pid);
  return stat !== undefined && stat.state !== 'Z';
}

/** Direct children that ended and were not reaped. */
export function zombiesOf(pid: number): ProcessStat[] {
  return allStats().filter((stat) => stat.parentPid === pid && stat.state === 'Z');
}

/** Direct and indirect children, zombies included. */
export function descendantsOf(pid: number): ProcessStat[] {
  const stats = allStats();
  const found: ProcessStat[] = [];
  const parents = new Set([pid]);
  for (let grew = true; grew;) {
    grew = false;
    for (const stat of stats) {
      if (parents.has(stat.parentPid) && !parents.has(stat.pid)) {
        parents.add(stat.pid);
        found.push(stat);
        grew = true;
      }
    }
  }
  return found;
}

/** Resident memory in bytes. */
export function rssBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(tryRead(`/proc/${String(pid)}/status`) ?? '')?.[1];
  if (kilobytes === undefined) throw new Error(`process ${String(pid)} has no VmRSS: it is gone`);
  return Number(kilobytes) * 1024;
}

/** Open descriptors as `fd → what it points to`. */
export function openFiles(pid: number): Map<number, string> {
  const folder = `/proc/${String(pid)}/fd`;
  const files = new Map<number, string>();
  for (const name of readdirSync(folder)) {
    try {
      files.set(Number(name), readlinkSync(`${folder}/${name}`));
    } catch {
      // Closed between the listing and the look.
    }
  }
  return files;
}

/**
 * Running processes whose environment holds `entry` ("NAME=value"). Children inherit it through fork, setsid and
 * double forks, so this finds what a process tree walk would miss.
 */
export function runningWithEnv(entry: string): ProcessStat[] {
  return allStats().filter(
    (stat) => stat.state !== 'Z' && (tryRead(`/proc/${String(stat.pid)}/environ`) ?? '').split('\0').includes(entry),
  );
}

/** One line for a failure message. */
export function describeProcesses(stats: readonly ProcessStat[]): string {
  return stats
    .map((stat) => {
      const argv = (tryRead(`/proc/${String(stat.pid)}/cmdline`) ?? '').replaceAll('\0', ' ').trim();
      return `${String(stat.pid)} ${stat.state} (parent ${String(stat.parentPid)}) ${argv || stat.name}`;
    })
    .join('; ');
}
