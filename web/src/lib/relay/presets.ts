// Bad links that have a name. Each is one that people have met; the rules of the faults are in docs/relay.md.

import type { ImpairmentSettings, ImpairmentsSettings } from '../../../../shared/relay/impairment-settings.ts';

export interface Preset {
  readonly id: string;
  readonly name: string;
  /** What it is like, for whoever chooses. */
  readonly about: string;
  readonly settings: ImpairmentsSettings;
}

function bothWays(settings: ImpairmentSettings): ImpairmentsSettings {
  return { seed: '1', toExecutor: settings, toHarness: settings };
}

export const presets: readonly Preset[] = [
  {
    id: 'hotel-wifi',
    name: 'Hotel wifi',
    about: '2 % lost, some doubled and overtaken, 40 to 100 ms each way',
    settings: bothWays({ drop: 0.02, duplicate: 0.01, reorder: 0.02, reorderMs: 40, delayMs: 40, jitterMs: 60 }),
  },
  {
    id: 'train-tunnel',
    name: 'Train tunnel',
    about: '10 % lost, 80 to 280 ms each way, and the executor is cut off every 200 frames',
    settings: {
      seed: '1',
      toExecutor: { drop: 0.1, delayMs: 80, jitterMs: 200, cutEveryFrames: 200 },
      toHarness: { drop: 0.1, reorder: 0.05, reorderMs: 100, delayMs: 80, jitterMs: 200 },
    },
  },
  {
    id: 'satellite',
    name: 'Satellite',
    about: '300 ms each way, 128 KiB/s up and 1 MiB/s down, nearly nothing lost',
    settings: {
      seed: '1',
      toExecutor: { drop: 0.002, delayMs: 290, jitterMs: 20, bytesPerSecond: 128 * 1024 },
      toHarness: { drop: 0.002, delayMs: 290, jitterMs: 20, bytesPerSecond: 1024 * 1024 },
    },
  },
];

/** "Train tunnel", or "custom". The seed does not matter. */
export function linkName(settings: ImpairmentsSettings): string {
  return presets.find((preset) => isSameLink(preset.settings, settings))?.name ?? 'custom';
}

function isSameLink(a: ImpairmentsSettings, b: ImpairmentsSettings): boolean {
  return isSameDirection(a.toExecutor, b.toExecutor) && isSameDirection(a.toHarness, b.toHarness);
}

/** What is left out is off, as nought is. */
function isSameDirection(a: ImpairmentSettings = {}, b: ImpairmentSettings = {}): boolean {
  const text = (settings: ImpairmentSettings) =>
    Object.entries(settings)
      .filter(([, value]) => value !== 0)
      .map(([name, value]) => `${name}=${String(value)}`)
      .sort()
      .join();
  return text(a) === text(b);
}
