// A policy as arguments of bubblewrap: the file system as the confined process is to see it, mounted piece by piece.
//
// Links are followed here, once, and what is mounted is the place they lead to. An entry whose path goes through a link that
// lies where the policy lets others write is refused: it could lead elsewhere by the time it is mounted.

import { lstatSync, mkdirSync, realpathSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cannotHold, widestFirst, type Policy, type PolicyEntry } from './policy.ts';

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

/** An entry whose links have been followed: `path` is where it is mounted. */
interface Place extends Pick<PolicyEntry, 'path' | 'access'> {
  /** Nothing is there yet, and nothing may come into being there. */
  readonly isMissing: boolean;
}

/** @throws RpcError -32600 when an entry cannot be held to. */
export function mountsOf(policy: Policy): Mounts {
  const placeholders: string[] = [];
  const release = () => {
    for (const path of placeholders.splice(0)) releasePlaceholder(path);
  };
  try {
    const places = placesOf(policy);
    const [widest] = places;
    const args = widest?.path === '/' ? rootMount(widest) : ['--tmpfs', '/', '--dir', '/tmp'];
    if (policy.hasPlatformDefaults) args.push(...platformMounts());
    // Root may write the settings of the kernel without any capability, and by some of them run what it likes outside.
    args.push('--dev', '/dev', '--proc', '/proc', '--ro-bind-try', '/proc/sys', '/proc/sys');
    // Sockets of the machine's services: a network of its own does not keep a process from connecting to them.
    if (!policy.hasNetwork) args.push('--tmpfs', '/run');
    const sealed: string[] = [];
    for (const place of places) {
      if (place.path !== '/') args.push(...placeMount(place, places, placeholders));
      // Made read-only at the end: what lies in it has to be mounted before.
      if (isHiddenFolder(place)) sealed.push('--remount-ro', place.path);
    }
    return { args: [...args, ...sealed, ...(policy.hasNetwork ? [] : ['--unshare-net'])], release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Where the entries lead to, widest first by these places: a link's name says nothing of how deep it leads. */
function placesOf({ entries }: Policy): Place[] {
  const found: Place[] = [];
  const others: PolicyEntry[] = [];
  for (const entry of entries) {
    const path = tryRealPath(entry.path);
    if (path !== undefined) found.push({ path, access: entry.access, isMissing: false });
    if (path !== entry.path) others.push(entry);
  }
  const places = widestFirst(found);
  for (const { path, access, skipsMissing } of others) {
    if (tryRealPath(path) !== undefined) {
      refuseMovableLinks(path, places);
    } else if (access !== 'write' && !skipsMissing) {
      const missing = firstMissing(path);
      if (isWritable(dirname(missing), places)) found.push({ path: missing, access, isMissing: true });
    }
  }
  return widestFirst(found);
}

function rootMount({ access }: Place): string[] {
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

function placeMount(place: Place, places: readonly Place[], placeholders: string[]): string[] {
  const { path, access, isMissing } = place;
  const index = places.indexOf(place);
  const [wider, deeper] = [places.slice(0, index), places.slice(index + 1)];
  if (isMissing || placeholderUses.has(path)) takePlaceholder(path, placeholders);
  switch (access) {
    case 'write':
      // It is there already. To mount it again would follow a link that the confined process may put there meanwhile.
      return isWritable(path, wider) && !isOurs(path) ? [] : ['--bind', path, path];
    case 'read':
      return ['--ro-bind', path, path];
    case 'none':
      if (!isFolder(path)) return ['--ro-bind', '/dev/null', path];
      // To be passed through where something in it is given, and never to be listed.
      return ['--perms', deeper.some((place) => isWithin(place.path, path)) ? '0111' : '0000', '--tmpfs', path];
  }
}

function isHiddenFolder({ path, access }: Place): boolean {
  return access === 'none' && path !== '/' && isFolder(path);
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** What is not the machine's, whatever is given of its root. */
function isOurs(path: string): boolean {
  return ['/dev', '/proc', '/run'].some((folder) => isWithin(path, folder));
}

/** @throws RpcError when a link on the way to `path` lies where the confined process may write. */
function refuseMovableLinks(path: string, places: readonly Place[]): void {
  let walked = '/';
  for (const part of path.split('/').filter((name) => name !== '')) {
    const next = join(walked, part);
    if (lstatSync(next).isSymbolicLink() && isWritable(walked, places)) {
      throw cannotHold(`${next} is a link in a folder that may be written`);
    }
    walked = realpathSync(next);
  }
}

/** What the last place around it says. */
function isWritable(path: string, places: readonly Place[]): boolean {
  return places.findLast((place) => isWithin(path, place.path))?.access === 'write';
}

function isWithin(path: string, folder: string): boolean {
  return folder === '/' || path === folder || path.startsWith(`${folder}/`);
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
  if (uses === 0) {
    if (lstatSync(path, { throwIfNoEntry: false })) {
      throw cannotHold(`${path} leads nowhere, and must not come to lead anywhere`);
    }
    mkdirSync(path, { mode: 0o755 });
  }
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
