// The cells of a row, as text.

import { bytesText } from '../format.ts';
import type { Row } from './row.ts';

export const timeFormats = ['clock', 'start', 'delta'] as const;
/** By the clock, since the recording began, or since the row before. */
export type TimeFormat = (typeof timeFormats)[number];

export function timeText(row: Row, before: Row | undefined, format: TimeFormat, startedAtMs: number): string {
  const { atMs } = row.entry;
  switch (format) {
    case 'clock':
      return clockText(startedAtMs + atMs);
    case 'start':
      return secondsText(atMs);
    case 'delta':
      return before ? `+${secondsText(Math.max(0, atMs - before.entry.atMs))}` : '';
  }
}

/** "12:03:04.567", in local time. */
function clockText(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${time}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** "12.345" */
function secondsText(ms: number): string {
  return (ms / 1000).toFixed(3);
}

export function isoText(ms: number): string {
  return new Date(ms).toISOString();
}

/** "0.84 ms", "12.3 ms", "1.20 s" */
export function latencyText(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return `${ms.toFixed(ms < 10 ? 2 : 1)} ms`;
}

export function sizeText(row: Row): string {
  return row.layer === 'event' ? '' : bytesText(row.bytes);
}

export const directionSigns = { out: '↑', in: '↓' } as const;
