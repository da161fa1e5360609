// What was sent from the composer, newest first, as it was: to be found, sent again, deleted. Kept in this browser, bounded,
// without secrets.

import { z } from 'zod';
import { redactMessage } from '../../../../shared/recording/redact.ts';
import { browserArea, readStored, writeStored } from '../storage.ts';

const entrySchema = z.object({
  id: z.string(),
  /** Since 1970, ms. */
  atMs: z.number(),
  text: z.string(),
  method: z.string(),
  /** How it was sent. */
  way: z.enum(['session', 'fresh']),
  /** "ok 4.2 ms", "-32600 unknown process id"; empty: not answered. */
  outcome: z.string(),
});
export type Sent = z.infer<typeof entrySchema>;

const key = 'composer.history';
const maxEntries = 200;
/** Longer texts are sent, and not kept, in characters. */
const maxLength = 50_000;

class ComposerHistory {
  entries = $state.raw<readonly Sent[]>(readStored(browserArea, key, z.array(entrySchema).max(10_000)) ?? []);

  /** @returns its id, for `setOutcome`. */
  add(sent: Omit<Sent, 'id' | 'outcome'>): string {
    const id = crypto.randomUUID();
    if (sent.text.length <= maxLength) {
      this.#set([{ ...sent, id, text: redactMessage(sent.text), outcome: '' }, ...this.entries].slice(0, maxEntries));
    }
    return id;
  }

  setOutcome(id: string, outcome: string): void {
    this.#set(this.entries.map((entry) => (entry.id === id ? { ...entry, outcome } : entry)));
  }

  remove(id: string): void {
    this.#set(this.entries.filter((entry) => entry.id !== id));
  }

  clear(): void {
    this.#set([]);
  }

  #set(entries: readonly Sent[]): void {
    this.entries = entries;
    writeStored(browserArea, key, entries);
  }
}

export const composerHistory = new ComposerHistory();
