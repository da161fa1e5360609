// Tells when children that spawnSession started have ended. One SIGCHLD may stand for many, so all are looked at: half a
// microsecond each.

import { tryReap } from './posix.ts';

const watched = new Map<number, (exitCode: number) => void>();

/** Calls `onExit` once, in a later turn of the event loop. */
export function watchExit(pid: number, onExit: (exitCode: number) => void): void {
  if (watched.size === 0) process.on('SIGCHLD', reap);
  watched.set(pid, onExit);
}

function reap(): void {
  for (const [pid, onExit] of watched) {
    const exitCode = tryReap(pid);
    if (exitCode === undefined) continue;
    watched.delete(pid);
    onExit(exitCode);
  }
  if (watched.size === 0) process.off('SIGCHLD', reap);
}
