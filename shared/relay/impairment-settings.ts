// How the link of one executor is made bad on purpose: what `PUT /api/relay/executors/{id}/impairment` takes. The rendezvous
// does it (backend/relay/impairment.ts), the page fills it in (docs/relay.md "A bad link on purpose").

import * as z from 'zod';

const share = z.number().min(0).max(1);
const waitMs = z.number().min(0).max(60_000);

/** One direction. Shares are of frames, 0 to 1; everything left out is off. */
export const impairmentSchema = z
  .strictObject({
    drop: share,
    duplicate: share,
    /** Share of frames that are held back for `reorderMs`, so that later ones overtake them. */
    reorder: share,
    reorderMs: waitMs,
    delayMs: waitMs,
    /** Added to the delay at random, 0 up to this. Keeps the order. */
    jitterMs: waitMs,
    /** 0: no limit. */
    bytesPerSecond: z.number().int().min(0).max(10_000_000_000),
    /** The WebSocket that the direction's frames go to is cut after this many frames, again and again. 0: never. */
    cutEveryFrames: z.number().int().min(0).max(1_000_000_000),
  })
  .partial();

export const impairmentsSchema = z.strictObject({
  /** Any text: the same seed and frames give the same faults. */
  seed: z.string().max(200).default('1'),
  toExecutor: impairmentSchema.optional(),
  toHarness: impairmentSchema.optional(),
});

export type ImpairmentSettings = z.infer<typeof impairmentSchema>;
export type ImpairmentsSettings = z.infer<typeof impairmentsSchema>;
