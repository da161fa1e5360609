// Colours of the terminal, light and dark. Faint choices of a program are lifted by xterm's minimumContrastRatio.

import type { ITheme } from '@xterm/xterm';

const dark: ITheme = {
  background: '#0b100f',
  foreground: '#dde5e2',
  cursor: '#4ecfb2',
  cursorAccent: '#0b100f',
  selectionBackground: '#2c5f54',
  black: '#1c2423',
  red: '#ff8b80',
  green: '#7fd88f',
  yellow: '#f1bd63',
  blue: '#7cb7ff',
  magenta: '#d9a3f5',
  cyan: '#5fd6d0',
  white: '#cfd8d4',
  brightBlack: '#8b9893',
  brightRed: '#ffaaa1',
  brightGreen: '#a2e8ae',
  brightYellow: '#f8d491',
  brightBlue: '#a6ceff',
  brightMagenta: '#e8c2fb',
  brightCyan: '#93e8e3',
  brightWhite: '#ffffff',
};

const light: ITheme = {
  background: '#ffffff',
  foreground: '#18211e',
  cursor: '#0b6b5c',
  cursorAccent: '#ffffff',
  selectionBackground: '#b9e2d7',
  black: '#18211e',
  red: '#b3261e',
  green: '#1d7032',
  yellow: '#825000',
  blue: '#1257b0',
  magenta: '#8a2ea8',
  cyan: '#0b6770',
  white: '#56615c',
  brightBlack: '#6b7570',
  brightRed: '#c8372d',
  brightGreen: '#27803d',
  brightYellow: '#925c00',
  brightBlue: '#2467c4',
  brightMagenta: '#9a3fb8',
  brightCyan: '#157480',
  brightWhite: '#18211e',
};

export function screenTheme(isDark: boolean): ITheme {
  return isDark ? dark : light;
}
