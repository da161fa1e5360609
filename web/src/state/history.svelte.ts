// Launches that are kept in this browser, without secrets: what was launched before, newest first, and templates, under names.

import * as z from 'zod';
import { launchSchema, type Launch } from '../lib/launch.ts';
import { browserArea, readStored, writeStored } from '../lib/storage.ts';

const key = 'launches';
const maxLaunches = 50;
const templatesKey = 'templates';
const maxTemplates = 100;
export const maxTemplateName = 80;
/** Values of such variables are not written down; the name is, so that it can be filled in again. */
const secretName = /KEY|SECRET|TOKEN|PASSW|CREDENTIAL/i;

const templateSchema = z.object({ name: z.string().min(1).max(maxTemplateName), launch: launchSchema });
export type Template = z.infer<typeof templateSchema>;

class LaunchHistory {
  launches = $state.raw<readonly Launch[]>(readStored(browserArea, key, z.array(launchSchema).max(1000)) ?? []);

  add(launch: Launch): void {
    if (launch.line.trim() === '') return;
    const kept = withoutSecrets(launch);
    const others = this.launches.filter((other) => !isSame(other, kept));
    this.#set([kept, ...others].slice(0, maxLaunches));
  }

  forget(launch: Launch): void {
    this.#set(this.launches.filter((other) => other !== launch));
  }

  clear(): void {
    this.#set([]);
  }

  #set(launches: readonly Launch[]): void {
    this.launches = launches;
    writeStored(browserArea, key, launches);
  }
}

class LaunchTemplates {
  /** By name. */
  list = $state.raw<readonly Template[]>(
    readStored(browserArea, templatesKey, z.array(templateSchema).max(1000)) ?? [],
  );

  /** Replaces the one of that name. */
  save(name: string, launch: Launch): void {
    const others = this.list.filter((template) => template.name !== name);
    const list = [...others, { name, launch: withoutSecrets(launch) }];
    this.#set(list.sort((a, b) => a.name.localeCompare(b.name)).slice(0, maxTemplates));
  }

  remove(name: string): void {
    this.#set(this.list.filter((template) => template.name !== name));
  }

  #set(list: readonly Template[]): void {
    this.list = list;
    writeStored(browserArea, templatesKey, list);
  }
}

function withoutSecrets(launch: Launch): Launch {
  const env = launch.env.map(({ name, value }) => ({ name, value: secretName.test(name) ? '' : value }));
  return { ...launch, env };
}

function isSame(a: Launch, b: Launch): boolean {
  return JSON.stringify(launchSchema.parse(a)) === JSON.stringify(launchSchema.parse(b));
}

export const launchHistory = new LaunchHistory();
export const launchTemplates = new LaunchTemplates();
