// Starts children and tells when they have ended. One SIGCHLD may stand for many, so all are looked at: half a microsecond each.

import { markNextChild } from '../containment/mark.ts';
import { spawnSession, tryReap, type SpawnRequest } from './posix.ts';

/** So many children are made at a time. libuv has four threads, and one shall be left for files. */
const maxSpawning = 3;

const watched = new Map<number, (exitCode: number) => void>();
let isListening = false;
let spawning = 0;
let spawningMark: bigint | undefined;
const waitingForTurn: { readonly mark: bigint | undefined; readonly begin: () => void }[] = [];

/**
 * Starts a child in a session of its own. `onExit` is called once, in a later turn of the event loop than the one in which
 * the promise settles.
 * @returns its pid. @throws OsError
 */
export async function spawnWatched(request: SpawnRequest, onExit: (exitCode: number) => void): Promise<number> {
  // From before the first child on, and for ever: a SIGCHLD that nobody listens to is lost.
  if (!isListening) process.on('SIGCHLD', reap);
  isListening = true;
  const pid = await inTurn(request.mark, () => spawnSession(request));
  watched.set(pid, onExit);
  // Its SIGCHLD may have come before its pid was known here.
  setImmediate(() => tryReapWatched(pid));
  return pid;
}

/** Whether it is a child that was started here and has not ended yet. */
export function isWatched(pid: number): boolean {
  return watched.has(pid);
}

/** First come, first served. Children of different marks are not started at the same time. */
async function inTurn<T>(mark: bigint | undefined, work: () => Promise<T>): Promise<T> {
  await new Promise<void>((begin) => {
    waitingForTurn.push({ mark, begin });
    beginTurns();
  });
  try {
    return await work();
  } finally {
    spawning--;
    beginTurns();
  }
}

function beginTurns(): void {
  for (let next = waitingForTurn[0]; next; next = waitingForTurn[0]) {
    if (spawning > 0 && (spawning === maxSpawning || next.mark !== spawningMark)) return;
    waitingForTurn.shift();
    spawning++;
    spawningMark = next.mark;
    markNextChild(next.mark);
    next.begin();
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
