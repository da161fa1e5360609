// HTTP requests made by the executor, in its network, with the shape of `fetch`.

import { base64Encode, tryBase64Decode } from '../bytes.ts';
import { LocalError } from '../errors.ts';
import * as protocol from '../protocol/http.ts';
import { randomId } from './exec.ts';
import type { ExecServerClient } from './harness.ts';

type Body = ConstructorParameters<typeof Response>[0];
type HeaderList = ConstructorParameters<typeof Headers>[0];

export interface FetchOptions {
  /** Default GET. */
  readonly method?: string | undefined;
  readonly headers?: HeaderList | undefined;
  /** What `fetch` takes as a body, except a stream of unknown end is read to its end first. */
  readonly body?: Body | undefined;
  readonly redirect?: 'follow' | 'manual' | undefined;
  /** For the whole exchange, the body too, ms; the executor keeps it. Default: none. */
  readonly timeoutMs?: number | undefined;
  /** Gives up waiting, also for the body. The protocol cannot cancel: the executor ends the exchange by itself. */
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the body that may wait for their reader; with more the body fails. Default 64 MiB: the protocol cannot hold it back. */
  readonly maxUnreadBytes?: number | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly body: ReadableStream<Uint8Array>;
  /** Gives the body up: for who does not read it. */
  readonly cancel: () => void;
}

const defaultMaxUnreadBytes = 64 * 1024 * 1024;
/** Statuses of which a `Response` takes no body. */
const withoutBody = new Set([101, 204, 205, 304]);

export class RemoteHttp {
  /** @param connect the client, or how to come by it */
  constructor(private readonly connect: () => ExecServerClient | Promise<ExecServerClient>) {}

  /**
   * As `fetch`, from the executor's network. Any status is an answer. The body comes as on the wire: nothing is decompressed,
   * and there are no cookies, no cache and no CORS.
   * @throws RpcError -32602 for a bad method, URL or header, -32603 for no connection or a time-out; LocalError `closed`,
   * `aborted`. A body that breaks off fails while it is read.
   */
  readonly fetch = async (url: string | URL, options: FetchOptions = {}): Promise<Response> => {
    const { status, headers, body, cancel } = await this.request(url, options);
    const init = { status, headers: headers.map(({ name, value }): [string, string] => [name, value]) };
    if (!withoutBody.has(status)) return new Response(body, init);
    cancel();
    return new Response(null, init);
  };

  /**
   * As `fetch`, with the headers as they came, in their order: a browser's `Response` hides `set-cookie` and joins those of
   * one name. Errors as `fetch`.
   */
  readonly request = async (url: string | URL, options: FetchOptions = {}): Promise<HttpAnswer> => {
    const client = await this.connect();
    const { headers, bodyBase64 } = await prepare(options);
    const requestId = randomId();
    const body = new StreamedBody(client, requestId, options);
    try {
      const { status, headers: answered } = await client.call(
        protocol.httpRequest,
        {
          method: options.method ?? 'GET',
          url: typeof url === 'string' ? url : url.href,
          headers,
          requestId,
          streamResponse: true,
          ...(bodyBase64 !== undefined && { bodyBase64 }),
          ...(options.timeoutMs !== undefined && { timeoutMs: options.timeoutMs }),
          ...(options.redirect === 'manual' && { redirectPolicy: 'stop' as const }),
        },
        { signal: options.signal },
      );
      return { status, headers: answered, body: body.stream, cancel: body.end };
    } catch (error) {
      body.end();
      throw error;
    }
  };
}

async function prepare({ headers = {}, body }: FetchOptions) {
  const given = new Headers(headers);
  let bodyBase64: string | undefined;
  if (body != null) {
    // It knows what every kind of body is in bytes, and of what type.
    const carried = new Response(body);
    bodyBase64 = base64Encode(new Uint8Array(await carried.arrayBuffer()));
    const type = carried.headers.get('content-type');
    if (type !== null && !given.has('content-type')) given.set('content-type', type);
  }
  return { headers: [...given].map(([name, value]) => ({ name, value })), bodyBase64 };
}

/** Puts the pieces of one body, which come as notifications, into a stream. */
class StreamedBody {
  readonly stream: ReadableStream<Uint8Array>;
  readonly end: () => void;

  constructor(client: ExecServerClient, requestId: string, options: FetchOptions) {
    const { signal, maxUnreadBytes = defaultMaxUnreadBytes } = options;
    const waiting: Uint8Array[] = [];
    let unreadBytes = 0;
    let nextSeq = 1;
    let outcome: { readonly error?: LocalError } | undefined;
    let wake: () => void = () => undefined;

    const finish = (error?: LocalError) => {
      outcome ??= error ? { error } : {};
      unsubscribe();
      unfollow();
      signal?.removeEventListener('abort', onAbort);
      wake();
    };
    const unsubscribe = client.subscribe((method, params) => {
      if (method !== protocol.httpBodyDelta.method) return;
      const delta = protocol.httpBodyDelta.params.safeParse(params);
      if (delta.data?.requestId !== requestId) return;
      const { seq, deltaBase64, done, error } = delta.data;
      const bytes = tryBase64Decode(deltaBase64);
      if (!bytes || seq !== nextSeq) return finish(new LocalError('protocol', 'a piece of the body is missing or bad'));
      nextSeq++;
      unreadBytes += bytes.length;
      if (bytes.length > 0) waiting.push(bytes);
      if (error !== null) return finish(new LocalError('closed', `the body broke off: ${error}`));
      if (done) return finish();
      if (unreadBytes > maxUnreadBytes)
        return finish(
          new LocalError('output-lost', `more than ${maxUnreadBytes} bytes of the body came while nobody read`),
        );
      wake();
    });
    const unfollow = client.onceLost((reason) => finish(new LocalError('closed', `the body broke off: ${reason}`)));
    const onAbort = () => finish(new LocalError('aborted', 'the request was aborted'));
    signal?.addEventListener('abort', onAbort);

    this.end = () => finish();
    this.stream = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          while (waiting.length === 0 && !outcome) await new Promise<void>((resolve) => (wake = resolve));
          const next = waiting.shift();
          if (next) {
            unreadBytes -= next.length;
            controller.enqueue(next);
          } else if (outcome?.error) controller.error(outcome.error);
          else controller.close();
        },
        cancel: () => {
          waiting.length = 0;
          finish();
        },
      },
      { highWaterMark: 0 },
    );
  }
}
