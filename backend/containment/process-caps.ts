// Caps on what each process may take (setrlimit(2)), inherited by all that it starts. They are set before the program runs, by
// prlimit(1) of util-linux, which then becomes the program: nothing of it runs without them. Off by default. Where the session
// has a cgroup (session-cgroup.ts), a shell enters it first.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { RpcCode, RpcError } from '../../shared/errors.ts';
import type { ChildSpec } from '../process/child.ts';
import { osError } from '../process/os-error.ts';
import { findSystemProgram } from '../process/system-program.ts';
import { argvFor } from '../process/with-arg0.ts';

/** 0: no cap. */
export interface ProcessCapSettings {
  readonly processMaxMemoryBytes: number;
  readonly processMaxCpuSeconds: number;
  readonly processMaxOpenFiles: number;
  readonly processMaxFileBytes: number;
  /** Of the server's user, wherever they were started. */
  readonly userMaxProcesses: number;
}

/** Puts itself into the cgroup ($0), then becomes what it is given. */
const enterCgroup = 'echo 0 >"$0" && exec "$@"';
/** Names that a shell takes for variables; it drops all others. */
const shellName = /^[A-Za-z_]\w*$/;
/** Longest wait for the trial run, ms. */
const trialMs = 5000;

export function hasCaps(settings: ProcessCapSettings): boolean {
  return limitsOf(settings).length > 0;
}

/** Why the caps that are asked for cannot be held to; undefined when they can, or when there are none. Found by a trial run. */
export function capProblem(settings: ProcessCapSettings): string | undefined {
  const limits = limitsOf(settings);
  if (limits.length === 0) return undefined;
  if (settings.userMaxProcesses > 0 && process.getuid?.() === 0) {
    return '--user-max-processes does not hold root: run the server as another user';
  }
  const prlimit = findSystemProgram('prlimit');
  if (prlimit === undefined) return 'caps on processes need prlimit of util-linux, which is not installed';
  const trial = spawnSync(prlimit, [...limits, findSystemProgram('true') ?? '/bin/true'], {
    timeout: trialMs,
    encoding: 'utf8',
    env: {},
  });
  if (trial.status === 0) return undefined;
  const why = trial.stderr.trim() || `the trial run was ended by ${trial.signal ?? `code ${String(trial.status)}`}`;
  return `the caps on processes (${limits.join(' ')}) cannot be held to: ${why}`;
}

/**
 * @param spec its program may be relative to its cwd.
 * @param cgroupProcs the file by which to enter the cgroup of the session; undefined: it has none.
 * @throws OsError for a program that cannot be run, which the starter would tell by an exit code only; RpcError -32600 when it
 *   cannot be started with its argv[0], or by its path.
 */
export function withCaps(spec: ChildSpec, settings: ProcessCapSettings, cgroupProcs: string | undefined): ChildSpec {
  const limits = limitsOf(settings);
  if (limits.length === 0 && cgroupProcs === undefined) return spec;
  const program = resolve(spec.cwd, spec.program);
  if (!statSync(program).isFile()) throw osError('EACCES');
  accessSync(program, constants.X_OK);
  const inner = argvFor({ ...spec, program });
  if (!inner) throw new RpcError(RpcCode.invalidRequest, 'arg0 under caps on processes needs bash on this machine');
  const limited = limits.length === 0 ? inner : [findSystemProgram('prlimit') ?? '', ...limits, '--', ...inner];
  const [starter = '', ...rest] = cgroupProcs === undefined ? limited : inCgroup(limited, spec.env, cgroupProcs);
  return { ...spec, program: starter, argv: [starter, ...rest] };
}

/** @throws RpcError -32600 for a program that cannot be run by env(1). */
function inCgroup(argv: readonly string[], env: ChildSpec['env'], procsFile: string): readonly string[] {
  if (argv[0]?.includes('=')) {
    throw new RpcError(RpcCode.invalidRequest, 'a program whose path holds `=` cannot be run under caps on sessions');
  }
  // The shell sets PWD by itself, and hands on no name that it could not use.
  const restored = Object.entries(env).filter(([name]) => name === 'PWD' || !shellName.test(name));
  const unset = env['PWD'] === undefined ? ['-u', 'PWD'] : [];
  const assignments = restored.map(([name, value]) => `${name}=${value}`);
  const program = findSystemProgram('env') ?? '';
  return ['/bin/sh', '-c', enterCgroup, procsFile, program, ...unset, '--', ...assignments, ...argv];
}

/** Soft and hard, so that no process can raise its own. */
function limitsOf(settings: ProcessCapSettings): readonly string[] {
  const caps = {
    as: settings.processMaxMemoryBytes,
    cpu: settings.processMaxCpuSeconds,
    nofile: settings.processMaxOpenFiles,
    fsize: settings.processMaxFileBytes,
    nproc: settings.userMaxProcesses,
  };
  return Object.entries(caps).flatMap(([name, value]) => (value > 0 ? [`--${name}=${value}:${value}`] : []));
}
