// A policy as arguments of bubblewrap: the file system as the confined process is to see it, mounted piece by piece.
//
// Links are followed here, once, and what is mounted is the place they lead to. An entry whose path goes through a link that
// lies where the policy lets others write is refused: it could lead elsewhere by the time it is mounted.

import { lstatSync, mkdirSync, realpathSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { RpcCode, RpcError } from '../../shared/errors.ts';
import type { Policy, PolicyEntry } from './policy.ts';

/** What programs need to run at all, where the policy does not give the whole root. */
const platformFolders = [
  '/bin',
  '/sbin',
  '/lib',
  '/lib64',
  '/lib32',
  '/usr',
  '/etc',
  '/opt',
  '/nix/store',
  '/run/current-system/sw',
];

export interface Mounts {
  readonly args: readonly string[];
  /** Folders that were made to be mounted on, so that nothing else comes into being there. Give them back with `release`. */
  release(): void;
}

/** @throws RpcError -32600 when an entry cannot be held to. */
export function mountsOf(policy: Policy): Mounts {
  const placeholders: string[] = [];
  const release = () => {
    for (const path of placeholders.splice(0)) releasePlaceholder(path);
  };
  try {
    const [widest] = policy.entries;
    const args = widest?.path === '/' ? rootMount(widest) : ['--tmpfs', '/', '--dir', '/tmp'];
    if (policy.hasPlatformDefaults) args.push(...platformMounts());
    args.push('--dev', '/dev', '--proc', '/proc');
    // Sockets of the machine's services: a network of its own does not keep a process from connecting to them.
    if (!policy.hasNetwork) args.push('--tmpfs', '/run');
    const entries = policy.entries.filter(({ path }) => path !== '/');
    for (const entry of entries) args.push(...entryMount(entry, policy, placeholders));
    return { args: [...args, ...(policy.hasNetwork ? [] : ['--unshare-net'])], release };
  } catch (error) {
    release();
    throw error;
  }
}

function rootMount({ access }: PolicyEntry): string[] {
  if (access === 'none') return ['--tmpfs', '/', '--dir', '/tmp'];
  return [access === 'write' ? '--bind' : '--ro-bind', '/', '/'];
}

function platformMounts(): string[] {
  return platformFolders.flatMap((path) => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (!stat) return [];
    // Systems with a merged /usr have links there, which must stay links.
    return ['--ro-bind', realpathSync(path), path];
  });
}

function entryMount(entry: PolicyEntry, policy: Policy, placeholders: string[]): string[] {
  const { path, access, skipsMissing } = entry;
  const found = tryRealPath(path);
  if (found === undefined) {
    if (access === 'write' || skipsMissing) return [];
    const missing = firstMissing(path);
    if (!isWritable(dirname(missing), policy)) return [];
    takePlaceholder(missing, placeholders);
    return ['--ro-bind', missing, missing];
  }
  if (found !== path) refuseMovableLinks(path, policy);
  const isFolder = lstatSync(found).isDirectory();
  switch (access) {
    case 'write':
      return ['--bind', found, found];
    case 'read':
      return ['--ro-bind', found, found];
    case 'none':
      return isFolder
        ? ['--perms', '0000', '--tmpfs', found, '--remount-ro', found]
        : ['--ro-bind', '/dev/null', found];
  }
}

/** @throws RpcError when a link on the way to `path` lies where the confined process may write. */
function refuseMovableLinks(path: string, policy: Policy): void {
  let walked = '/';
  for (const part of path.split('/').filter((name) => name !== '')) {
    const next = join(walked, part);
    if (lstatSync(next).isSymbolicLink() && isWritable(walked, policy)) {
      throw new RpcError(
        RpcCode.invalidRequest,
        `the sandbox cannot be held to, so nothing is run: ${next} is a link in a folder that may be written`,
      );
    }
    walked = realpathSync(next);
  }
}

/** What the policy says of a place that links have been followed to. */
function isWritable(place: string, { entries }: Policy): boolean {
  let access: PolicyEntry['access'] = 'none';
  for (const entry of entries) {
    const root = tryRealPath(entry.path);
    if (root === undefined) continue;
    if (root === '/' || place === root || place.startsWith(`${root}/`)) access = entry.access;
  }
  return access === 'write';
}

function firstMissing(path: string): string {
  let missing = path;
  while (tryRealPath(dirname(missing)) === undefined) missing = dirname(missing);
  return join(realpathSync(dirname(missing)), missing.slice(dirname(missing).length));
}

function tryRealPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/** How many confined processes hold each placeholder. */
const placeholderUses = new Map<string, number>();

function takePlaceholder(path: string, taken: string[]): void {
  const uses = placeholderUses.get(path) ?? 0;
  if (uses === 0) mkdirSync(path, { mode: 0o755 });
  placeholderUses.set(path, uses + 1);
  taken.push(path);
}

function releasePlaceholder(path: string): void {
  const uses = (placeholderUses.get(path) ?? 1) - 1;
  if (uses > 0) {
    placeholderUses.set(path, uses);
    return;
  }
  placeholderUses.delete(path);
  try {
    rmdirSync(path);
  } catch {
    // It is no longer empty, or no longer there: then it is somebody else's.
  }
}
