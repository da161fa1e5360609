// /api/relay: what the workbench shows and bends of the relay, beyond what peers need.
//
//   GET    /api/relay                          counters of this node
//   GET    /api/relay/executors/{id}/streams   its streams, if it is connected to this node
//   GET    /api/relay/executors/{id}/events    the same again and again, as server-sent events; ?every_ms=500
//   GET    /api/relay/executors/{id}/impairment, PUT, DELETE
//   POST   /api/relay/executors/{id}/cut       {whose}: breaks its connection, or those of its harnesses, once

import { setTimeout as delay } from 'node:timers/promises';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import * as z from 'zod';
import { impairmentsSchema } from '../../shared/relay/impairment-settings.ts';
import type { LivePicture } from '../../shared/relay/live-picture.ts';
import type { Rendezvous } from './rendezvous.ts';
import { isExecutorId } from './signed-url.ts';

export function relayApi(rendezvous: Rendezvous): Hono {
  const hono = new Hono();
  const error = (code: string, message: string) => ({ error: { code, message } });

  hono.get('/', (c) =>
    c.json({
      nodeId: rendezvous.nodeId,
      ...rendezvous.counts,
      impairedExecutors: rendezvous.impairedExecutors,
      counters: rendezvous.metrics,
    }),
  );
  hono.get('/executors/:id/streams', (c) => {
    const picture = rendezvous.look(c.req.param('id'));
    if (picture?.isHere === true) return c.json({ streams: picture.streams });
    return c.json(
      error('executor_not_here', 'this executor is not connected to this node; ask the one that has it'),
      404,
    );
  });
  let feeds = 0;
  hono.get('/executors/:id/events', (c) => {
    const executorId = c.req.param('id');
    const every = everySchema.safeParse(c.req.query('every_ms'));
    if (!every.success) return c.json(error('invalid_every_ms', 'every_ms: a whole number from 100 to 10000'), 400);
    if (feeds >= maxFeeds) {
      return c.json(error('too_many_watchers', `${maxFeeds} feeds are open already; close one of them`), 503);
    }
    feeds++;
    return streamSSE(c, async (stream) => {
      const ended = new AbortController();
      stream.onAbort(() => ended.abort());
      try {
        // One at a time: a reader that is slow gets fewer of them.
        while (!stream.aborted) {
          const picture = rendezvous.look(executorId, maxStreamsPerPicture) ?? nothing();
          await stream.writeSSE({ event: 'picture', data: JSON.stringify(picture) });
          await delay(every.data, undefined, { signal: ended.signal, ref: false }).catch(() => undefined);
        }
      } finally {
        feeds--;
      }
    });
  });
  hono.get('/executors/:id/impairment', (c) =>
    c.json({ impairment: rendezvous.impairments(c.req.param('id')) ?? null }),
  );
  hono.put('/executors/:id/impairment', async (c) => {
    const executorId = c.req.param('id');
    if (!isExecutorId(executorId))
      return c.json(error('invalid_executor_id', 'an executor id is one path segment'), 400);
    const settings = impairmentsSchema.safeParse(await c.req.json().catch(() => undefined));
    if (!settings.success) {
      const [issue] = settings.error.issues;
      const message = `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'not JSON'}`;
      return c.json(error('invalid_impairment', message), 400);
    }
    rendezvous.impair(executorId, settings.data);
    return c.json({ impairment: rendezvous.impairments(executorId) });
  });
  hono.delete('/executors/:id/impairment', (c) => {
    rendezvous.impair(c.req.param('id'), undefined);
    return c.json({ impairment: null });
  });
  hono.post('/executors/:id/cut', async (c) => {
    const body = cutSchema.safeParse(await c.req.json().catch(() => undefined));
    if (!body.success) return c.json(error('invalid_cut', 'whose: expected "executor" or "harnesses"'), 400);
    return c.json({ cut: rendezvous.cut(c.req.param('id'), body.data.whose) });
  });
  return hono;
}

/** Feeds that may be open at this node at once. */
const maxFeeds = 16;
/** An event carries no more streams than this, the newest. */
const maxStreamsPerPicture = 256;
const everySchema = z.coerce.number().int().min(100).max(10_000).default(500);

/** Of an executor that this node has never seen, or forgotten. */
function nothing(): LivePicture {
  return { atMs: Date.now(), isHere: false, sinceMs: null, streamCount: 0, streams: [], impairment: null };
}

const cutSchema = z.strictObject({ whose: z.enum(['executor', 'harnesses']) });
