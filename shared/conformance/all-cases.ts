// All conformance cases, family by family.

import type { ConformanceCase } from './case.ts';
import { envelopeCases } from './cases/envelope.ts';
import { environmentPolicyCases } from './cases/environment-policy.ts';
import { extensionCases } from './cases/extensions.ts';
import { newerFileCases } from './cases/files-169.ts';
import { fileCases } from './cases/files.ts';
import { handshakeCases } from './cases/handshake.ts';
import { httpCases } from './cases/http.ts';
import { idCases } from './cases/ids.ts';
import { listenerCases } from './cases/listener.ts';
import { exitCases, outputCases } from './cases/output.ts';
import { readCases } from './cases/read.ts';
import { relayEndpointCases } from './cases/relay-endpoint.ts';
import { rendezvousCases } from './cases/rendezvous.ts';
import { sessionCases } from './cases/sessions.ts';
import { startCases } from './cases/start.ts';
import { stdioCases } from './cases/stdio.ts';
import { signalCases, terminateCases } from './cases/terminate.ts';
import { websocketCases } from './cases/websocket.ts';
import { terminalCases, writeCases } from './cases/write.ts';

export const allCases: readonly ConformanceCase[] = [
  ...envelopeCases,
  ...idCases,
  ...handshakeCases,
  ...sessionCases,
  ...startCases,
  ...environmentPolicyCases,
  ...outputCases,
  ...exitCases,
  ...readCases,
  ...writeCases,
  ...terminalCases,
  ...terminateCases,
  ...signalCases,
  ...extensionCases,
  ...fileCases,
  ...newerFileCases,
  ...httpCases,
  ...listenerCases,
  ...websocketCases,
  ...stdioCases,
  ...relayEndpointCases,
  ...rendezvousCases,
];
