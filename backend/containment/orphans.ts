// As the first process of a container (PID 1) the server becomes the parent of everybody who loses theirs, and nobody but a
// parent can reap: without this each daemon that ends would stay as a zombie until the container does.

import { readdir, readFile } from 'node:fs/promises';
import { isWatched } from '../process/exit-watch.ts';
import { tryReap } from '../process/posix.ts';

/** Time between two looks, ms. Node reaps the children that it has started itself within a turn of the event loop. */
const lookEveryMs = 250;

let isListening = false;
let isLooking = false;
/** Zombies of the last look that no watch is for. */
let suspects: ReadonlySet<number> = new Set();

/** Reaps them from here on. Does nothing when we are not the first process. */
export function reapOrphans(): void {
  if (process.pid !== 1 || process.platform !== 'linux' || isListening) return;
  isListening = true;
  process.on('SIGCHLD', lookLater);
}

function lookLater(): void {
  if (isLooking) return;
  isLooking = true;
  setTimeout(() => {
    void look().then((zombies) => {
      // Who was one at the last look too is no child that Node knows of.
      for (const pid of zombies) if (suspects.has(pid)) tryReap(pid);
      suspects = zombies;
      isLooking = false;
      if (zombies.size > 0) lookLater();
    });
  }, lookEveryMs).unref();
}

async function look(): Promise<ReadonlySet<number>> {
  const zombies = new Set<number>();
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name) || isWatched(Number(name))) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'latin1').catch(() => '');
    // "pid (any text) state ppid …": proc(5).
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' && parent === String(process.pid)) zombies.add(Number(name));
  }
  return zombies;
}
