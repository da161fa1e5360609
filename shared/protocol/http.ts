// http/request: an HTTP request made in the executor's network (docs/protocol.md, "HTTP requests").

import * as z from 'zod';
import { RpcCode } from '../errors.ts';
import { base64, declareMethod, declareNotification, optional, unsigned } from './declare.ts';

const header = z.looseObject({ name: z.string(), value: z.string() });

export const httpRequest = declareMethod({
  method: 'http/request',
  family: 'http',
  since: '0.131',
  doc: 'Makes an HTTP request; the body comes whole, or streamed by http/request/bodyDelta.',
  params: z.looseObject({
    method: z.string(),
    url: z.string().meta({ description: 'Absolute, http or https.' }),
    headers: z.array(header).default([]),
    bodyBase64: optional(base64),
    timeoutMs: optional(unsigned).meta({ description: 'For the whole exchange, ms. Default: none.' }),
    requestId: z.string().meta({ description: 'Names the body stream.' }),
    streamResponse: z.boolean().default(false),
    redirectPolicy: optional(z.enum(['follow', 'stop'])),
  }),
  result: z.looseObject({ status: z.number().int(), headers: z.array(header), bodyBase64: base64 }),
  errors: [
    { code: RpcCode.invalidParams, when: 'method, url or a header is invalid, or requestId is active' },
    { code: RpcCode.internal, when: 'no connection, a time-out, a redirect loop, or a body that broke off' },
    { code: RpcCode.overloaded, when: 'too many HTTP requests at a time, or too many requests wait' },
  ],
});

export const httpBodyDelta = declareNotification({
  method: 'http/request/bodyDelta',
  from: 'executor',
  since: '0.131',
  doc: 'A piece of a streamed body; the last one is empty and done.',
  params: z.looseObject({
    requestId: z.string(),
    seq: unsigned,
    deltaBase64: base64,
    done: z.boolean(),
    error: z.string().nullable(),
  }),
});
