// The sequence diagram as a file of its own: SVG for documents, on white. What stands in it came over the wire: it is escaped.

import type { Layout, PlacedStep, Tone } from './sequence-diagram.ts';

/** Of a file, px. */
export const svgFileWidth = 900;

const colours: Readonly<Record<Tone, string>> = {
  request: '#0b6b5c',
  answer: '#0b6b5c',
  notification: '#56615c',
  frame: '#56615c',
  error: '#b3261e',
  event: '#56615c',
};
const troubleColour = '#825000';
const headHeight = 30;

/** Which lines are dashed: answers, as everywhere, and frames, which go on beyond the rendezvous. */
export function isDashed({ tone }: { readonly tone: Tone }): boolean {
  return tone === 'answer' || tone === 'error' || tone === 'frame';
}

/** The head of an arrow that ends at `x`, as points. */
export function arrowHead({ fromX, toX, y }: PlacedStep): string {
  const back = fromX < toX ? -7 : 7;
  return `${toX},${y} ${toX + back},${y - 4} ${toX + back},${y + 4}`;
}

export function svgText({ width, height, hasTimes, lanes, steps }: Layout): string {
  const all = headHeight + height;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${all}" width="${width}" height="${all}" font-family="ui-monospace, monospace" font-size="11">`,
    `<rect width="${width}" height="${all}" fill="#ffffff"/>`,
    ...lanes.map(
      ({ name, x }) =>
        `<text x="${x}" y="20" text-anchor="middle" font-weight="600" fill="#18211e">${name}</text><line x1="${x}" x2="${x}" y1="${headHeight}" y2="${all}" stroke="#dde1dc"/>`,
    ),
    `<g transform="translate(0 ${headHeight})">`,
    ...steps.map((step) => stepText(step, hasTimes)),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

function stepText(step: PlacedStep, hasTimes: boolean): string {
  const { tone, y, fromX, toX, middle, label, shownLabel, time, trouble } = step;
  const colour = trouble === '' ? colours[tone] : troubleColour;
  const text = `<text x="${middle}" y="${y - 6}" text-anchor="middle" fill="${colour}">${escaped(shownLabel)}</text>`;
  const at = hasTimes ? `<text x="8" y="${y}" fill="#56615c">${time}</text>` : '';
  const title = `<title>${escaped(label)}</title>`;
  if (tone === 'event') return `<g>${title}${at}${text}</g>`;
  const dashes = isDashed(step) ? ' stroke-dasharray="5 3"' : '';
  return `<g>${title}${at}<line x1="${fromX}" x2="${toX}" y1="${y}" y2="${y}" stroke="${colour}"${dashes}/><polygon points="${arrowHead(step)}" fill="${colour}"/>${text}</g>`;
}

/** Control characters cannot stand in XML at all. */
function escaped(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cs}\uFFFE\uFFFF]/gu, '\uFFFD')
    .replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
