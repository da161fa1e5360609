// What an executor in a page asks of a registry (docs/relay.md "Registry"). The program's own executor has
// backend/transports/registry-client.ts, which speaks in the words of the genuine one.

import * as z from 'zod';
import { askRegistry, executorList, relayUrl, type AskOptions, type RegistryAddress } from './registry-api.ts';

const registered = z.object({ url: relayUrl, resumable_url: relayUrl.optional() });

export interface Registration {
  /** The URL to dial as executor. It expires, and is a secret. */
  readonly url: string;
  /** The rendezvous keeps our streams while we dial again. */
  readonly isResumable: boolean;
  /** Told when registering again, so that the streams are known to be ours. Undefined: the registry knows nothing of it. */
  readonly peer: string | undefined;
}

/** @throws LocalError as `askWayIn`. */
export async function registerExecutor(
  { registry, token }: RegistryAddress,
  executorId: string,
  about: { readonly name: string; readonly peer: string | undefined },
  options: AskOptions = {},
): Promise<Registration> {
  const known = Object.entries(about).filter(([, value]) => value !== undefined && value !== '');
  const query = known.map(([key, value]) => `${key}=${encodeURIComponent(value ?? '')}`).join('&');
  const path = `/cloud/executor/${encodeURIComponent(executorId)}/register${query === '' ? '' : `?${query}`}`;
  const answer = await askRegistry(registry, path, 'POST', token, registered, options);
  const url = answer.resumable_url ?? answer.url;
  return {
    url,
    isResumable: answer.resumable_url !== undefined,
    peer: /[?&]peer=([^&#]+)/.exec(url)?.[1],
  };
}

/** Whether an executor of this id is connected now. @throws LocalError as `askWayIn`. */
export async function isOnline(
  { registry, token }: RegistryAddress,
  executorId: string,
  options: AskOptions = {},
): Promise<boolean> {
  const { executors } = await askRegistry(registry, '/cloud/executor', 'GET', token, executorList, options);
  return executors.some(({ executor_id: id }) => id === executorId);
}
