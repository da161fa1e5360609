// The form of a bad link: its fields in the units that people think in, to and from what the server takes. Pure.

import {
  impairmentsSchema,
  type ImpairmentSettings,
  type ImpairmentsSettings,
} from '../../../../shared/relay/impairment-settings.ts';

export type FaultName = keyof ImpairmentSettings;
export type LinkDirection = 'toExecutor' | 'toHarness';

export interface FaultField {
  readonly name: FaultName;
  readonly label: string;
  readonly unit: string;
  /** What is shown times this is what the server takes. */
  readonly factor: number;
  readonly max: number;
  readonly step: number;
}

const ms = { unit: 'ms', factor: 1, max: 60_000, step: 1 } as const;
const share = { unit: '%', factor: 0.01, max: 100, step: 0.1 } as const;

export const faultFields: readonly FaultField[] = [
  { name: 'drop', label: 'Drop', ...share },
  { name: 'duplicate', label: 'Duplicate', ...share },
  { name: 'reorder', label: 'Reorder', ...share },
  { name: 'reorderMs', label: 'held back', ...ms },
  { name: 'delayMs', label: 'Delay', ...ms },
  { name: 'jitterMs', label: 'and up to', ...ms },
  { name: 'bytesPerSecond', label: 'Throttle', unit: 'KiB/s', factor: 1024, max: 9_000_000, step: 1 },
  { name: 'cutEveryFrames', label: 'Cut every', unit: 'frames', factor: 1, max: 1_000_000_000, step: 1 },
];

/** As number fields have it: null when empty. */
export type DirectionDraft = Record<FaultName, number | null>;

export interface LinkDraft {
  seed: string;
  toExecutor: DirectionDraft;
  toHarness: DirectionDraft;
}

export function draftOf(settings: ImpairmentsSettings | undefined): LinkDraft {
  return {
    seed: settings?.seed ?? '1',
    toExecutor: directionDraft(settings?.toExecutor),
    toHarness: directionDraft(settings?.toHarness),
  };
}

/** Empty when nothing would be worse than it is. `problem` names the field. */
export function settingsOf({
  seed,
  toExecutor,
  toHarness,
}: LinkDraft): { readonly settings: ImpairmentsSettings | undefined } | { readonly problem: string } {
  const directions = { toExecutor: directionSettings(toExecutor), toHarness: directionSettings(toHarness) };
  const isOff = Object.values(directions).every((settings) => Object.keys(settings).length === 0);
  if (isOff) return { settings: undefined };
  const parsed = impairmentsSchema.safeParse({ seed, ...directions });
  if (parsed.success) return { settings: parsed.data };
  const [issue] = parsed.error.issues;
  const field = faultFields.find(({ name }) => name === issue?.path.at(-1));
  return { problem: `${field?.label ?? String(issue?.path.at(-1) ?? 'settings')}: ${issue?.message ?? 'not valid'}` };
}

function directionDraft(settings: ImpairmentSettings = {}): DirectionDraft {
  const value = (name: FaultName, factor: number) => {
    const set = settings[name];
    // 0.07 / 0.01 is not 7.
    return set === undefined || set === 0 ? null : Math.round((set / factor) * 1000) / 1000;
  };
  const draft: Partial<DirectionDraft> = {};
  for (const { name, factor } of faultFields) draft[name] = value(name, factor);
  return { ...emptyDirection, ...draft };
}

const emptyDirection: DirectionDraft = {
  drop: null,
  duplicate: null,
  reorder: null,
  reorderMs: null,
  delayMs: null,
  jitterMs: null,
  bytesPerSecond: null,
  cutEveryFrames: null,
};

function directionSettings(draft: DirectionDraft): ImpairmentSettings {
  const settings: ImpairmentSettings = {};
  for (const { name, factor } of faultFields) {
    const value = draft[name] ?? 0;
    if (value === 0) continue;
    const isWhole = name === 'bytesPerSecond' || name === 'cutEveryFrames';
    settings[name] = isWhole ? Math.round(value * factor) : value * factor;
  }
  // How long a frame is held back says nothing while none is.
  if (settings.reorder === undefined) delete settings.reorderMs;
  return settings;
}
