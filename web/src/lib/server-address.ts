// Where the page's own server is, and what can be learnt about it when a connection fails: a browser tells a page nothing.

import type { ServerLook } from './explain-error.ts';
import type { Target } from './target.ts';

export function ownServerUrl(): string {
  return `${ownOrigin()}/exec`;
}

/** Where this page's server connects on the page's behalf. */
export function bridgeUrl(): string {
  return `${ownOrigin()}/api/bridge`;
}

function ownOrigin(): string {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}`;
}

/** Longest look, ms: somebody waits for the explanation. */
const lookMs = 3000;

export async function lookAtServer(target: Target): Promise<ServerLook> {
  // All but a direct one go through this page's server.
  if (target.kind === 'direct' && !isOwn(target.url)) return 'elsewhere';
  try {
    const { status } = await fetch('./', { method: 'HEAD', cache: 'no-store', signal: AbortSignal.timeout(lookMs) });
    if (status === 401) return 'refuses-token';
    return target.kind === 'direct' ? 'answers' : 'between';
  } catch {
    return 'silent';
  }
}

function isOwn(url: string): boolean {
  return URL.canParse(url) && new URL(url).host === location.host;
}
