// Starts children and tells when they have ended. One SIGCHLD may stand for many, so all are looked at: half a microsecond each.

import { spawnSession, tryReap, type SpawnRequest } from './posix.ts';

/** So many children are made at a time. libuv has four threads, and one shall be left for files. */
const maxSpawning = 3;

const watched = new Map<number, (exitCode: number) => void>();
let isListening = false;
let spawning = 0;
const waitingForTurn: (() => void)[] = [];

/**
 * Starts a child in a session of its own. `onExit` is called once, in a later turn of the event loop than the one in which
 * the promise settles.
 * @returns its pid. @throws OsError
 */
export async function spawnWatched(request: SpawnRequest, onExit: (exitCode: number) => void): Promise<number> {
  // From before the first child on, and for ever: a SIGCHLD that nobody listens to is lost.
  if (!isListening) process.on('SIGCHLD', reap);
  isListening = true;
  const pid = await inTurn(() => spawnSession(request));
  watched.set(pid, onExit);
  // Its SIGCHLD may have come before its pid was known here.
  setImmediate(() => tryReapWatched(pid));
  return pid;
}

/** First come, first served. */
async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (spawning === maxSpawning) await new Promise<void>((resolve) => waitingForTurn.push(resolve));
  else spawning++;
  try {
    return await work();
  } finally {
    // The turn is handed on, so the count stays.
    const next = waitingForTurn.shift();
    if (next) next();
    else spawning--;
  }
}

function reap(): void {
  for (const pid of watched.keys()) tryReapWatched(pid);
}

function tryReapWatched(pid: number): void {
  const onExit = watched.get(pid);
  if (!onExit) return;
  const exitCode = tryReap(pid);
  if (exitCode === undefined) return;
  watched.delete(pid);
  onExit(exitCode);
}
