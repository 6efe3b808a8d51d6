import type { Shape } from "../scene.ts";
import { type Blob, innerPixels } from "./blobs.ts";
import { median } from "./lab.ts";
import { bestMatches, drawingSize, drawnHeight, type Match, solidDrawings, type Template } from "./templates.ts";

/** Cells along each side of the common grid, and how many of them a body covers there. */
const side = 40,
  covered = 560;

/** How much of each pixel around a body is the body's, from how far its colour is from the backdrop. */
export interface Cover {
  /** Sum of the shares: the area in pixels, which blur does not change. */
  readonly area: number;
  readonly x: number;
  readonly y: number;
  /** Height of an upright bar that is spread as much over rows. */
  readonly tall: number;
  /** Brought to one area, the centre of mass in the middle. */
  readonly grid: Float32Array;
}

/** What the backdrop itself may be off by, dE. */
const floor = 6;

/** `wide` holds every pixel that may belong to the body, `core` those that do. */
export function coverOf(wide: Blob, core: Blob, far: Float32Array, width: number, height: number): Cover {
  const inner = innerPixels(core, width, height);
  // Shade inside a body is no gap in it.
  const solid = new Set(inner);
  const full = median((inner.length > 8 ? inner : core.pixels).map((pixel) => far[pixel]!));
  const shares = new Map<number, number>();
  let area = 0,
    x = 0,
    y = 0,
    square = 0;
  for (const pixel of wide.pixels) {
    const share = solid.has(pixel) ? 1 : Math.max(0, Math.min(1, (far[pixel]! - floor) / Math.max(4, full - floor)));
    shares.set(pixel, share);
    area += share;
    x += share * ((pixel % width) + 0.5);
    const row = Math.floor(pixel / width) + 0.5;
    y += share * row;
    square += share * row * row;
  }
  x /= area;
  y /= area;
  const tall = Math.sqrt(12 * Math.max(0, square / area - y * y));
  const at = (column: number, row: number): number => shares.get(row * width + column) ?? 0;
  return { area, x, y, tall, grid: toGrid(at, x, y, area) };
}

/** Samples shares, between four pixels, at the cells of the common grid. */
function toGrid(at: (column: number, row: number) => number, x: number, y: number, area: number): Float32Array {
  const scale = Math.sqrt(area / covered);
  const out = new Float32Array(side * side);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const u = x + (column + 0.5 - side / 2) * scale - 0.5,
        v = y + (row + 0.5 - side / 2) * scale - 0.5;
      const left = Math.floor(u),
        top = Math.floor(v);
      const a = u - left,
        b = v - top;
      const upper = at(left, top) * (1 - a) + at(left + 1, top) * a,
        lower = at(left, top + 1) * (1 - a) + at(left + 1, top + 1) * a;
      out[row * side + column] = upper * (1 - b) + lower * b;
    }
  }
  return out;
}

let templates: Template[] | undefined;

/** The drawings, sharp and blurred. */
function allTemplates(): Template[] {
  templates ??= solidDrawings().flatMap(({ shape, mask }) => {
    const size = drawingSize;
    let area = 0,
      x = 0,
      y = 0;
    for (const [pixel, set] of mask.entries()) {
      if (!set) continue;
      area++;
      x += (pixel % size) + 0.5;
      y += Math.floor(pixel / size) + 0.5;
    }
    const scale = drawnHeight / (Math.sqrt(area) / size);
    return [0, 1, 2, 4].map((radius) => {
      const soft = blur(Float32Array.from(mask), size, radius);
      const at = (column: number, row: number): number =>
        column < 0 || row < 0 || column >= size || row >= size ? 0 : soft[row * size + column]!;
      return { shape, grid: toGrid(at, x / area, y / area, area), scale };
    });
  });
  return templates;
}

/** Three box means: about a gaussian. */
function blur(values: Float32Array<ArrayBuffer>, size: number, radius: number): Float32Array {
  let from = values;
  for (let pass = 0; pass < (radius ? 3 : 0); pass++) {
    for (const step of [1, size]) {
      const to = new Float32Array(from.length);
      for (let pixel = 0; pixel < to.length; pixel++) {
        let sum = 0;
        for (let k = -radius; k <= radius; k++) sum += from[pixel + k * step] ?? 0;
        to[pixel] = sum / (2 * radius + 1);
      }
      from = to;
    }
  }
  return from;
}

/** For each shape the best overlap with a template, sharp or blurred. */
export const matchCover = ({ grid }: Cover, candidates: readonly Shape[]): Record<Shape, Match> =>
  bestMatches(grid, allTemplates(), candidates);
