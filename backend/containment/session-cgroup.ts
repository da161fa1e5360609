// Caps on what a session takes as a whole: a cgroup (v2) for each session, below the one that the server was given. The server
// itself moves into a leaf of its own, since a cgroup that hands controllers on may hold no process. Off by default.
//
//   OURS/exec-workbench.PID          the server with what it runs for itself
//   OURS/exec-workbench.PID.NUMBER   one session; ended by cgroup.kill, which no process escapes
//
// A process enters its cgroup by itself before it becomes the program (process-caps.ts), so nothing of it runs outside.
// Source: Linux, Documentation/admin-guide/cgroup-v2.rst.

import {
  constants,
  accessSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { errorText, RpcCode, RpcError } from '../../shared/errors.ts';

/** 0: no cap. */
export interface SessionCapSettings {
  readonly sessionMaxMemoryBytes: number;
  /** Processes and threads. */
  readonly sessionMaxTasks: number;
  /** 100: one core. */
  readonly sessionMaxCpuPercent: number;
}

const prefix = 'exec-workbench.';
/** cpu.max is a quota of this period, µs. */
const cpuPeriodUs = 100_000;
/** What was killed may need a moment until it is gone, ms. */
const removeWithinMs = 2000;
const removeEveryMs = 20;

/** The cgroup of this server; a text says why there can be none; undefined: not asked yet. */
let ours: { readonly folder: string } | string | undefined;
let lastSession = 0;

export function hasSessionCaps(settings: SessionCapSettings): boolean {
  return Object.keys(capsOf(settings)).length > 0;
}

/** Why the caps that are asked for cannot be held to; undefined when they can, or when there are none. Prepares our cgroup. */
export function sessionCapProblem(settings: SessionCapSettings): string | undefined {
  if (!hasSessionCaps(settings)) return undefined;
  ours ??= prepare();
  if (typeof ours === 'string') return `the caps on sessions (--session-max-…) cannot be held to: ${ours}`;
  const { folder } = ours;
  try {
    new SessionCgroup(folder, settings).remove();
    return undefined;
  } catch (error) {
    return `the caps on sessions (--session-max-…) cannot be held to in ${folder}: ${errorText(error)}`;
  }
}

/**
 * @returns undefined when there are no caps.
 * @throws RpcError -32600 when they cannot be held to: nothing runs without them.
 */
export function newSessionCgroup(settings: SessionCapSettings): SessionCgroup | undefined {
  if (!hasSessionCaps(settings)) return undefined;
  ours ??= prepare();
  if (typeof ours === 'string') throw cannotHold(ours);
  try {
    return new SessionCgroup(ours.folder, settings);
  } catch (error) {
    throw cannotHold(errorText(error));
  }
}

export class SessionCgroup {
  readonly #folder: string;

  /** @throws Error of the system. */
  constructor(parent: string, settings: SessionCapSettings) {
    this.#folder = join(parent, `${prefix}${process.pid}.${++lastSession}`);
    mkdirSync(this.#folder);
    try {
      for (const [file, value] of Object.entries(capsOf(settings))) {
        // Without swap accounting in the kernel there is no swap to limit.
        if (file !== 'memory.swap.max' || existsSync(join(this.#folder, file))) this.#write(file, value);
      }
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** Whoever writes `0` there is in. */
  get procsFile(): string {
    return join(this.#folder, 'cgroup.procs');
  }

  /** Kills everybody in it, who forks meanwhile too, and removes it. */
  async end(): Promise<void> {
    try {
      this.#write('cgroup.kill', '1');
    } catch {
      // Before Linux 5.14 there is no such file; the marks have ended them (containment/mark.ts).
    }
    for (let leftMs = removeWithinMs; !this.remove() && leftMs > 0; leftMs -= removeEveryMs) {
      await setTimeout(removeEveryMs, undefined, { ref: false });
    }
  }

  /** @returns false while somebody is in it. */
  remove(): boolean {
    return tryRemove(this.#folder);
  }

  #write(file: string, value: string): void {
    writeFileSync(join(this.#folder, file), value);
  }
}

function capsOf(settings: SessionCapSettings): Readonly<Record<string, string>> {
  const { sessionMaxMemoryBytes: memory, sessionMaxTasks: tasks, sessionMaxCpuPercent: percent } = settings;
  return {
    ...(memory > 0 && { 'memory.max': String(memory), 'memory.swap.max': '0' }),
    ...(tasks > 0 && { 'pids.max': String(tasks) }),
    ...(percent > 0 && { 'cpu.max': `${(percent * cpuPeriodUs) / 100} ${cpuPeriodUs}` }),
  };
}

/** Makes the cgroup that we are in one that can have sessions below it. */
function prepare(): { readonly folder: string } | string {
  if (process.platform !== 'linux') return `there are no cgroups on ${process.platform}`;
  try {
    const folder = ownFolder();
    if (folder === undefined) return 'there is no cgroup v2 file system';
    const offered = words(join(folder, 'cgroup.controllers'));
    const missing = ['cpu', 'memory', 'pids'].filter((name) => !offered.has(name));
    if (missing.length > 0) return `${folder} has no controllers ${missing.join(', ')}`;
    accessSync(join(folder, 'cgroup.subtree_control'), constants.W_OK);
    removeRemains(folder);
    const leaf = join(folder, `${prefix}${process.pid}`);
    mkdirSync(leaf, { recursive: true });
    writeFileSync(join(leaf, 'cgroup.procs'), String(process.pid));
    writeFileSync(join(folder, 'cgroup.subtree_control'), '+cpu +memory +pids');
    return { folder };
  } catch (error) {
    return `${errorText(error)}; the server needs a cgroup of its own: systemd-run --scope -p Delegate=yes …`;
  }
}

/** Where the cgroup of this process lies in the file system. */
function ownFolder(): string | undefined {
  // "0::/path" of /proc/self/cgroup; "id parent device root mountpoint … - cgroup2 …" of mountinfo: proc(5).
  const path = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [, , , root = '', mountPoint = ''] = line.split(' ');
    if (path === undefined || !/ - cgroup2 /.test(line)) continue;
    const isBelow = root === '/' || path === root || path.startsWith(`${root}/`);
    if (isBelow) return join(mountPoint, root === '/' ? path : path.slice(root.length));
  }
  return undefined;
}

/** Of servers that were killed: their guardians have ended who was in it. */
function removeRemains(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = /^exec-workbench\.(\d+)(?:\.\d+)?$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) tryRemove(join(folder, name));
  }
}

function tryRemove(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function words(file: string): ReadonlySet<string> {
  return new Set(readFileSync(file, 'utf8').trim().split(' '));
}

function cannotHold(why: string): RpcError {
  return new RpcError(RpcCode.invalidRequest, `the caps on this session cannot be held to, so nothing is run: ${why}`);
}
