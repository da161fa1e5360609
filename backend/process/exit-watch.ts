// Tells when children that spawnSession started have ended. One SIGCHLD may stand for many, so all are looked at: half a
// microsecond each.

import { tryReap } from './posix.ts';

const watched = new Map<number, (exitCode: number) => void>();

// Listened to from the start: a child may end before anybody can watch it, and a SIGCHLD without a listener is lost.
process.on('SIGCHLD', reap);

/** Calls `onExit` once, in a later turn of the event loop. To be called in the turn in which the child was started. */
export function watchExit(pid: number, onExit: (exitCode: number) => void): void {
  watched.set(pid, onExit);
}

function reap(): void {
  for (const [pid, onExit] of watched) {
    const exitCode = tryReap(pid);
    if (exitCode === undefined) continue;
    watched.delete(pid);
    onExit(exitCode);
  }
}
