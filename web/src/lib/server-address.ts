// Where the page's own server is, and what can be learnt about it when a connection fails: a browser tells a page nothing.

import type { ServerLook } from './explain-error.ts';
import type { Target } from './target.ts';

export function ownServerUrl(): string {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/exec`;
}

/** Longest look, ms: somebody waits for the explanation. */
const lookMs = 3000;

export async function lookAtServer({ kind, url }: Target): Promise<ServerLook> {
  // Without a URL of its own a connection goes through this page's server.
  if (kind === 'direct' && (!URL.canParse(url) || new URL(url).host !== location.host)) return 'elsewhere';
  try {
    const { status } = await fetch('./', { method: 'HEAD', cache: 'no-store', signal: AbortSignal.timeout(lookMs) });
    return status === 401 ? 'refuses-token' : 'answers';
  } catch {
    return 'silent';
  }
}
