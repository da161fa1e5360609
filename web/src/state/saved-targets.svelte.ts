// Targets that the user has kept to connect to again. In this browser, so without tokens and values of headers.

import * as z from 'zod';
import { browserArea, readStored, writeStored } from '../lib/storage.ts';
import { targetAddress, targetSchema, targetTitle, targetWithoutSecrets, type Target } from '../lib/target.ts';

const key = 'targets';
const maxTargets = 100;
const maxNameLength = 80;

const savedSchema = z.object({ name: z.string(), target: targetSchema });
export type SavedTarget = z.infer<typeof savedSchema>;
export const savedTargetsSchema = z.array(savedSchema).max(maxTargets);

class SavedTargets {
  targets = $state.raw<readonly SavedTarget[]>(readStored(browserArea, key, savedTargetsSchema) ?? []);

  has(target: Target): boolean {
    return this.targets.some((saved) => isSame(saved.target, target));
  }

  save(target: Target): void {
    this.add({ name: targetTitle(target), target });
  }

  /** Where one leads there already, that one stays. */
  add({ name, target }: SavedTarget): void {
    if (this.has(target)) return;
    const saved = { name: name.slice(0, maxNameLength), target: targetWithoutSecrets(target) };
    this.#set([...this.targets, saved].slice(-maxTargets));
  }

  rename(saved: SavedTarget, name: string): void {
    const renamed = { ...saved, name: name.trim().slice(0, maxNameLength) || targetTitle(saved.target) };
    this.#set(this.targets.map((other) => (other === saved ? renamed : other)));
  }

  forget(saved: SavedTarget): void {
    this.#set(this.targets.filter((other) => other !== saved));
  }

  #set(targets: readonly SavedTarget[]): void {
    this.targets = targets;
    writeStored(browserArea, key, targets);
  }
}

function isSame(a: Target, b: Target): boolean {
  return a.kind === b.kind && targetAddress(targetWithoutSecrets(a)) === targetAddress(targetWithoutSecrets(b));
}

export const savedTargets = new SavedTargets();
