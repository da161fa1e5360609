// The registry over HTTP: executors register, harnesses ask for a way in, people ask who is there. It stores nothing: what
// it answers is a signed URL (signed-url.ts), and who is online the rendezvous knows.
//
//   POST /cloud/executor/{id}/register   → {executor_id, url, resumable_url}        for the executor
//   POST /cloud/executor/{id}/connect    → {executor_id, url, resumable_url, online} for a harness
//   GET  /cloud/executor                 → {executors: […]}
//
// `environment` in place of `executor` is the newer spelling. `resumable_url` is for peers that resume their streams.

import { Hono, type Context } from 'hono';
import { newPeerId, type Rendezvous } from './rendezvous.ts';
import { isExecutorId, signedTarget, type RelayRole } from './signed-url.ts';

export interface RegistrySettings {
  readonly relayUrlTtlMs: number;
  /** What peers reach us by, e.g. `wss://relay.example`; '': the Host that they asked. */
  readonly publicUrl: string;
}

const spellings = { executor: 'executor_id', environment: 'environment_id' } as const;
/** Long enough for what people write, short enough for a URL. */
const maxNameLength = 200;
/** A harness that asks again may keep its identity, so that its streams are its own on the new URL. */
const peerPattern = /^[\w-]{16,64}$/;

export function registryRoutes(rendezvous: Rendezvous, secret: Uint8Array, settings: RegistrySettings): Hono {
  const hono = new Hono();
  for (const [spelling, idMember] of Object.entries(spellings)) {
    hono.get(`/${spelling}`, (c) => c.json({ [`${spelling}s`]: listed(rendezvous, idMember) }));
    hono.post(`/${spelling}/:id/register`, (c) => {
      const executorId = c.req.param('id');
      if (!isExecutorId(executorId)) return badId(c);
      return c.json({ [idMember]: executorId, ...urls(c, 'executor', executorId) });
    });
    hono.post(`/${spelling}/:id/connect`, (c) => {
      const executorId = c.req.param('id');
      if (!isExecutorId(executorId)) return badId(c);
      return c.json({
        [idMember]: executorId,
        ...urls(c, 'harness', executorId),
        online: rendezvous.isOnline(executorId),
      });
    });
  }
  return hono;

  function urls(c: Context, role: RelayRole, executorId: string): { url: string; resumable_url: string } {
    const base = settings.publicUrl === '' ? `ws://${c.req.header('host') ?? 'localhost'}` : settings.publicUrl;
    const peer = c.req.query('peer') ?? '';
    const grant = {
      executorId,
      role,
      expiresAtSec: Math.ceil((Date.now() + settings.relayUrlTtlMs) / 1000),
      peer: peerPattern.test(peer) ? peer : newPeerId(),
      name: role === 'executor' ? (c.req.query('name') ?? '').slice(0, maxNameLength) : '',
    };
    return {
      url: base + signedTarget({ ...grant, resume: false }, secret),
      resumable_url: base + signedTarget({ ...grant, resume: true }, secret),
    };
  }
}

function listed(rendezvous: Rendezvous, idMember: string) {
  return rendezvous.executors().map(({ executorId, name, sinceMs, streams, isResumable, isHere }) => ({
    [idMember]: executorId,
    name,
    online_since: new Date(sinceMs).toISOString(),
    streams,
    resumable: isResumable,
    here: isHere,
  }));
}

function badId(c: Context): Response {
  const message = 'an executor id is one path segment of 1 to 128 printable characters';
  return c.json({ error: { code: 'invalid_executor_id', message } }, 400);
}
