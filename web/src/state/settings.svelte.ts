// What the user has set: the theme and how terminals look. Kept in this browser.

import { z } from 'zod';
import type { ScreenLook } from '../lib/screen.ts';
import { browserArea, readStored, writeStored } from '../lib/storage.ts';

const schema = z.object({
  theme: z.enum(['system', 'light', 'dark']).catch('system'),
  fontSize: z.number().int().min(9).max(28).catch(13),
  isReadAloud: z.boolean().catch(false),
  hasHighContrast: z.boolean().catch(false),
  isRailCollapsed: z.boolean().catch(false),
});
type Values = z.infer<typeof schema>;
export type Theme = Values['theme'];

const key = 'settings';
const fontSizes = { min: 9, max: 28 };

class Settings {
  theme = $state<Theme>('system');
  fontSize = $state(13);
  isReadAloud = $state(false);
  hasHighContrast = $state(false);
  isRailCollapsed = $state(false);
  #systemIsDark = $state(false);

  constructor() {
    Object.assign(this, readStored(browserArea, key, schema));
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

  set(change: Partial<Values>): void {
    Object.assign(this, change);
    this.fontSize = Math.min(fontSizes.max, Math.max(fontSizes.min, this.fontSize));
    const { theme, fontSize, isReadAloud, hasHighContrast, isRailCollapsed } = this;
    const values: Values = { theme, fontSize, isReadAloud, hasHighContrast, isRailCollapsed };
    writeStored(browserArea, key, values);
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
