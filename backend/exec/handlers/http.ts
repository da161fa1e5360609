// http/request: an HTTP request made in the executor's network.

import { base64Encode } from '../../../shared/bytes.ts';
import { errorText, RpcCode, RpcError } from '../../../shared/errors.ts';
import { timerMs } from '../../../shared/limits.ts';
import * as declared from '../../../shared/protocol/http.ts';
import { readBody, streamBody } from '../../http/body.ts';
import { exchange, responseHeaders } from '../../http/exchange.ts';
import { prepareRequest } from '../../http/prepare.ts';
import { route, type RequestContext, type Route } from '../handler.ts';
import type { ParamsOf, ResultOf } from '../../../shared/protocol/declare.ts';

export interface HttpRouteOptions {
  /** Largest body of a response that is not streamed, in bytes. */
  readonly maxBufferedBodyBytes: number;
}

type Params = ParamsOf<typeof declared.httpRequest>;
type Result = ResultOf<typeof declared.httpRequest>;

export function httpRoutes(options: HttpRouteOptions): Route[] {
  return [
    route(
      declared.httpRequest,
      (params, context) =>
        params.streamResponse ? streamed(params, context) : buffered(params, context, options.maxBufferedBodyBytes),
      { waits: true },
    ),
  ];
}

async function buffered(params: Params, context: RequestContext, maxBytes: number): Promise<Result> {
  const running = begin(params, context);
  try {
    const response = await running.response;
    const body = await readBody(response, maxBytes).catch((error: unknown) => {
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

async function streamed(params: Params, context: RequestContext): Promise<Result> {
  const { requestId } = params;
  const { bodyStreams } = context;
  const running = begin(params, context, () => {
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
    setImmediate(() => void streamBody(response, requestId, sink, end, running.whyEnded));
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
function begin(params: Params, { signal }: RequestContext, assertFree?: () => void) {
  const prepared = prepareRequest(params);
  assertFree?.();
  const abort = new AbortController();
  let ended: string | undefined;
  const endWith = (reason: string) => {
    ended ??= reason;
    abort.abort();
  };
  const onClosed = () => endWith('the connection has ended');
  if (signal.aborted) onClosed();
  signal.addEventListener('abort', onClosed, { once: true });
  const { timeoutMs } = params;
  const timedOut = () => endWith(`operation timed out after ${timeoutMs ?? 0} ms`);
  if (timeoutMs === 0) timedOut();
  const timer = timeoutMs == null ? undefined : setTimeout(timedOut, timerMs(timeoutMs)).unref();

  const response = exchange(prepared, {
    followsRedirects: params.redirectPolicy !== 'stop',
    signal: abort.signal,
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
    },
  };
}

function failed(what: string, why: string): RpcError {
  return new RpcError(RpcCode.internal, `${what}: ${why}`);
}
