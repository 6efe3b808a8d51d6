import { InputError } from "../base/errors.ts";
import { blankFrame, type Color, drawLine, drawRectangle, drawText } from "./canvas.ts";
import { textWidth } from "./font.ts";
import type { Frame } from "./frame.ts";

export interface PlotSeries {
  name: string;
  points: readonly (readonly [x: number, y: number])[];
}

export interface PlotOptions {
  title?: string;
  xLabel?: string;
  yLabel?: string;
  width?: number;
  height?: number;
  /** The y axis counts powers of ten; points at or below zero are left out. */
  logY?: boolean;
}

/** Distinguishable for most kinds of colour vision (Okabe and Ito, 2008), then grey. */
const palette: Color[] = [
  [0, 114, 178],
  [213, 94, 0],
  [0, 158, 115],
  [204, 121, 167],
  [230, 159, 0],
  [86, 180, 233],
  [90, 90, 90],
];
const ink: Color = [40, 40, 40];
const grid: Color = [226, 226, 226];
const margin = { left: 84, right: 20, top: 44, bottom: 50 };

/** Curves over numbers: axes, ticks, labels and a legend. Points that are not finite break their line. */
export function plotLines(series: readonly PlotSeries[], options: PlotOptions = {}): Frame {
  const { title = "", xLabel = "", yLabel = "", width = 960, height = 540, logY = false } = options;
  const visible = ([x, y]: readonly [number, number]) => Number.isFinite(x) && Number.isFinite(y) && (!logY || y > 0);
  const all = series.flatMap(({ points }) => points.filter(visible));
  if (!all.length) throw new InputError("nothing to plot: no series has a finite point");
  const toY = (y: number) => (logY ? Math.log10(y) : y);
  const [xMin, xMax] = range(all.map(([x]) => x));
  const [yMin, yMax] = range(all.map(([, y]) => toY(y)));
  const plot = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };
  const left = (x: number) => margin.left + ((x - xMin) / (xMax - xMin)) * plot.width;
  const top = (y: number) => margin.top + (1 - (y - yMin) / (yMax - yMin)) * plot.height;

  const frame = blankFrame(width, height);
  for (const { value, label } of ticks(xMin, xMax)) {
    const x = Math.round(left(value));
    drawRectangle(frame, x, margin.top, 1, plot.height, grid);
    drawText(frame, label, Math.round(x - textWidth(label) / 2), margin.top + plot.height + 8, ink);
  }
  for (const { value, label } of logY ? logTicks(yMin, yMax) : ticks(yMin, yMax)) {
    const y = Math.round(top(value));
    drawRectangle(frame, margin.left, y, plot.width, 1, grid);
    drawText(frame, label, margin.left - 8 - textWidth(label), y - 3, ink);
  }
  drawRectangle(frame, margin.left, margin.top, 1, plot.height, ink);
  drawRectangle(frame, margin.left, margin.top + plot.height, plot.width, 1, ink);

  for (const [index, { points }] of series.entries()) {
    const color = palette[index % palette.length]!;
    let last: readonly [number, number] | undefined;
    for (const point of points) {
      const here = visible(point) ? ([left(point[0]), top(toY(point[1]))] as const) : undefined;
      if (here) drawLine(frame, last ?? here, here, color, last ? 1.6 : 3);
      last = here;
    }
  }

  drawText(frame, title, margin.left, 8, ink, 2);
  drawText(frame, yLabel + (logY ? " (log)" : ""), 8, 28, ink);
  drawText(frame, xLabel, Math.round(margin.left + (plot.width - textWidth(xLabel)) / 2), height - 18, ink);
  let x = width - margin.right - series.reduce((sum, { name }) => sum + textWidth(name) + 32, 0);
  for (const [index, { name }] of series.entries()) {
    drawRectangle(frame, x, 30, 14, 3, palette[index % palette.length]!);
    drawText(frame, name, x + 18, 28, ink);
    x += textWidth(name) + 32;
  }
  return frame;
}

/** From the least to the greatest value, with a little room; one value gets room around it. */
function range(values: readonly number[]): [number, number] {
  let [least, greatest] = [Infinity, -Infinity];
  for (const value of values) {
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
  }
  if (least === greatest) return [least - (Math.abs(least) || 1) / 2, greatest + (Math.abs(greatest) || 1) / 2];
  const room = (greatest - least) * 0.03;
  return [least - room, greatest + room];
}

/** About six round values (1, 2 or 5 times a power of ten apart). */
function ticks(from: number, to: number): { value: number; label: string }[] {
  const rough = (to - from) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  const out = [];
  for (let index = Math.ceil(from / step); index * step <= to; index++) {
    const value = index * step;
    const isPlain = Math.abs(value) < 1e6 && digits <= 6;
    out.push({ value, label: value === 0 ? "0" : isPlain ? value.toFixed(digits) : value.toExponential(1) });
  }
  return out;
}

/** Powers of ten, between them 2 and 5 times where there are few; below a decade, round values. */
function logTicks(from: number, to: number): { value: number; label: string }[] {
  const factors = to - from > 3 ? [1] : [1, 2, 5];
  const out = [];
  for (let power = Math.floor(from); power <= to; power++)
    for (const factor of factors) {
      const value = power + Math.log10(factor);
      if (value < from || value > to) continue;
      out.push({
        value,
        label: power >= -3 && power < 5 ? String(Number((factor * 10 ** power).toPrecision(1))) : `${factor}e${power}`,
      });
    }
  if (out.length >= 3) return out;
  return ticks(10 ** from, 10 ** to).flatMap(({ value, label }) =>
    value > 0 ? { value: Math.log10(value), label } : [],
  );
}
