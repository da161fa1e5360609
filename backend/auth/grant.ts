// What a token lets its bearer do, and for how long (docs/security.md, "Tokens").

import { setMaxListeners } from 'node:events';
import { timerMs } from '../../shared/limits.ts';

export const scopes = ['exec', 'fs', 'http', 'relay-register', 'relay-connect', 'admin'] as const;
export type Scope = (typeof scopes)[number];
export const everyScope: ReadonlySet<Scope> = new Set(scopes);

export interface Grant {
  /** Names the token where it must not be shown: in logs and in the audit log. */
  readonly tokenId: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Since 1970, in ms; Infinity: for ever. */
  readonly expiresAtMs: number;
  /** Aborted when the token is taken back: it is no longer in its file, or its secret has changed. */
  readonly revoked: AbortSignal;
}

/** For servers that ask nobody for a token. */
export const openGrant: Grant = {
  tokenId: 'none',
  scopes: everyScope,
  expiresAtMs: Infinity,
  revoked: newRevocation().signal,
};

/** Many connections may listen to one token; Node would take more than ten for a leak. */
export function newRevocation(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/**
 * Calls `end` once, with the reason, when the grant ends.
 * @returns stops watching.
 */
export function watchGrant(grant: Grant, end: (reason: string) => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    clearTimeout(timer);
    grant.revoked.removeEventListener('abort', onRevoked);
  };
  const finish = (reason: string) => {
    stop();
    end(reason);
  };
  const onRevoked = () => finish('the token was revoked');
  // A timer of Node takes 24 days at most.
  const arm = () => {
    if (grant.expiresAtMs === Infinity) return;
    const leftMs = grant.expiresAtMs - Date.now();
    if (leftMs <= 0) finish('the token has expired');
    else timer = setTimeout(arm, timerMs(leftMs)).unref();
  };
  grant.revoked.addEventListener('abort', onRevoked, { once: true });
  if (grant.revoked.aborted) onRevoked();
  else arm();
  return stop;
}
