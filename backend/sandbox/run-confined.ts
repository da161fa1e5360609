// Starts a process confined to what its sandbox context allows.

import { resolve } from 'node:path';
import type { SandboxContext } from '../../shared/protocol/sandbox.ts';
import type { Child, ChildEvents, ChildSpec } from '../process/child.ts';
import { confine, requireSandbox } from './bubblewrap.ts';
import { parsePolicy } from './policy.ts';

/**
 * @param run starts a child, confined or not.
 * @throws RpcError -32600 when it cannot be confined; what `run` throws.
 */
export async function runConfined(
  spec: ChildSpec,
  sandbox: SandboxContext,
  events: ChildEvents,
  run: (spec: ChildSpec, events: ChildEvents) => Promise<Child>,
): Promise<Child> {
  await requireSandbox();
  const cwd = resolve(spec.cwd);
  const policy = parsePolicy(sandbox, cwd, spec.env['TMPDIR']);
  const confined = confine({ ...spec, cwd, program: resolve(cwd, spec.program) }, policy, true);
  const onExit = (exitCode: number) => {
    confined.release();
    events.onExit(exitCode);
  };
  try {
    return await run(confined.spec, { ...events, onExit });
  } catch (error) {
    confined.release();
    throw error;
  }
}
