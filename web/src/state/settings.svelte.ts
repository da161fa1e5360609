// What the user has set: the theme and how terminals look. Kept in this browser.

import * as z from 'zod';
import type { ScreenLook } from '../lib/screen.ts';
import { browserArea, readStored, writeStored } from '../lib/storage.ts';

const fontSizes = { min: 9, max: 28 };

export const settingsSchema = z.object({
  theme: z.enum(['system', 'light', 'dark']),
  fontSize: z.number().int().min(fontSizes.min).max(fontSizes.max),
  isReadAloud: z.boolean(),
  hasHighContrast: z.boolean(),
  isRailCollapsed: z.boolean(),
});
type Values = z.infer<typeof settingsSchema>;
export type Theme = Values['theme'];

/** What another version has left here is taken as far as it fits. */
const { shape } = settingsSchema;
const storedSchema = z.object({
  theme: shape.theme.catch('system'),
  fontSize: shape.fontSize.catch(13),
  isReadAloud: shape.isReadAloud.catch(false),
  hasHighContrast: shape.hasHighContrast.catch(false),
  isRailCollapsed: shape.isRailCollapsed.catch(false),
});

const key = 'settings';

class Settings {
  theme = $state<Theme>('system');
  fontSize = $state(13);
  isReadAloud = $state(false);
  hasHighContrast = $state(false);
  isRailCollapsed = $state(false);
  #systemIsDark = $state(false);

  constructor() {
    Object.assign(this, readStored(browserArea, key, storedSchema));
    const darkSystem = matchMedia('(prefers-color-scheme: dark)');
    this.#systemIsDark = darkSystem.matches;
    darkSystem.addEventListener('change', ({ matches }) => (this.#systemIsDark = matches));
    this.#apply();
  }

  get isDark(): boolean {
    return this.theme === 'system' ? this.#systemIsDark : this.theme === 'dark';
  }

  get screenLook(): ScreenLook {
    return { isDark: this.isDark, fontSize: this.fontSize, isReadAloud: this.isReadAloud };
  }

  get values(): Values {
    const { theme, fontSize, isReadAloud, hasHighContrast, isRailCollapsed } = this;
    return { theme, fontSize, isReadAloud, hasHighContrast, isRailCollapsed };
  }

  set(change: Partial<Values>): void {
    Object.assign(this, change);
    this.fontSize = Math.min(fontSizes.max, Math.max(fontSizes.min, this.fontSize));
    writeStored(browserArea, key, this.values);
    this.#apply();
  }

  /** The style sheet does the rest. */
  #apply(): void {
    const { dataset } = document.documentElement;
    if (this.theme === 'system') delete dataset['theme'];
    else dataset['theme'] = this.theme;
    if (this.hasHighContrast) dataset['contrast'] = 'more';
    else delete dataset['contrast'];
  }
}

export const settings = new Settings();
