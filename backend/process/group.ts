// Ends whole process groups and sessions.

import { readdir, readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { isOsError } from './os-error.ts';

/** Sends to every process of the group that `pid` leads. @returns whether anybody was there. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    // EPERM: somebody is there, under another user (setuid); the rest of the group got the signal.
    return isOsError(error) && error.code === 'EPERM';
  }
}

/** Whether anybody is left in the group that `pid` led. */
export function isGroupAlive(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch (error) {
    return isOsError(error) && error.code === 'EPERM';
  }
}

let leadersToKill = new Set<number>();
/** The scan that has not begun yet, and the last one. */
let nextScan: Promise<void> | undefined;
let lastScan: Promise<void> = Promise.resolve();

/**
 * Kills what is left of the session that `leader` led: job-control shells put their jobs into groups of their own.
 * Linux only (reads /proc); does nothing elsewhere. One scan runs at a time and serves all calls that came before it: it
 * costs about 20 µs per process of the machine.
 */
export function killSession(leader: number): Promise<void> {
  leadersToKill.add(leader);
  nextScan ??= lastScan = lastScan
    .then(() => setImmediate())
    .then(() => {
      const leaders = leadersToKill;
      leadersToKill = new Set();
      nextScan = undefined;
      return killMembers(leaders);
    });
  return nextScan;
}

async function killMembers(leaders: ReadonlySet<number>): Promise<void> {
  for (const member of await sessionMembers(leaders)) {
    try {
      process.kill(member, 'SIGKILL');
    } catch {
      // Gone already.
    }
  }
}

async function sessionMembers(leaders: ReadonlySet<number>): Promise<number[]> {
  const members: number[] = [];
  const names = await readdir('/proc').catch(() => []);
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'latin1').catch(() => '');
    // "pid (any text) state ppid pgrp session …"
    const session = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3];
    if (leaders.has(Number(session))) members.push(Number(name));
  }
  return members;
}
