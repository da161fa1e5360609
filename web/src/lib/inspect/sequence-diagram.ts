// Rows as arrows between the ends of a conversation. Messages go from end to end; frames as far as this page sees them, to or
// from the rendezvous. Pure: where things stand, and the diagram as Mermaid text; SVG is in sequence-svg.ts.

import { latencyText, timeText } from './row-text.ts';
import { isErrorRow, rowTitle, type Row } from './row.ts';
import { rules } from './rules.ts';

export type Lane = 'harness' | 'rendezvous' | 'executor';

/** Decides how a step is drawn. */
export type Tone = 'request' | 'answer' | 'notification' | 'frame' | 'error' | 'event';

export interface DiagramStep {
  readonly number: number;
  readonly tone: Tone;
  /** Of an event the same: it is a note. */
  readonly from: Lane;
  readonly to: Lane;
  /** Kind, method and id; the time to the answer. */
  readonly label: string;
  /** Since the recording began. */
  readonly time: string;
  /** The rules that it breaks, e.g. "Segment again". Empty: none. */
  readonly trouble: string;
}

export interface Diagram {
  readonly lanes: readonly Lane[];
  readonly steps: readonly DiagramStep[];
  /** Of all rows that could be shown: the index of the first step, and how many there are. */
  readonly from: number;
  readonly totalCount: number;
}

/** More steps than this are not drawn at once. */
export const maxSteps = 500;

export function diagramOf(rows: readonly Row[], from = 0): Diagram {
  const shown = rows.slice(from, from + maxSteps);
  const isRelayed = shown.some(({ layer, stream }) => layer === 'frame' || stream !== '');
  const lanes: readonly Lane[] = isRelayed ? ['harness', 'rendezvous', 'executor'] : ['harness', 'executor'];
  const hasOneConnection = new Set(shown.map(({ entry }) => entry.connection)).size < 2;
  return {
    lanes,
    from,
    totalCount: rows.length,
    steps: shown.map((row) => stepOf(row, hasOneConnection ? '' : `${row.entry.connection} `)),
  };
}

function stepOf(row: Row, prefix: string): DiagramStep {
  const { number } = row;
  const time = timeText(row, undefined, 'start', 0);
  const trouble = [...new Set(row.anomalies.map(({ rule }) => rules[rule].title))].join(', ');
  const common = { number, time, trouble, tone: toneOf(row), label: prefix + labelOf(row) };
  if (row.layer === 'event') return { ...common, from: 'harness', to: 'harness' };
  const far = row.layer === 'frame' ? 'rendezvous' : 'executor';
  return row.entry.dir === 'out' ? { ...common, from: 'harness', to: far } : { ...common, from: far, to: 'harness' };
}

function toneOf(row: Row): Tone {
  if (isErrorRow(row)) return row.layer === 'event' ? 'event' : 'error';
  if (row.layer !== 'message') return row.layer;
  return row.kind === 'request' ? 'request' : row.kind === 'response' ? 'answer' : 'notification';
}

function labelOf(row: Row): string {
  const kind = row.kind === 'request' || row.kind === 'notification' || row.kind === 'event' ? '' : row.kind;
  const seq = row.layer === 'message' && row.head.seq !== undefined ? `seq ${row.head.seq}` : '';
  const isAnswer = row.kind === 'response' || row.kind === 'error';
  const latency = isAnswer && row.latencyMs !== undefined ? `· ${latencyText(row.latencyMs)}` : '';
  const process = row.kind === 'request' || row.kind === 'notification' ? row.processId : '';
  return [kind, rowTitle(row), row.id, process, seq, latency].filter((part) => part !== '').join(' ');
}

/** Distances, px. */
const pitch = 32;
const top = 14;
const timeColumn = 84;
const edge = 44;
/** From here on there is room for the column of times. */
const timesFromWidth = 560;
/** Of a character in the labels, which are set in 11 px monospace. */
const characterWidth = 6.7;

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly hasTimes: boolean;
  readonly lanes: readonly { readonly name: Lane; readonly x: number }[];
  readonly steps: readonly PlacedStep[];
}

export interface PlacedStep extends DiagramStep {
  /** Of the line; its label stands above. */
  readonly y: number;
  readonly fromX: number;
  readonly toX: number;
  /** Where the label is centred. */
  readonly middle: number;
  /** As much of the label as there is room for. */
  readonly shownLabel: string;
}

/** @param width px */
export function layoutOf({ lanes, steps }: Diagram, width: number): Layout {
  const hasTimes = width >= timesFromWidth;
  const left = (hasTimes ? timeColumn : 0) + edge;
  const gap = Math.max(0, width - edge - left) / (lanes.length - 1);
  const placed = lanes.map((name, index) => ({ name, x: Math.round(left + gap * index) }));
  const xOf = (lane: Lane) => placed.find(({ name }) => name === lane)?.x ?? left;
  const lastX = placed.at(-1)?.x ?? left;
  return {
    width,
    height: top + steps.length * pitch + pitch / 2,
    hasTimes,
    lanes: placed,
    steps: steps.map((step, index) => {
      const fromX = xOf(step.from);
      // A note lies over all lanes.
      const toX = step.tone === 'event' ? lastX : xOf(step.to);
      const room = Math.floor((Math.abs(toX - fromX) - 12) / characterWidth);
      const text = step.trouble === '' ? step.label : `${step.trouble}: ${step.label}`;
      const shownLabel = text.length > room ? `${text.slice(0, Math.max(0, room - 1))}…` : text;
      return { ...step, y: top + index * pitch + 18, fromX, toX, middle: (fromX + toX) / 2, shownLabel };
    }),
  };
}

const mermaidArrows: Readonly<Record<Exclude<Tone, 'event'>, string>> = {
  request: '->>',
  answer: '-->>',
  notification: '-)',
  frame: '-)',
  error: '--x',
};

/** For Mermaid, as Markdown on many sites shows it. */
export function mermaidText({ lanes, steps, from, totalCount }: Diagram): string {
  const last = lanes.at(-1) ?? 'executor';
  const isWhole = steps.length === totalCount;
  const lines = steps.map(({ tone, from: sender, to, label, trouble }) => {
    const text = mermaidLabel(trouble === '' ? label : `${trouble}: ${label}`);
    return tone === 'event' ? `Note over harness,${last}: ${text}` : `${sender}${mermaidArrows[tone]}${to}: ${text}`;
  });
  return [
    'sequenceDiagram',
    ...(isWhole ? [] : [`  %% rows ${from + 1} to ${from + steps.length} of ${totalCount}`]),
    ...lanes.map((lane) => `  participant ${lane}`),
    ...lines.map((line) => `  ${line}`),
    '',
  ].join('\n');
}

/** On one line; what Mermaid would read as its own signs, or a page as markup, is written as its entities. */
function mermaidLabel(text: string): string {
  const escaped = text.replace(/[#;<>&"{}[\]]/g, (char) => `#${char.charCodeAt(0)};`).replace(/[\p{Cc}\s]+/gu, ' ');
  return escaped.trim() === '' ? '#160;' : escaped;
}
