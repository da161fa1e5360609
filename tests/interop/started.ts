// Remembers what a run has started, so that nothing of it outlives the script, even one that is broken off by Ctrl-C.
import { rmSync } from 'node:fs';

const groups = new Set<number>();
const folders = new Set<string>();

/** Remembers the group of a child that was spawned `detached` (so it leads one). */
export function groupStarted(pid: number | undefined): void {
  if (pid !== undefined) groups.add(pid);
}

/** Ends a process group by force and forgets it; without effect when it is gone. */
export function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  groups.delete(pid);
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}

/** Remembers a temporary folder. */
export function folderMade(folder: string): void {
  folders.add(folder);
}

process.on('exit', () => {
  for (const pid of groups) endGroup(pid);
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.on(signal, () => process.exit(code));
}
