// What was launched before, newest first: to run it again. Kept in this browser, bounded, each entry can be forgotten.

import { z } from 'zod';
import { launchSchema, type Launch } from '../lib/launch.ts';
import { browserArea, readStored, writeStored } from '../lib/storage.ts';

const key = 'launches';
const maxLaunches = 50;
/** Values of such variables are not written down; the name is, so that it can be filled in again. */
const secretName = /KEY|SECRET|TOKEN|PASSW|CREDENTIAL/i;

class LaunchHistory {
  launches = $state.raw<readonly Launch[]>(readStored(browserArea, key, z.array(launchSchema).max(1000)) ?? []);

  add(launch: Launch): void {
    if (launch.line.trim() === '') return;
    const kept = {
      ...launch,
      env: launch.env.map(({ name, value }) => ({ name, value: secretName.test(name) ? '' : value })),
    };
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

function isSame(a: Launch, b: Launch): boolean {
  return JSON.stringify(launchSchema.parse(a)) === JSON.stringify(launchSchema.parse(b));
}

export const launchHistory = new LaunchHistory();
