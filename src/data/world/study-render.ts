import type { Frame } from "../../video/frame.ts";
import { noise } from "./backdrop.ts";
import { clipTime } from "./motion.ts";
import { bodyColours, encodeScale, encodeTable, partner, type Rgb, tints } from "./palette.ts";
import type { Rendering, RenderOptions } from "./render.ts";
import { backgroundColours, type Figure, type StudyScene } from "./study.ts";

/** Every pixel of a figure is the mean of `grid` x `grid` samples. */
const grid = 4;

/** Draws a flat scene; the same scene at another size is the same picture. */
export function renderStudy(scene: StudyScene, { width, height, frames }: Omit<RenderOptions, "window">): Rendering {
  const out: Rendering = { frames: [], masks: [] };
  const backdrop = drawBackground(scene, width, height);
  for (let frame = 0; frame < frames; frame++) {
    const data = Uint8Array.from(backdrop, encode);
    const mask = new Uint8Array(width * height);
    for (const [index, figure] of scene.figures.entries())
      drawFigure({ width, height, data }, backdrop, mask, figure, index + 1, clipTime(frame, frames));
    out.frames.push({ width, height, data });
    out.masks.push(mask);
  }
  return out;
}

/** Linear light [height, width, 3]: one of four colours, flat, graded or grainy, with a breath of 1/f grain on all. */
function drawBackground({ background, tone, seed }: StudyScene, width: number, height: number): Float32Array {
  const [light] = tints[backgroundColours.indexOf(tone)]!;
  const out = new Float32Array(width * height * 3);
  const strength = background === "grain" ? 0.22 : 0.035;
  for (let y = 0; y < height; y++) {
    const v = (y + 0.5) / height;
    for (let x = 0; x < width; x++) {
      const u = (x + 0.5) / height;
      let grain = 0,
        share = 1;
      // Octaves down to two pixels a cell: finer ones would alias.
      for (let octave = 0, cells = 6; octave < 6 && cells * 2 <= height; octave++, cells *= 2) {
        grain += share * (noise(u * cells, v * cells, seed + octave) - 0.5);
        share *= 0.7;
      }
      const level = (background === "gradient" ? 0.62 + 0.7 * (1 - v) : 1) * (1 + strength * 2 * grain);
      for (let channel = 0; channel < 3; channel++) out[(y * width + x) * 3 + channel] = light[channel]! * level;
    }
  }
  return out;
}

function drawFigure(
  frame: Frame,
  backdrop: Float32Array,
  mask: Uint8Array,
  figure: Figure,
  index: number,
  s: number,
): void {
  const { width, height, data } = frame;
  const run = figure.travel * (s - 0.5);
  const turn = figure.angle - (figure.motion === "clockwise" ? figure.travel * s : 0);
  const cx = figure.x + (figure.motion === "right" ? run : figure.motion === "left" ? -run : 0),
    cy = figure.y + (figure.motion === "up" ? run : figure.motion === "down" ? -run : 0);
  const sin = Math.sin(turn),
    cos = Math.cos(turn);
  const base = bodyColours[figure.colour],
    second = partner(figure.colour);
  const reach = figure.radius * 1.5;
  const left = Math.max(0, Math.floor(width / 2 + (cx - reach) * height)),
    right = Math.min(width, Math.ceil(width / 2 + (cx + reach) * height));
  const top = Math.max(0, Math.floor((0.5 - cy - reach) * height)),
    bottom = Math.min(height, Math.ceil((0.5 - cy + reach) * height));
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      let covered = 0,
        other = 0;
      for (let sample = 0; sample < grid * grid; sample++) {
        const u = (x + ((sample % grid) + 0.5) / grid - width / 2) / height - cx,
          v = 0.5 - (y + (Math.floor(sample / grid) + 0.5) / grid) / height - cy;
        const px = u * cos + v * sin,
          py = v * cos - u * sin;
        if (!isInside(figure, px / figure.radius, py / figure.radius)) continue;
        covered++;
        if (isSecond(figure, px, py)) other++;
      }
      if (!covered) continue;
      const at = y * width + x,
        share = 1 / (grid * grid);
      if (covered * 2 >= grid * grid) mask[at] = index;
      for (let channel = 0; channel < 3; channel++) {
        const paint = mix(base, second, channel, covered - other, other);
        data[at * 3 + channel] = encode((paint + (grid * grid - covered) * backdrop[at * 3 + channel]!) * share);
      }
    }
  }
}

const mix = (a: Rgb, b: Rgb, channel: 0 | 1 | 2 | number, first: number, second: number): number =>
  first * a[channel]! + second * b[channel]!;

/** Whether a point (in radii, y up) belongs to the figure; all four have about the same area. */
export function isInside({ shape }: Pick<Figure, "shape">, x: number, y: number): boolean {
  const ax = Math.abs(x),
    ay = Math.abs(y);
  switch (shape) {
    case "circle":
      return x * x + y * y < 1;
    case "square":
      return ax < 0.9 && ay < 0.9;
    case "triangle":
      return y > -0.85 && ax * 1.75 < 1.1 - y;
    case "cross":
      return (ax < 0.38 && ay < 1.15) || (ay < 0.38 && ax < 1.15);
  }
}

/** Whether the fill shows its second colour at a point (in picture heights). */
function isSecond({ fill, period }: Figure, x: number, y: number): boolean {
  if (period === 0) return false;
  const u = x / period + 100,
    v = y / period + 100;
  switch (fill) {
    case "horizontal stripes":
      return v % 1 < 0.5;
    case "vertical stripes":
      return u % 1 < 0.5;
    case "checks":
      return u % 1 < 0.5 !== v % 1 < 0.5;
    case "dots":
      return ((u % 1) - 0.5) ** 2 + ((v % 1) - 0.5) ** 2 < 0.1;
    default:
      return false;
  }
}

const encode = (light: number): number => encodeTable[Math.min(2 * encodeScale - 1, (light * encodeScale) | 0)]!;
