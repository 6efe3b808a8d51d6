/** The fill of a plane figure of the study, and how far the figure turns. */
import type { Figure, Fill, Grain, StudyScene } from "../study.ts";
import { renderStudy } from "../study-render.ts";
import type { Blob } from "./blobs.ts";
import { deltaE, labAt, median, type Plate, plateOf } from "./lab.ts";
import { swings } from "./looks.ts";

/** Direction and period of the fill; its first frame is upright. */
export function nameGrain(plate: Plate, blob: Blob, share: number, detail: number): { fill: Fill; grain: Grain } {
  const { width, height } = plate;
  const covered = new Set(blob.pixels);
  const measureLines = (
    start: number,
    lines: number,
    length: number,
    step: number,
    next: number,
  ): { sum: number; period: number } => {
    const sums: number[] = [],
      periods: number[] = [];
    const values = new Float64Array(length);
    for (let line = 0; line < lines; line++) {
      let count = 0;
      for (let at = 0; at < length; at++) {
        const pixel = start + line * next + at * step;
        if (!covered.has(pixel) || !covered.has(pixel - 2 * step) || !covered.has(pixel + 2 * step)) continue;
        values[count++] = labAt(plate, pixel)[0];
      }
      if (count < 5) continue;
      const { sum, turns } = swings(values, count, 7);
      sums.push(sum / count);
      if (turns > 0) periods.push((2 * count) / turns);
    }
    return { sum: sums.length ? sums.reduce((a, b) => a + b, 0) / sums.length : 0, period: median(periods) };
  };
  const wide = blob.right - blob.left,
    tall = blob.bottom - blob.top;
  const corner = blob.top * width + blob.left;
  const across = measureLines(corner, tall, wide, 1, width),
    down = measureLines(corner, wide, tall, width, 1);
  let fill: Fill = "plain";
  const strong = Math.max(across.sum, down.sum);
  if (share > 0.12 && strong > 1) {
    if (across.sum < 0.3 * down.sum) fill = "horizontal stripes";
    else if (down.sum < 0.3 * across.sum) fill = "vertical stripes";
    else fill = share > 0.405 ? "checks" : "dots";
  }
  const period = Math.min(...[across, down].filter(({ sum }) => sum > 0.3 * strong).map(({ period }) => period));
  return { fill, grain: fill !== "plain" && (period / height) * detail < 5 ? "fine" : "coarse" };
}

/** Checks and dots swing alike, so where one was found both are drawn, and the one nearer to the picture is kept. */
export function settleDots(
  plate: Plate,
  blob: Blob,
  figure: Pick<Figure, "shape" | "colour" | "radius" | "fill" | "grain">,
  detail: number,
): { fill: Fill; grain: Grain } {
  const { width, height } = plate;
  let best = { fill: figure.fill, grain: figure.grain },
    least = Number.POSITIVE_INFINITY;
  if (figure.fill !== "checks" && figure.fill !== "dots") return best;
  const lift = figure.shape === "triangle" ? 0.2 * figure.radius * height : 0;
  for (const fill of ["checks", "dots"] as const) {
    // The centre is known to about half a pixel.
    for (let shift = 0; shift < 9; shift++) {
      const drawn: Figure = {
        ...figure,
        fill,
        size: "large",
        motion: "still",
        speed: "slow",
        period: (figure.grain === "fine" ? 3 : 8) / detail,
        x: (blob.x + ((shift % 3) - 1) * 0.4 - width / 2) / height,
        y: 0.5 - (blob.y - lift + (Math.floor(shift / 3) - 1) * 0.4) / height,
        angle: 0,
        travel: 0,
      };
      const scene: StudyScene = { figures: [drawn], place: undefined, background: "plain", tone: "grey", seed: 1 };
      const other = plateOf(renderStudy(scene, { width, height, frames: 1 }).frames[0]!, height);
      let gap = 0;
      for (const pixel of blob.pixels)
        for (let channel = 0; channel < 3; channel++)
          gap += Math.abs(plate.light[pixel * 3 + channel]! - other.light[pixel * 3 + channel]!);
      if (gap < least) {
        least = gap;
        best = { fill, grain: figure.grain };
      }
    }
  }
  return best;
}

/** By which of the angles a figure can turn (0, slow, fast) the first frame comes nearest to the last; 0.1 rad either way is tried. */
export function findTurn(first: Plate, last: Plate, centre: { x: number; y: number }, reach: number): number {
  let best = 0,
    least = Number.POSITIVE_INFINITY;
  const { width, height } = first;
  for (const angle of [0, 0.5, 0.55, 0.6, 1.15, 1.2, 1.25]) {
    const sin = Math.sin(angle),
      cos = Math.cos(angle);
    let sum = 0,
      count = 0;
    for (let y = -reach; y <= reach; y += 1) {
      for (let x = -reach; x <= reach; x += 1) {
        if (x * x + y * y > reach * reach) continue;
        const to = pixelAt(centre.x + x, centre.y + y),
          from = pixelAt(centre.x + x * cos + y * sin, centre.y - x * sin + y * cos);
        if (to < 0 || from < 0) continue;
        sum += deltaE(labAt(first, from), labAt(last, to));
        count++;
      }
    }
    // Standing still is the plain answer.
    const cost = sum / count + (angle === 0 ? 0 : 0.5);
    if (cost < least) {
      least = cost;
      best = angle;
    }
  }
  return best;
  function pixelAt(x: number, y: number): number {
    return x < 0 || y < 0 || x >= width || y >= height ? -1 : (y | 0) * width + (x | 0);
  }
}
