// argv for a starter (bwrap, prlimit) that runs what it is given by its path: its argv[0] would be that path.

import type { ChildSpec } from './child.ts';
import { findSystemProgram } from './system-program.ts';

/**
 * @param spec its program must be absolute.
 * @returns what the starter has to run, so that the program sees the argv[0] of `spec`, or at least the path for its name;
 *   undefined where that needs bash, and there is none.
 */
export function argvFor({ program, argv: [arg0, ...args] }: ChildSpec): readonly string[] | undefined {
  if (arg0 === program || program.endsWith(`/${arg0}`)) return [program, ...args];
  const bash = findSystemProgram('bash');
  return bash === undefined ? undefined : [bash, '-c', 'exec -a "$0" "$@"', arg0, program, ...args];
}
