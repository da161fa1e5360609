// The handshake: `initialize`, its answer, `initialized` (docs/protocol.md, "Handshake and sessions").

import * as z from 'zod';
import { RpcCode } from '../errors.ts';
import { declareMethod, declareNotification, optional } from './declare.ts';
import { environmentInfoResult } from './environment.ts';

export const initialize = declareMethod({
  method: 'initialize',
  family: 'handshake',
  since: '0.131',
  doc: 'Opens a session, or takes over a detached one. The first request of every connection.',
  params: z.looseObject({
    clientName: z.string().meta({ description: 'Shown in logs only; may be empty.' }),
    resumeSessionId: optional(z.string()).meta({ description: 'Session to take over.' }),
    extensions: optional(z.array(z.string())).meta({
      description: 'Extension notifications the harness wants: process/started, process/failed.',
    }),
  }),
  result: z.looseObject({
    sessionId: z.string(),
    environmentInfo: environmentInfoResult.optional(),
    extensions: z.array(z.string()).optional(),
    readOnly: z
      .boolean()
      .optional()
      .meta({ description: 'Extension: true where nothing can be started or changed; else absent.' }),
  }),
  errors: [
    {
      code: RpcCode.invalidRequest,
      when: 'the connection is initialized already, or the session is unknown or expired',
    },
    { code: RpcCode.sessionAttached, when: 'the session is attached to another live connection' },
    { code: RpcCode.overloaded, when: 'the server holds as many sessions as it may' },
  ],
});

export const initialized = declareNotification({
  method: 'initialized',
  from: 'harness',
  since: '0.131',
  doc: 'The harness is ready; requests are served from here on.',
  params: z.looseObject({}),
});
