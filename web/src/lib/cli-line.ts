// Our own command line for the executor of a connection, for empty views to show. The token comes from the environment
// (EXEC_WORKBENCH_TOKEN), never from the page.

import { urlWithoutSecrets } from '../../../shared/connection/dialing.ts';
import { quoteArgv } from './argv.ts';
import type { Target } from './target.ts';

/** @returns undefined where no command line leads to the same executor: a program of the bridge, a relay's signed URL. */
export function cliLine(target: Target, [command, ...words]: readonly [string, ...string[]]): string | undefined {
  const where = whereFlags(target);
  return where && quoteArgv(['exec-workbench', command, ...where, ...words]);
}

function whereFlags(target: Target): readonly string[] | undefined {
  switch (target.kind) {
    case 'direct':
    case 'bridge':
      return ['--url', urlWithoutSecrets(target.url)];
    case 'relay':
      return target.url === '' ? ['--registry', location.origin, '--executor-id', target.executorId] : undefined;
    case 'stdio':
      return undefined;
  }
}

/** Something over HTTP that the executor of `target` is likely to reach: itself, or the relay that it is connected to. */
export function reachableUrl(target: Target): string {
  if (target.kind === 'stdio' || !URL.canParse(target.url)) return `${location.origin}/readyz`;
  return `${new URL(target.url).origin.replace(/^ws/, 'http')}/readyz`;
}
