// http/request: an HTTP request made in the executor's network.

import { base64Encode } from '../../../shared/bytes.ts';
import { errorText, RpcCode, RpcError } from '../../../shared/errors.ts';
import { timerMs } from '../../../shared/limits.ts';
import * as declared from '../../../shared/protocol/http.ts';
import type { Quota } from '../../containment/quota.ts';
import type { AddressGuard } from '../../http/address-guard.ts';
import { readBody, streamBody } from '../../http/body.ts';
import { exchange, responseHeaders } from '../../http/exchange.ts';
import { prepareRequest } from '../../http/prepare.ts';
import { route, type RequestContext, type Route } from '../handler.ts';
import type { ParamsOf, ResultOf } from '../../../shared/protocol/declare.ts';

export interface HttpRouteOptions {
  /** Largest body of a response that is not streamed, in bytes. */
  readonly maxBufferedBodyBytes: number;
  /** Largest body of a response that is streamed, in bytes; 0: any. */
  readonly maxStreamedBodyBytes: number;
  /** Longest request, its body included, in ms; 0: as long as it says. */
  readonly maxMs: number;
  /** Undefined: any address may be reached. */
  readonly guard: AddressGuard | undefined;
  /** How many there may be at a time. */
  readonly requests?: Quota;
}

type Params = ParamsOf<typeof declared.httpRequest>;
type Result = ResultOf<typeof declared.httpRequest>;

export function httpRoutes(options: HttpRouteOptions): Route[] {
  return [
    route(
      declared.httpRequest,
      (params, context) =>
        params.streamResponse ? streamed(params, context, options) : buffered(params, context, options),
      { waits: true },
    ),
  ];
}

async function buffered(params: Params, context: RequestContext, options: HttpRouteOptions): Promise<Result> {
  const running = begin(params, context, options);
  try {
    const response = await running.response;
    const body = await readBody(response, options.maxBufferedBodyBytes).catch((error: unknown) => {
      throw failed('failed to read http/request response body', running.whyEnded() ?? errorText(error));
    });
    return {
      status: response.statusCode ?? 0,
      headers: responseHeaders(response),
      bodyBase64: base64Encode(body),
    };
  } finally {
    running.end();
  }
}

async function streamed(params: Params, context: RequestContext, options: HttpRouteOptions): Promise<Result> {
  const { requestId } = params;
  const { bodyStreams } = context;
  const running = begin(params, context, options, () => {
    if (!bodyStreams.has(requestId)) return;
    throw new RpcError(
      RpcCode.invalidParams,
      `http/request streamResponse requestId \`${requestId}\` is already active`,
    );
  });
  bodyStreams.add(requestId);
  const end = () => {
    bodyStreams.delete(requestId);
    running.end();
  };
  try {
    const response = await running.response;
    const sink = {
      send: (delta: ParamsOf<typeof declared.httpBodyDelta>) => context.notify(declared.httpBodyDelta.method, delta),
      whenWritable: () => context.whenWritable(),
    };
    // The answer goes first: it is sent before the next turn of the event loop.
    setImmediate(() => void streamBody(response, requestId, sink, options.maxStreamedBodyBytes, end, running.whyEnded));
    return { status: response.statusCode ?? 0, headers: responseHeaders(response), bodyBase64: '' };
  } catch (error) {
    end();
    throw error;
  }
}

/**
 * Starts the exchange. It ends with the connection and at `timeoutMs`, the body included, until `end` is called.
 * @param assertFree throws when the request must not start.
 */
function begin(params: Params, { signal }: RequestContext, options: HttpRouteOptions, assertFree?: () => void) {
  const prepared = prepareRequest(params);
  assertFree?.();
  options.requests?.take();
  const abort = new AbortController();
  let ended: string | undefined;
  const endWith = (reason: string) => {
    ended ??= reason;
    abort.abort();
  };
  const onClosed = () => endWith('the connection has ended');
  if (signal.aborted) onClosed();
  signal.addEventListener('abort', onClosed, { once: true });
  const allowedMs = Math.min(params.timeoutMs ?? Infinity, options.maxMs || Infinity);
  const timedOut = () => endWith(`operation timed out after ${allowedMs} ms`);
  if (allowedMs === 0) timedOut();
  const timer = allowedMs === Infinity ? undefined : setTimeout(timedOut, timerMs(allowedMs)).unref();

  const response = exchange(prepared, {
    followsRedirects: params.redirectPolicy !== 'stop',
    signal: abort.signal,
    guard: options.guard,
  }).catch((error: unknown) => {
    // The URL without the user's name and password.
    const { origin, pathname, search } = prepared.url;
    throw failed(
      'http/request failed',
      `error sending request for url (${origin}${pathname}${search}): ${ended ?? errorText(error)}`,
    );
  });
  return {
    response,
    whyEnded: () => ended,
    end: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onClosed);
      options.requests?.release();
    },
  };
}

function failed(what: string, why: string): RpcError {
  return new RpcError(RpcCode.internal, `${what}: ${why}`);
}
