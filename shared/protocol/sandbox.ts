// The sandbox context that a request may carry, and whether it confines (docs/protocol.md, "Sandbox").

import * as z from 'zod';

export const sandboxContext = z
  .looseObject({ permissions: z.looseObject({ type: z.string() }) })
  .meta({ description: 'What the operation may touch. permissions.type "disabled" is plain access.' });

export type SandboxContext = z.output<typeof sandboxContext>;

/** Whether the context asks for less than the rights of the server. */
export function isConfining(sandbox: SandboxContext | null | undefined): sandbox is SandboxContext {
  return sandbox != null && sandbox.permissions.type !== 'disabled';
}
