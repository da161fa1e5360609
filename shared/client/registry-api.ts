// What a harness asks a registry: the way to an executor, and who is online (docs/relay.md "Registry").

import * as z from 'zod';
import { openedInTime, urlWithoutSecrets, type DialOptions } from '../connection/dialing.ts';
import { LocalError } from '../errors.ts';

export interface RegistryAddress {
  /** Base URL, http:// or https://, e.g. `http://127.0.0.1:8765`. */
  readonly registry: string;
  /** Bearer token of the registry. */
  readonly token?: string | undefined;
}

/** What is used of `fetch`. */
export type RegistryFetch = (
  url: string,
  init: { method: string; headers: Record<string, string>; signal: AbortSignal },
) => Promise<{ readonly status: number; text(): Promise<string> }>;

export interface AskOptions extends DialOptions {
  /** Default: the platform's. A page reaches only its own server by that. */
  readonly fetch?: RegistryFetch | undefined;
}

export const relayUrl = z.string().regex(/^wss?:\/\/[^/]/);
const wayIn = z.object({
  url: relayUrl,
  /** For peers that resume their streams, as ours do. */
  resumable_url: relayUrl.optional(),
  online: z.boolean().optional(),
});
export const executorList = z.object({
  executors: z.array(z.looseObject({ executor_id: z.string(), name: z.string().optional() })),
});
const refusal = z.object({ error: z.object({ message: z.string() }) });

/** One executor that is online. Further members are as the registry answers them. */
export type OnlineExecutor = z.output<typeof executorList>['executors'][number];

/**
 * The URL to dial for `executorId`; it expires, so ask before each attempt.
 * @param peer who asked before may keep that identity, so that its streams are its own on the new URL
 * @throws LocalError `connect` when the registry refuses, cannot be reached or says that the executor is offline,
 * `connect-timeout`, `protocol` for an answer of the wrong shape, `invalid-argument`, `aborted`.
 */
export async function askWayIn(
  { registry, token }: RegistryAddress,
  executorId: string,
  options: DialOptions & { readonly peer?: string | undefined } = {},
): Promise<string> {
  const peer = options.peer === undefined ? '' : `?peer=${encodeURIComponent(options.peer)}`;
  const path = `/cloud/executor/${encodeURIComponent(executorId)}/connect${peer}`;
  const answer = await askRegistry(registry, path, 'POST', token, wayIn, options);
  if (answer.online === false) throw new LocalError('connect', `executor ${executorId} is not online`);
  return answer.resumable_url ?? answer.url;
}

/** Who is online. @throws LocalError as `askWayIn`. */
export async function listExecutors(
  { registry, token }: RegistryAddress,
  options: DialOptions = {},
): Promise<OnlineExecutor[]> {
  return (await askRegistry(registry, '/cloud/executor', 'GET', token, executorList, options)).executors;
}

/** One request to a registry. @throws LocalError as `askWayIn`. */
export async function askRegistry<T>(
  registry: string,
  path: string,
  method: string,
  token: string | undefined,
  schema: z.ZodType<T>,
  options: AskOptions,
): Promise<T> {
  const base = registry.trim().replace(/\/+$/, '');
  if (!/^https?:\/\/[^/]/.test(base) || /[?#]/.test(base)) {
    throw new LocalError('invalid-argument', 'the registry must be http://… or https://… without a query');
  }
  const label = urlWithoutSecrets(base + path);
  const cancel = new AbortController();
  const exchange = (options.fetch ?? fetch)(base + path, {
    method,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    signal: cancel.signal,
  })
    .then(async (response) => ({ status: response.status, text: await response.text() }))
    .catch((error: unknown) => {
      // `fetch failed` hides why.
      throw error instanceof Error && error.cause instanceof Error ? error.cause : error;
    });
  const { status, text } = await openedInTime(exchange, label, options, () => cancel.abort());
  const body = tryJson(text);
  if (status < 200 || status > 299) {
    const refused = refusal.safeParse(body);
    const why = refused.success ? refused.data.error.message : 'no reason given';
    const hint = status === 401 || status === 403 ? 'the token is missing or wrong: ' : '';
    throw new LocalError('connect', `${label} answered ${status}: ${hint}${why}`);
  }
  const answer = schema.safeParse(body);
  if (!answer.success) throw new LocalError('protocol', `${label} did not answer as a registry does`);
  return answer.data;
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
