// The same launch by hand: the lines to paste into `wscat`. What the page does is nothing that a few lines of JSON cannot do.

import { initialize, initialized } from '../../../shared/protocol/initialize.ts';
import type { ParamsInput } from '../../../shared/protocol/declare.ts';
import { processStart } from '../../../shared/protocol/process.ts';
import { notificationText, requestText } from '../../../shared/rpc/envelope.ts';
import { urlWithoutSecrets } from '../../../shared/connection/dialing.ts';

export interface WireTwin {
  /** For a POSIX shell. The token comes from the environment, never from the page. */
  readonly command: string;
  /** To paste one after another. */
  readonly messages: readonly string[];
}

export function wireTwin(url: string, params: ParamsInput<typeof processStart>): WireTwin {
  return {
    command: `npx wscat -c ${urlWithoutSecrets(url)} -H "Authorization: Bearer $EXEC_WORKBENCH_TOKEN"`,
    messages: [
      requestText(1, initialize.method, { clientName: 'wscat' }),
      notificationText(initialized.method, {}),
      requestText(2, processStart.method, params),
    ],
  };
}
