// Caps on what each process may take (setrlimit(2)), inherited by all that it starts. They are set before the program runs, by
// prlimit(1) of util-linux, which then becomes the program: nothing of it runs without them. Off by default.
//
// A session as a whole is not capped: that takes a cgroup with controllers (docs/operations.md says how to give the server one).

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
 * @throws OsError for a program that cannot be run, which the starter would tell by an exit code only; RpcError -32600 when it
 *   cannot be started with its argv[0].
 */
export function withCaps(spec: ChildSpec, settings: ProcessCapSettings): ChildSpec {
  const limits = limitsOf(settings);
  if (limits.length === 0) return spec;
  const program = resolve(spec.cwd, spec.program);
  if (!statSync(program).isFile()) throw osError('EACCES');
  accessSync(program, constants.X_OK);
  const inner = argvFor({ ...spec, program });
  if (!inner) throw new RpcError(RpcCode.invalidRequest, 'arg0 under --process-max-… needs bash on this machine');
  const prlimit = findSystemProgram('prlimit') ?? '';
  return { ...spec, program: prlimit, argv: [prlimit, ...limits, '--', ...inner] };
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
