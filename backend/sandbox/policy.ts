// What a sandbox context allows, once its names are paths: which parts of the file system may be read or written, and
// whether there is a network (docs/protocol.md, "Sandbox"). What we cannot hold to is refused, never left out.

import * as z from 'zod';
import { RpcCode, RpcError } from '../../shared/errors.ts';
import { normalizePath, parseAbsolutePath } from '../../shared/protocol/path.ts';
import type { SandboxContext } from '../../shared/protocol/sandbox.ts';

/** `none`: there is nothing to see there. */
export type Access = 'none' | 'read' | 'write';

export interface PolicyEntry {
  /** Absolute and normal. */
  readonly path: string;
  readonly access: Access;
  /** What is missing is left alone; else it must not come into being where it may not be written. */
  readonly skipsMissing: boolean;
}

export interface Policy {
  /** Widest first: an entry changes what those before it said of the same place. */
  readonly entries: readonly PolicyEntry[];
  /** The programs and libraries of the system may be read, whatever the entries say. */
  readonly hasPlatformDefaults: boolean;
  readonly hasNetwork: boolean;
}

/** No further members: one that we do not know may take something back. Null says nothing. */
const only = <Shape extends z.core.$ZodLooseShape>(shape: Shape) => z.object(shape).catchall(z.null());

const specialPath = z.discriminatedUnion('kind', [
  only({ kind: z.enum(['root', 'minimal', 'current_working_directory', 'tmpdir', 'slash_tmp']) }),
  only({ kind: z.literal('project_roots'), subpath: z.string().nullish() }),
]);
const entrySchema = only({
  path: z.discriminatedUnion('type', [
    only({ type: z.literal('path'), path: z.string() }),
    only({ type: z.literal('special'), value: specialPath }),
  ]),
  access: z.enum(['read', 'write', 'none', 'deny']),
  missing_path_behavior: z.string().nullish(),
});
const roots = z.array(z.string()).nullish();
const contextSchema = z.looseObject({
  permissions: only({
    type: z.literal('managed'),
    file_system: z.discriminatedUnion('type', [
      only({
        type: z.literal('restricted'),
        entries: z.array(entrySchema).max(1000),
        // Says how patterns are looked up, and those are refused.
        glob_scan_max_depth: z.number().nullish(),
      }),
      only({ type: z.literal('unrestricted') }),
    ]),
    network: z.enum(['restricted', 'enabled']),
  }),
  cwd: z.string().nullish(),
  workspaceRoots: roots,
  policyContext: z.looseObject({ cwd: z.string().nullish(), workspaceRoots: roots }).nullish(),
});

type Entry = z.output<typeof entrySchema>;
type Special = z.output<typeof specialPath>;

/**
 * @param cwd of the process that is confined, for a context that names none.
 * @param temporaryFolder what `tmpdir` stands for: TMPDIR of the process, if it has one.
 * @throws RpcError -32600 for anything that this server does not know how to hold to; it names the member.
 */
export function parsePolicy(context: SandboxContext, cwd?: string, temporaryFolder?: string): Policy {
  const parsed = contextSchema.safeParse(context);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw cannotHold(`sandbox.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unknown'}`);
  }
  const { permissions, policyContext, ...named } = parsed.data;
  const hasNetwork = permissions.network === 'enabled';
  if (permissions.file_system.type === 'unrestricted') {
    return { entries: [{ path: '/', access: 'write', skipsMissing: false }], hasPlatformDefaults: false, hasNetwork };
  }
  const { entries } = permissions.file_system;
  const workingFolder = policyContext?.cwd ?? named.cwd ?? cwd;
  const projectRoots =
    policyContext?.workspaceRoots ?? named.workspaceRoots ?? (workingFolder == null ? [] : [workingFolder]);
  const hasRoots = (policyContext?.workspaceRoots ?? named.workspaceRoots ?? workingFolder) != null;
  const pathsOf = (value: Special, access: Access | 'deny'): readonly string[] => {
    const isRelative = value.kind === 'project_roots' || value.kind === 'current_working_directory';
    // What is not given may be left out; what is taken back may not.
    if (isRelative && access !== 'write' && !(value.kind === 'project_roots' ? hasRoots : workingFolder != null)) {
      throw cannotHold(`sandbox: ${value.kind} is restricted, and neither cwd nor workspaceRoots says where it is`);
    }
    switch (value.kind) {
      case 'root':
        return ['/'];
      case 'slash_tmp':
        return ['/tmp'];
      case 'tmpdir':
        return temporaryFolder === undefined ? [] : [temporaryFolder];
      case 'current_working_directory':
        return workingFolder == null ? [] : [workingFolder];
      case 'project_roots':
        return projectRoots.map((root) => (value.subpath == null ? root : `${root}/${value.subpath}`));
      case 'minimal':
        return [];
    }
  };
  return {
    entries: widestFirst(entries.flatMap((entry) => resolveEntry(entry, pathsOf))),
    hasPlatformDefaults: entries.some(
      ({ path, access }) =>
        path.type === 'special' && path.value.kind === 'minimal' && access !== 'none' && access !== 'deny',
    ),
    hasNetwork,
  };
}

export function cannotHold(why: string): RpcError {
  return new RpcError(RpcCode.invalidRequest, `the sandbox cannot be held to, so nothing is run: ${why}`);
}

/** The order in which each entry changes what those before it said. */
export function widestFirst<T extends Pick<PolicyEntry, 'path' | 'access'>>(entries: readonly T[]): T[] {
  return [...entries].sort((a, b) => depthOf(a.path) - depthOf(b.path) || strictness[a.access] - strictness[b.access]);
}

/** Of entries for one place the last one holds: `none` over `write` over `read`, as Codex has it. */
const strictness: Readonly<Record<Access, number>> = { read: 0, write: 1, none: 2 };

function resolveEntry(
  entry: Entry,
  pathsOf: (value: Special, access: Entry['access']) => readonly string[],
): PolicyEntry[] {
  const { path, access, missing_path_behavior: missing } = entry;
  const paths = path.type === 'path' ? [path.path] : pathsOf(path.value, access);
  return paths.map((text) => ({
    path: normalizePath(parseAbsolutePath(text, 'sandbox.permissions.file_system.entries').path),
    access: access === 'deny' ? 'none' : access,
    skipsMissing: missing === 'skip',
  }));
}

function depthOf(path: string): number {
  return path === '/' ? 0 : path.split('/').length - 1;
}
