// Signals to whole process groups.

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
