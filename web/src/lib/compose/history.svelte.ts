// What was sent from the composer, newest first, as it was: to be found, sent again, named, kept, deleted. In this browser,
// bounded, without secrets. Texts never change; what is pinned goes only when it is deleted.

import * as z from 'zod';
import { redactMessage } from '../../../../shared/recording/redact.ts';
import { browserArea, onStored, readStored, writeStored } from '../storage.ts';

export const maxNameLength = 80;

export const sentSchema = z.object({
  id: z.string(),
  /** Since 1970, ms. */
  atMs: z.number(),
  text: z.string(),
  method: z.string(),
  /** How it was sent. */
  way: z.enum(['session', 'fresh']),
  /** The connection that it went to: how it is called, and its address without secrets. */
  target: z.object({ title: z.string(), address: z.string() }).default({ title: '', address: '' }),
  /** "ok 4.2 ms", "-32600 unknown process id"; empty: not answered. */
  outcome: z.string(),
  /** Given by the user. */
  name: z.string().max(maxNameLength).default(''),
  isPinned: z.boolean().default(false),
});
export type Sent = z.infer<typeof sentSchema>;

const key = 'composer.history';
const storedSchema = z.array(sentSchema).max(10_000);
/** Without the pinned ones. */
const maxEntries = 200;
const maxPinned = 100;
/** Longer texts are sent, and not kept, in characters. */
const maxLength = 50_000;
/** All texts together: a browser keeps some millions of characters for a page. */
const maxTotalLength = 1_500_000;

class ComposerHistory {
  entries = $state.raw<readonly Sent[]>(readStored(browserArea, key, storedSchema) ?? []);
  /** Why the last one could not be pinned. */
  problem = $state('');

  constructor() {
    // Another tab of this browser has sent something.
    onStored(key, () => (this.entries = readStored(browserArea, key, storedSchema) ?? []));
  }

  /** @returns its id, for `setOutcome`. */
  add(sent: Pick<Sent, 'atMs' | 'text' | 'method' | 'way' | 'target'>): string {
    const id = crypto.randomUUID();
    if (sent.text.length <= maxLength)
      this.#set([
        { ...sent, id, text: redactMessage(sent.text), outcome: '', name: '', isPinned: false },
        ...this.entries,
      ]);
    return id;
  }

  /** @returns how many were not there yet. */
  merge(others: readonly Sent[]): number {
    const known = new Set(this.entries.map(({ id }) => id));
    const added = others.filter(({ id, text }) => !known.has(id) && text.length <= maxLength);
    const clean = added.map((entry) => ({ ...entry, text: redactMessage(entry.text) }));
    this.#set([...clean, ...this.entries].sort((a, b) => b.atMs - a.atMs));
    return this.entries.filter(({ id }) => !known.has(id)).length;
  }

  setOutcome(id: string, outcome: string): void {
    this.#change(id, { outcome });
  }

  /** A name is given to be found again: what has one is pinned. */
  rename(id: string, name: string): void {
    const trimmed = name.trim().slice(0, maxNameLength);
    this.#change(id, { name: trimmed });
    if (trimmed !== '') this.pin(id, true);
  }

  pin(id: string, isPinned: boolean): void {
    const pinned = this.entries.filter((entry) => entry.isPinned && entry.id !== id);
    const length = pinned.reduce((sum, { text }) => sum + text.length, 0);
    const isFull = isPinned && (pinned.length >= maxPinned || length + maxLength > maxTotalLength);
    this.problem = isFull ? `${pinned.length} messages are pinned already: unpin one first` : '';
    if (!isFull) this.#change(id, { isPinned });
  }

  remove(id: string): void {
    this.#set(this.entries.filter((entry) => entry.id !== id));
  }

  /** The pinned ones stay. */
  clear(): void {
    this.#set(this.entries.filter(({ isPinned }) => isPinned));
  }

  #change(id: string, change: Partial<Sent>): void {
    this.#set(this.entries.map((entry) => (entry.id === id ? { ...entry, ...change } : entry)));
  }

  #set(entries: readonly Sent[]): void {
    this.entries = withinBounds(entries);
    writeStored(browserArea, key, this.entries);
  }
}

/** Oldest ones go first, pinned ones never. */
function withinBounds(entries: readonly Sent[]): readonly Sent[] {
  let count = 0;
  let length = entries.reduce((sum, { isPinned, text }) => sum + (isPinned ? text.length : 0), 0);
  return entries.filter(({ isPinned, text }) => {
    if (isPinned) return true;
    count++;
    length += text.length;
    return count <= maxEntries && length <= maxTotalLength;
  });
}

export const composerHistory = new ComposerHistory();
