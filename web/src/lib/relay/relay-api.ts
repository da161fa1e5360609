// What the page asks of its server's relay beyond what peers need (docs/relay.md). The page's cookie lets it in.

import * as z from 'zod';
import { errorText, LocalError } from '../../../../shared/errors.ts';
import { impairmentsSchema, type ImpairmentsSettings } from '../../../../shared/relay/impairment-settings.ts';

const overviewSchema = z.object({ impairedExecutors: z.array(z.string()) });
const impairmentSchema = z.object({ impairment: z.object({ settings: impairmentsSchema }).nullable() });
const cutSchema = z.object({ cut: z.number() });
const refusalSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** Longest wait for an answer, ms. */
const answerMs = 5000;

export const relayApi = {
  /** Executors whose link is bad on purpose, by id. @throws LocalError, as all of these. */
  async impairedExecutors(): Promise<readonly string[]> {
    return (await ask('GET', '', overviewSchema)).impairedExecutors;
  },

  async impairment(executorId: string): Promise<ImpairmentsSettings | undefined> {
    return (await ask('GET', `${of(executorId)}/impairment`, impairmentSchema)).impairment?.settings;
  },

  /** Undefined makes the link good again. */
  async impair(executorId: string, settings: ImpairmentsSettings | undefined): Promise<void> {
    const method = settings === undefined ? 'DELETE' : 'PUT';
    await ask(method, `${of(executorId)}/impairment`, impairmentSchema, settings);
  },

  /** @returns how many connections were broken. */
  async cut(executorId: string, whose: 'executor' | 'harnesses'): Promise<number> {
    return (await ask('POST', `${of(executorId)}/cut`, cutSchema, { whose })).cut;
  },

  /** Of the live feed: server-sent events named `picture`. */
  eventsUrl(executorId: string): string {
    return `${base()}${of(executorId)}/events`;
  },
};

function base(): string {
  return `${location.origin}/api/relay`;
}

function of(executorId: string): string {
  return `/executors/${encodeURIComponent(executorId)}`;
}

async function ask<T>(method: string, path: string, schema: z.ZodType<T>, body?: unknown): Promise<T> {
  let response: Response;
  let answer: unknown;
  try {
    response = await fetch(base() + path, {
      method,
      cache: 'no-store',
      signal: AbortSignal.timeout(answerMs),
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    answer = await response.json().catch(() => undefined);
  } catch (error) {
    throw new LocalError('connect', `this page’s server does not answer: ${errorText(error)}`);
  }
  if (!response.ok) {
    const refusal = refusalSchema.safeParse(answer).data?.error;
    throw new LocalError('connect', refusal?.message ?? `the server answered ${response.status}`);
  }
  const parsed = schema.safeParse(answer);
  if (!parsed.success) throw new LocalError('protocol', `the server has no relay as this page knows it`);
  return parsed.data;
}
