// The settings of this browser as a file: appearance and saved targets, to be taken to another browser. Without secrets, as they
// are kept; what is opened is checked like any input, and taken whole or not at all.

import * as z from 'zod';
import { downloadText } from '../lib/download.ts';
import { savedTargets, savedTargetsSchema } from './saved-targets.svelte.ts';
import { settings, settingsSchema } from './settings.svelte.ts';

/** A file of ours has a few KiB. */
const maxFileBytes = 1024 * 1024;

const head = z.looseObject({ format: z.literal('exec-workbench-settings'), version: z.literal(1) });
const body = z.looseObject({ settings: settingsSchema.partial(), targets: savedTargetsSchema });

export function saveSettings(): void {
  const file = {
    format: 'exec-workbench-settings',
    version: 1,
    settings: settings.values,
    targets: savedTargets.targets,
  };
  downloadText('exec-workbench-settings.json', `${JSON.stringify(file, undefined, 2)}\n`, 'application/json');
}

/**
 * Targets are added to those that are there.
 * @returns what was taken, for people.
 * @throws Error for people, when it is no such file.
 */
export async function openSettings(file: File): Promise<string> {
  if (file.size > maxFileBytes) throw new Error(`${file.name} has ${file.size} bytes: it is no file of settings`);
  let content: unknown;
  try {
    content = JSON.parse(await file.text());
  } catch {
    throw new Error(`${file.name} is no JSON`);
  }
  if (!head.safeParse(content).success) {
    throw new Error(`${file.name} holds no settings of the workbench, or those of a newer version`);
  }
  const { data, error } = body.safeParse(content);
  if (!data) {
    const issue = error.issues[0];
    throw new Error(`${file.name}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'it does not fit'}`);
  }
  const given = Object.entries(data.settings).filter(([, value]) => value !== undefined);
  settings.set(Object.fromEntries(given));
  const before = savedTargets.targets.length;
  for (const saved of data.targets) savedTargets.add(saved);
  const added = savedTargets.targets.length - before;
  return `Taken: the appearance, and ${added} saved ${added === 1 ? 'target' : 'targets'}`;
}
