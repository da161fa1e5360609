// Permission bits of the executor's files. The protocol does not carry them, so they are asked and set by `stat` and `chmod`
// there; where these are missing, the files are copied without them, and that is said.

import type { ExecServerClient } from '../../../shared/client/harness.ts';
import { errorText } from '../../../shared/errors.ts';

/** Paths in one command: far below the limit of a command line. */
const batchSize = 100;
const permissionBits = 0o777;

/** Modes by path; those that cannot be asked are left out. @throws Error when the executor has no `stat`. */
export async function remoteModes(client: ExecServerClient, paths: readonly string[]): Promise<Map<string, number>> {
  const modes = new Map<string, number>();
  for (const batch of batchesOf(paths)) {
    const { stdoutText } = await client.run({ argv: ['stat', '-L', '-c', '%a %n', '--', ...batch] });
    for (const line of stdoutText.split('\n')) {
      const [, mode, path] = /^([0-7]{1,5}) (.+)$/.exec(line) ?? [];
      if (mode !== undefined && path !== undefined) modes.set(path, parseInt(mode, 8) & permissionBits);
    }
  }
  if (modes.size === 0 && paths.length > 0) throw new Error('`stat -c` does not work there');
  return modes;
}

/** @throws Error when it cannot be done. */
export async function setRemoteModes(client: ExecServerClient, modes: ReadonlyMap<string, number>): Promise<void> {
  for (const mode of new Set(modes.values())) {
    const paths = [...modes].filter(([, own]) => own === mode).map(([path]) => path);
    for (const batch of batchesOf(paths)) {
      const argv = ['chmod', (mode & permissionBits).toString(8), '--', ...batch];
      const { exitCode, stderrText } = await client.run({ argv });
      if (exitCode !== 0) throw new Error(stderrText.trim() || `chmod ended with ${exitCode}`);
    }
  }
}

/** For stderr. */
export function modesNotKept(error: unknown): string {
  return `exec-workbench: modes were not kept: ${errorText(error)}\n`;
}

function batchesOf(paths: readonly string[]): string[][] {
  const batches: string[][] = [];
  for (let start = 0; start < paths.length; start += batchSize) batches.push(paths.slice(start, start + batchSize));
  return batches;
}
