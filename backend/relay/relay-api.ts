// /api/relay: what the workbench shows and bends of the relay, beyond what peers need.
//
//   GET    /api/relay                          counters of this node
//   GET    /api/relay/executors/{id}/streams   its streams, if it is connected to this node
//   GET    /api/relay/executors/{id}/impairment, PUT, DELETE
//   POST   /api/relay/executors/{id}/cut       {whose}: breaks its connection, or those of its harnesses, once

import { Hono } from 'hono';
import * as z from 'zod';
import { impairmentsSchema } from './impairment.ts';
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
    const streams = rendezvous.streams(c.req.param('id'));
    if (streams) return c.json({ streams });
    return c.json(
      error('executor_not_here', 'this executor is not connected to this node; ask the one that has it'),
      404,
    );
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

const cutSchema = z.strictObject({ whose: z.enum(['executor', 'harnesses']) });
