// The registry over HTTP: executors register, harnesses ask for a way in, people ask who is there. It stores nothing: what
// it answers is a signed URL (signed-url.ts), and who is online the rendezvous knows.
//
//   POST /cloud/executor/{id}/register   → {executor_id, url, resumable_url}         for the executor
//   POST /cloud/executor/{id}/connect    → {executor_id, url, resumable_url, online} for a harness
//   GET  /cloud/executor                 → {executors: […]}
//
// `environment` in place of `executor` is the newer spelling. `resumable_url` is for peers that resume their streams.
//
// Peers that speak Noise end to end (docs/relay.md "Noise peers") send their public key in a JSON body:
//
//   POST …/register {security_profile, executor_public_key} → + security_profile, executor_registration_id
//   POST …/connect  {harness_public_key}                    → + those, executor_public_key, harness_key_authorization
//   POST …/validate {executor_registration_id, harness_public_key, harness_key_authorization} → {valid}, for the executor

import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import * as z from 'zod';
import { authorizeHarnessKey, isAuthorized, packKey, publicKeySchema, securityProfile, unpackKey } from './noise.ts';
import { newPeerId, type OnlineExecutor, type Rendezvous } from './rendezvous.ts';
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
/** Two public keys and an authorization are 4 KiB. */
const maxBodyBytes = 16 * 1024;

const registerSchema = z.object({
  security_profile: z.literal(securityProfile),
  executor_public_key: publicKeySchema,
});
const connectSchema = z.object({ harness_public_key: publicKeySchema });
const validateSchema = z.object({
  executor_registration_id: z.string().min(1).max(64),
  harness_public_key: publicKeySchema,
  harness_key_authorization: z.string().min(1).max(4096),
});

/** Answered as it is. */
class Refused extends Error {
  constructor(
    readonly status: 400 | 409 | 413,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export function registryRoutes(rendezvous: Rendezvous, secret: Uint8Array, settings: RegistrySettings): Hono {
  const hono = new Hono();
  hono.onError((error, c) => {
    if (!(error instanceof Refused)) throw error;
    return c.json({ error: { code: error.code, message: error.message } }, error.status);
  });
  const onTooLarge = (): never => {
    throw new Refused(413, 'body_too_large', `the body is larger than ${maxBodyBytes} bytes`);
  };
  hono.use(bodyLimit({ maxSize: maxBodyBytes, onError: onTooLarge }));

  for (const [spelling, idMember] of Object.entries(spellings)) {
    hono.get(`/${spelling}`, (c) => c.json({ [`${spelling}s`]: listed(rendezvous, idMember) }));

    hono.post(`/${spelling}/:id/register`, async (c) => {
      const executorId = executorIdOf(c);
      const noise = await tryNoiseBody(c, registerSchema);
      if (!noise) return c.json({ [idMember]: executorId, ...urls(c, 'executor', executorId) });
      // A registration is the identity that the URL gives: whoever registers again is another one.
      const peer = newPeerId();
      return c.json({
        [idMember]: executorId,
        ...urls(c, 'executor', executorId, { peer, noiseKey: packKey(noise.executor_public_key) }),
        security_profile: securityProfile,
        executor_registration_id: peer,
      });
    });

    hono.post(`/${spelling}/:id/connect`, async (c) => {
      const executorId = executorIdOf(c);
      const noise = await tryNoiseBody(c, connectSchema);
      const executor = rendezvous.executor(executorId);
      if (!noise) {
        if (executor && executor.noiseKey !== '') {
          const message = 'this executor speaks Noise only: send harness_public_key, as harnesses of Codex 0.169 do';
          throw new Refused(409, 'noise_required', message);
        }
        return c.json({
          [idMember]: executorId,
          ...urls(c, 'harness', executorId),
          online: executor !== undefined,
        });
      }
      return c.json({ [idMember]: executorId, ...noiseBundle(c, spelling, executorId, executor, noise) });
    });

    // 0.169.0 asks at the first path; the second is what versions before it were seen to ask at.
    hono.on('POST', [`/${spelling}/:id/validate`, `/${spelling}/:id/validate-harness-key`], async (c) => {
      const executorId = executorIdOf(c);
      const asked = validateSchema.safeParse(await tryJson(c));
      if (!asked.success) throw badBody(asked.error);
      const claim = {
        executorId,
        registrationId: asked.data.executor_registration_id,
        harnessKey: asked.data.harness_public_key,
      };
      return c.json({ valid: isAuthorized(claim, asked.data.harness_key_authorization, secret, Date.now()) });
    });
  }
  return hono;

  /** What a harness needs to reach the executor: all of one registration. */
  function noiseBundle(
    c: Context,
    spelling: string,
    executorId: string,
    executor: OnlineExecutor | undefined,
    { harness_public_key: harnessKey }: z.infer<typeof connectSchema>,
  ) {
    // Its key is known while it is connected, and no longer.
    if (!executor) throw new Refused(409, `${spelling}_offline`, `${spelling} ${executorId} is not connected`);
    if (executor.noiseKey === '') {
      const message =
        `${spelling} ${executorId} speaks plain frames, not Noise: ` +
        'connect without harness_public_key (CODEX_EXEC_SERVER_URL=URL for the Codex CLI)';
      throw new Refused(409, 'noise_not_offered', message);
    }
    const registrationId = executor.peer;
    return {
      ...urls(c, 'harness', executorId),
      security_profile: securityProfile,
      executor_registration_id: registrationId,
      executor_public_key: unpackKey(executor.noiseKey),
      harness_key_authorization: authorizeHarnessKey({ executorId, registrationId, harnessKey }, expiry(), secret),
      online: true,
    };
  }

  function urls(
    c: Context,
    role: RelayRole,
    executorId: string,
    noise?: { readonly peer: string; readonly noiseKey: string },
  ): { url: string; resumable_url: string } {
    const scheme = c.req.url.startsWith('https:') ? 'wss' : 'ws';
    const base = settings.publicUrl === '' ? `${scheme}://${c.req.header('host') ?? 'localhost'}` : settings.publicUrl;
    const peer = c.req.query('peer') ?? '';
    const grant = {
      executorId,
      role,
      expiresAtSec: expiry(),
      peer: peerPattern.test(peer) ? peer : newPeerId(),
      name: role === 'executor' ? (c.req.query('name') ?? '').slice(0, maxNameLength) : '',
      noiseKey: '',
      ...noise,
    };
    return {
      url: base + signedTarget({ ...grant, resume: false }, secret),
      resumable_url: base + signedTarget({ ...grant, resume: true }, secret),
    };
  }

  /** Of URLs and of what goes with them, in seconds since 1970. */
  function expiry(): number {
    return Math.ceil((Date.now() + settings.relayUrlTtlMs) / 1000);
  }
}

function listed(rendezvous: Rendezvous, idMember: string) {
  return rendezvous.executors().map(({ executorId, name, sinceMs, streams, isResumable, isHere, noiseKey }) => ({
    [idMember]: executorId,
    name,
    online_since: new Date(sinceMs).toISOString(),
    streams,
    resumable: isResumable,
    here: isHere,
    security_profile: noiseKey === '' ? null : securityProfile,
  }));
}

function executorIdOf(c: Context): string {
  const executorId = c.req.param('id') ?? '';
  if (isExecutorId(executorId)) return executorId;
  throw new Refused(400, 'invalid_executor_id', 'an executor id is one path segment of 1 to 128 printable characters');
}

/** What a Noise peer has sent, or undefined: a peer of plain frames sends no body. @throws Refused */
async function tryNoiseBody<T>(c: Context, schema: z.ZodType<T>): Promise<T | undefined> {
  const body = await tryJson(c);
  if (body === undefined) return undefined;
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw badBody(parsed.error);
  return parsed.data;
}

/** Undefined when there is no body. @throws Refused */
async function tryJson(c: Context): Promise<unknown> {
  const text = await c.req.text();
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new Refused(400, 'invalid_body', 'the body is not JSON');
  }
}

function badBody(error: z.ZodError): Refused {
  const [issue] = error.issues;
  return new Refused(400, 'invalid_body', `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'not as expected'}`);
}
