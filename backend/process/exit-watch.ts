// Starts children and tells when they have ended. One SIGCHLD may stand for many, so all are looked at: half a microsecond each.

import { spawnSession, tryReap, type SpawnRequest } from './posix.ts';

const watched = new Map<number, (exitCode: number) => void>();
let isListening = false;

/**
 * Starts a child in a session of its own. `onExit` is called once, in a later turn of the event loop.
 * @returns its pid. @throws OsError
 */
export function spawnWatched(request: SpawnRequest, onExit: (exitCode: number) => void): number {
  // From before the first child on, and for ever: a SIGCHLD that nobody listens to is lost.
  if (!isListening) process.on('SIGCHLD', reap);
  isListening = true;
  const pid = spawnSession(request);
  watched.set(pid, onExit);
  return pid;
}

function reap(): void {
  for (const [pid, onExit] of watched) {
    const exitCode = tryReap(pid);
    if (exitCode === undefined) continue;
    watched.delete(pid);
    onExit(exitCode);
  }
}
