// A connection of the page as the conformance suite takes it. A page cannot send requests with headers of its own nor run an
// HTTP server: cases that need that are skipped, and say so.

import { browserSockets } from '../../../../shared/client/sockets.ts';
import type { RelayTarget, Target as SuiteTarget } from '../../../../shared/conformance/target.ts';
import { dial } from '../dial.ts';
import { ownServerUrl } from '../server-address.ts';
import { targetAddress, type Target } from '../target.ts';

export function suiteTarget(target: Target): SuiteTarget {
  return {
    name: targetAddress(target),
    // A program is started for each connection.
    sharesSessions: target.kind !== 'stdio',
    dial: async ({ signal = new AbortController().signal }) => (await dial(target, unrecorded, signal)).connection,
    ...(target.kind === 'direct' ? directTraits(target) : {}),
    ...(target.kind === 'relay' && target.url === '' ? { relay: relayOf(target.executorId) } : {}),
  };
}

/** A run says more than the inspector's list should hold: each case keeps what was said in it. */
const unrecorded = { connection: 'conformance', recorder: () => undefined, nowMs: () => performance.now() };

function directTraits({ url, token }: Extract<Target, { kind: 'direct' }>): Partial<SuiteTarget> {
  const address = new URL(url);
  if (token !== '') address.searchParams.set('token', token);
  return {
    websocket: { url: address.href, factory: browserSockets.factory },
    // The executor is the page's server itself: it reaches its own port.
    ...(url === ownServerUrl() ? { httpUrl: `${location.origin}/healthz` } : {}),
  };
}

/** Longest wait for the registry, ms. */
const answerMs = 10_000;

function relayOf(executorId: string): RelayTarget {
  return {
    executorId,
    factory: browserSockets.factory,
    async registry(method, path, { token } = {}) {
      const response = await fetch(location.origin + path, {
        method,
        // The page's cookie is its token; a case that brings another, or none, leaves it out.
        credentials: token === undefined ? 'same-origin' : 'omit',
        headers: typeof token === 'string' ? { authorization: `Bearer ${token}` } : {},
        signal: AbortSignal.timeout(answerMs),
      });
      return { status: response.status, body: await response.json().catch(() => undefined) };
    },
  };
}
