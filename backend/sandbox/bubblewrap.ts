// Runs programs confined by bubblewrap (bwrap): a mount namespace as the policy says, a pid namespace of its own, so that
// everything in it ends with it, no way to more rights (no_new_privs), and a filter of system calls.
//
//   env --ignore-signal=…  bwrap …  env --default-signal  PROGRAM ARGS…
//
// Signals go to the whole process group, and bwrap is in it: it must outlive what it waits for, to tell how that ended. So it
// starts with those signals ignored, and the program within has them as any other.

import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { errorText, RpcCode, RpcError } from '../../shared/errors.ts';
import type { ChildSpec } from '../process/child.ts';
import { findSystemProgram as find } from '../process/system-program.ts';
import { argvFor } from '../process/with-arg0.ts';
import { mountsOf } from './mounts.ts';
import type { Policy } from './policy.ts';
import { isFilterKnown, syscallFilterFile } from './syscall-filter.ts';

export interface Confined {
  readonly spec: ChildSpec;
  /** To be called once the process is gone. */
  release(): void;
}

/** Whether requests can be confined here, and if not what is missing. */
type SandboxState =
  | { readonly isAvailable: true; readonly kind: 'bubblewrap' }
  | { readonly isAvailable: false; readonly reason: string };

const signals = ['HUP', 'INT', 'QUIT', 'TERM', 'USR1', 'USR2', 'ALRM'];
const isolation = [
  ...['--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'],
  ...['--die-with-parent', '--cap-drop', 'ALL'],
];
/** Longest wait for the trial run, ms. */
const trialMs = 5000;

let known: Promise<SandboxState> | undefined;

/** Found out once, by a trial run. */
function sandboxState(): Promise<SandboxState> {
  return (known ??= tryOut());
}

/** As it is told to harnesses (`environment/info`) and over HTTP (`/healthz`). */
export async function sandboxReport() {
  const state = await sandboxState();
  return state.isAvailable
    ? { available: true, kind: state.kind, reason: null }
    : { available: false, kind: null, reason: state.reason };
}

/** @throws RpcError -32600 where requests cannot be confined: it says what is missing. */
export async function requireSandbox(): Promise<void> {
  const state = await sandboxState();
  if (state.isAvailable) return;
  throw new RpcError(
    RpcCode.invalidRequest,
    `this request asks for a sandbox, which cannot be had here, so nothing was run: ${state.reason}; ` +
      'send no sandbox, or permissions.type `disabled`, to run with the rights of the server',
  );
}

/**
 * @param spec its program must be absolute.
 * @param isFiltered its system calls too: it is started with the filter open (`ChildSpec.inheritedFile`).
 * @throws RpcError -32600 for what cannot be confined.
 */
export function confine(spec: ChildSpec, policy: Policy, isFiltered: boolean): Confined {
  const { args, release } = mountsOf(policy);
  const program = find('env') ?? '';
  const argv = [
    ...[program, ...signals.map((name) => `--ignore-signal=${name}`), '--'],
    ...[
      find('bwrap') ?? '',
      ...isolation,
      ...(isFiltered ? ['--seccomp', '3'] : []),
      ...args,
      '--chdir',
      spec.cwd,
      '--',
    ],
    // bwrap sets PWD by itself.
    ...[
      program,
      '--default-signal',
      ...(spec.env['PWD'] === undefined ? ['-u', 'PWD', '--'] : ['--', `PWD=${spec.env['PWD']}`]),
    ],
    ...innerArgv(spec),
  ] as const;
  const inheritedFile = isFiltered ? syscallFilterFile(policy.hasNetwork) : undefined;
  return { spec: { ...spec, program, argv: [argv[0], ...argv.slice(1)], inheritedFile }, release };
}

/** @throws RpcError */
function innerArgv(spec: ChildSpec): readonly string[] {
  if (spec.program.includes('=')) {
    throw new RpcError(RpcCode.invalidRequest, 'a program whose path holds `=` cannot be run in a sandbox');
  }
  const argv = argvFor(spec);
  if (!argv) throw new RpcError(RpcCode.invalidRequest, 'arg0 in a sandbox needs bash on this machine');
  return argv;
}

async function tryOut(): Promise<SandboxState> {
  if (process.platform !== 'linux') return missing(`there is no bubblewrap on ${process.platform}`);
  if (find('bwrap') === undefined) return missing('bubblewrap is not installed (Debian: apt-get install bubblewrap)');
  if (!isFilterKnown) return missing(`there is no filter of system calls for ${process.arch}`);
  if (find('env') === undefined) return missing('env of GNU coreutils is not installed');
  const policy: Policy = {
    entries: [{ path: '/', access: 'read', skipsMissing: false }],
    hasPlatformDefaults: false,
    hasNetwork: false,
  };
  const trial = { program: find('true') ?? '/bin/true', argv: ['true'], cwd: '/', env: {} } as const;
  let child: ChildProcess;
  try {
    const { spec } = confine(trial, policy, true);
    const filter = openSync(spec.inheritedFile ?? '', 'r');
    child = spawn(spec.program, spec.argv.slice(1), {
      env: {},
      stdio: ['ignore', 'ignore', 'pipe', filter],
      timeout: trialMs,
    });
    closeSync(filter);
  } catch (error) {
    return missing(`bubblewrap cannot run here: ${errorText(error)}`);
  }
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(missing(`bubblewrap cannot run here: ${error.message}`)));
    child.on('close', (code, signal) => {
      const why = said.trim().split('\n').at(-1) ?? '';
      if (code === 0) resolve({ isAvailable: true, kind: 'bubblewrap' });
      else resolve(missing(`bubblewrap cannot run here: ${why === '' ? `it ended with ${code ?? signal}` : why}`));
    });
  });
}

function missing(reason: string): SandboxState {
  return { isAvailable: false, reason };
}
