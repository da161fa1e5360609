// Registers an executor with a registry, as the genuine executor does: one POST without a body (docs/protocol.md §11.1).

import { request as httpRequest, STATUS_CODES } from 'node:http';
import { request as httpsRequest } from 'node:https';
import * as z from 'zod';

export interface Registration {
  readonly executorId: string;
  /** To be dialled as it is. A secret. */
  readonly url: string;
  /** The rendezvous keeps our streams while we dial again. */
  readonly isResumable: boolean;
  /** Told when registering again, so that the streams are known to be ours; '' for registries that know nothing of it. */
  readonly peer: string;
}

/** The texts are those of the genuine executor. */
export class RegistryError extends Error {
  constructor(
    message: string,
    /** Worth another try once it has worked before: the network, or a server in trouble. */
    readonly isTransient: boolean,
  ) {
    super(message);
  }
}

const answerSchema = z.object({ executor_id: z.string(), url: z.string(), resumable_url: z.string().optional() });
const errorSchema = z.object({
  error: z.object({ code: z.string().optional(), message: z.string().optional() }),
});

/** As much of an error's body is kept, in characters. */
const maxErrorLength = 4096;
const maxBodyBytes = 1024 * 1024;
const timeoutMs = 30_000;

/** @throws RegistryError; its text holds neither the token nor a URL with a query. */
export async function register(
  baseUrl: string,
  executorId: string,
  token: string,
  about: { readonly name: string; readonly peer: string },
): Promise<Registration> {
  const url = `${baseUrl}/cloud/executor/${encodeURIComponent(executorId)}/register`;
  const query = new URLSearchParams(Object.entries(about).filter(([, value]) => value !== '')).toString();
  const { status, body } = await post(query === '' ? url : `${url}?${query}`, token).catch(() => {
    throw new RegistryError(`executor registry request failed: error sending request for url (${url})`, true);
  });
  if (status < 200 || status > 299) throw refusal(status, body.replaceAll(token, '…'));
  const answer = answerSchema.safeParse(tryJson(body));
  const isUrl = (text: string) => /^wss?:\/\//.test(text) && URL.canParse(text);
  if (!answer.success || !isUrl(answer.data.url) || !isUrl(answer.data.resumable_url ?? answer.data.url)) {
    throw new RegistryError('executor registry request failed: error decoding response body', false);
  }
  const { executor_id, url: plainUrl, resumable_url: resumableUrl } = answer.data;
  return {
    executorId: executor_id,
    url: resumableUrl ?? plainUrl,
    isResumable: resumableUrl !== undefined,
    peer: (resumableUrl && new URL(resumableUrl).searchParams.get('peer')) ?? '',
  };
}

function refusal(status: number, body: string): RegistryError {
  const statusText = `${status} ${STATUS_CODES[status] ?? 'Unknown'}`;
  const isAuthentication = status === 401 || status === 403;
  const { code, message } = errorSchema.safeParse(tryJson(body)).data?.error ?? {};
  const nothing = isAuthentication ? 'empty error body' : 'empty or malformed error body';
  const why =
    (message ?? body)
      .replaceAll(/[\p{Cc}\s]+/gu, ' ')
      .trim()
      .slice(0, maxErrorLength) || nothing;
  if (isAuthentication) {
    const text = `executor registry authentication failed (${statusText}): ${why}`;
    return new RegistryError(`executor registry authentication error: ${text}`, false);
  }
  const withCode = code === undefined ? statusText : `${statusText}, ${code}`;
  const isTransient = status >= 500 || status === 408 || status === 429;
  return new RegistryError(`executor registry request failed (${withCode}): ${why}`, isTransient);
}

function post(url: string, token: string): Promise<{ status: number; body: string }> {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, accept: '*/*' };
    const outgoing = request(url, { method: 'POST', headers, agent: false, timeout: timeoutMs }, (answer) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      answer.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes > maxBodyBytes) answer.destroy(new Error('answer too large'));
        else parts.push(part);
      });
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(parts).toString() }));
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('timed out')));
    outgoing.on('error', reject);
    outgoing.end();
  });
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
