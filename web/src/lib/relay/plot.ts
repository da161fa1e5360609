// A small plot over time by uPlot, which is fetched when the first is drawn. It draws on a canvas, which knows no style
// sheet: the colours of the tokens are handed in. What it shows is said in words beside it.

import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export interface Curve {
  readonly name: string;
  /** A token: `--accent`. */
  readonly token: string;
  /** One for each time; null where there is none. */
  readonly values: readonly (number | null)[];
  readonly isDashed?: boolean;
}

export interface PlotData {
  /** Seconds since 1970. */
  readonly times: readonly number[];
  readonly curves: readonly Curve[];
}

export interface Plot {
  show(data: PlotData): void;
  resize(width: number): void;
  end(): void;
}

const height = 120;
/** A minute at least is shown, so that the curve does not run about at its beginning, s. */
const leastSpan = 60;

export function plotInto(element: HTMLElement, { curves, times }: PlotData): Plot {
  const muted = colourOf(element, '--muted');
  const line = colourOf(element, '--line');
  const axis: UPlot.Axis = {
    stroke: muted,
    grid: { stroke: line, width: 1 },
    ticks: { show: false },
    font: '11px sans-serif',
  };
  const plot = new UPlot(
    {
      width: Math.max(1, element.clientWidth),
      height,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { range: (_plot, min, max) => [Math.min(min, max - leastSpan), max] },
        y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.1)] },
      },
      axes: [
        { ...axis, size: 22 },
        { ...axis, size: 44 },
      ],
      series: [
        {},
        ...curves.map(({ name, token, isDashed }) => ({
          label: name,
          stroke: colourOf(element, token),
          width: 1.5,
          points: { show: false },
          ...(isDashed ? { dash: [4, 3] } : {}),
        })),
      ],
    },
    dataOf({ times, curves }),
    element,
  );
  return {
    show: (data) => plot.setData(dataOf(data)),
    resize: (width) => plot.setSize({ width: Math.max(1, width), height }),
    end: () => plot.destroy(),
  };
}

function dataOf({ times, curves }: PlotData): UPlot.AlignedData {
  return [[...times], ...curves.map(({ values }) => [...values])];
}

/** A token as a colour that a canvas takes. */
function colourOf(element: HTMLElement, token: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${token})`;
  element.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}
