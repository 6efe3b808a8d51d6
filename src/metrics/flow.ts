/**
 * Motion between two frames by block matching, one definition for every measure here that needs it (names begin with
 * `wf/`: no weights). Luma is shrunk until its shorter side is 256; blocks of 16 x 16 every 8 pixels are searched within 8
 * pixels at a quarter of that size, and refined by 2 at half and at full: about 38 pixels of reach.
 */
import type { Frame } from "../video/frame.ts";
import { halve, lumaOf, type Plane } from "./plane.ts";
import { resample, shorterSide } from "./resample.ts";

/** Shorter side of what flow looks at. */
export const flowSide = 256;
const block = 16,
  stride = 8;
/** Search radius from the coarsest level to the finest. */
const radii = [8, 2, 2];
/** Cost of a pixel of motion, in levels summed over a block: still is the default where nothing tells. */
const stillness = 32;
/** Luma deviation below which a block cannot be trusted. */
const leastDeviation = 4;

export interface Flow {
  /** Blocks in rows; block (i, j) covers 16 x 16 pixels from (8 i, 8 j) of the shrunken luma. */
  readonly across: number;
  readonly down: number;
  /** Pixels of the shrunken luma that content moves by, to the right and down. */
  readonly vx: Float64Array;
  readonly vy: Float64Array;
  /** 1 where a block has texture enough. */
  readonly reliable: Uint8Array;
  /** Size of the shrunken luma. */
  readonly width: number;
  readonly height: number;
}

/** A frame's luma as flows see it: shrunk, and twice halved. */
export type Pyramid = readonly [Plane, Plane, Plane];

export function pyramidOf(frame: Frame): Pyramid {
  const luma = lumaOf(frame);
  const small =
    Math.min(luma.width, luma.height) > flowSide
      ? resample(luma, ...shorterSide(luma.width, luma.height, flowSide), "bilinear")
      : luma;
  const half = halve(small);
  return [small, half, halve(half)];
}

/** Where what is seen in `from` has gone in `to`. */
export function flowBetween(from: Pyramid, to: Pyramid): Flow {
  const { width, height } = from[0];
  const across = Math.max(1, Math.floor((width - block) / stride) + 1),
    down = Math.max(1, Math.floor((height - block) / stride) + 1);
  const reliable = new Uint8Array(across * down);
  let field: Field | undefined;
  for (const [step, radius] of radii.entries()) {
    const level = radii.length - 1 - step;
    field = searchLevel(from[level]!, to[level]!, radius, field, level === 0);
  }
  for (let at = 0; at < reliable.length; at++) {
    const [x, y] = [(at % across) * stride, Math.floor(at / across) * stride];
    reliable[at] = deviation(from[0], x, y) >= leastDeviation ? 1 : 0;
  }
  return { ...field!, reliable, width, height };
}

export const flowOf = (from: Frame, to: Frame): Flow => flowBetween(pyramidOf(from), pyramidOf(to));

type Field = { across: number; down: number; vx: Float64Array; vy: Float64Array };

function searchLevel(from: Plane, to: Plane, radius: number, coarse: Field | undefined, subpixel: boolean): Field {
  const { width, height } = from;
  const across = Math.max(1, Math.floor((width - block) / stride) + 1),
    down = Math.max(1, Math.floor((height - block) / stride) + 1);
  const [vx, vy] = [new Float64Array(across * down), new Float64Array(across * down)];
  for (let row = 0; row < down; row++)
    for (let column = 0; column < across; column++) {
      const [x, y] = [column * stride, row * stride];
      const start = coarse ? guess(coarse, column, row) : ([0, 0] as const);
      const cost = (dx: number, dy: number, limit: number): number =>
        difference(from, to, x, y, dx, dy, limit - stillness * (Math.abs(dx) + Math.abs(dy))) +
        stillness * (Math.abs(dx) + Math.abs(dy));
      let [bestX, bestY, best] = [0, 0, cost(0, 0, Number.POSITIVE_INFINITY)];
      for (let dy = start[1] - radius; dy <= start[1] + radius; dy++)
        for (let dx = start[0] - radius; dx <= start[0] + radius; dx++) {
          const one = cost(dx, dy, best);
          if (one < best) [bestX, bestY, best] = [dx, dy, one];
        }
      const at = row * across + column;
      const whole = Number.POSITIVE_INFINITY;
      if (best === 0) continue; // alike to the last level: nothing between pixels to look for
      vx[at] = bestX + (subpixel ? vertex(cost(bestX - 1, bestY, whole), best, cost(bestX + 1, bestY, whole)) : 0);
      vy[at] = bestY + (subpixel ? vertex(cost(bestX, bestY - 1, whole), best, cost(bestX, bestY + 1, whole)) : 0);
    }
  return { across, down, vx, vy };
}

/** Twice the vector of the coarser block at this place. */
function guess({ across, down, vx, vy }: Field, column: number, row: number): readonly [number, number] {
  const at = Math.min(down - 1, row >> 1) * across + Math.min(across - 1, column >> 1);
  return [2 * vx[at]!, 2 * vy[at]!];
}

/** Sum of absolute differences over a block; beyond the edge stands the edge. Stops where it passes `limit`. */
function difference(from: Plane, to: Plane, x: number, y: number, dx: number, dy: number, limit: number): number {
  const { width, height, data } = from;
  const [wide, high] = [Math.min(block, width - x), Math.min(block, height - y)];
  const inside = x + dx >= 0 && x + dx + wide <= width;
  let sum = 0;
  for (let row = 0; row < high && sum < limit; row++) {
    const other = Math.max(0, Math.min(height - 1, y + row + dy)) * width,
      own = (y + row) * width + x;
    if (inside) for (let i = 0; i < wide; i++) sum += Math.abs(data[own + i]! - to.data[other + x + dx + i]!);
    else
      for (let i = 0; i < wide; i++)
        sum += Math.abs(data[own + i]! - to.data[other + Math.max(0, Math.min(width - 1, x + dx + i))]!);
  }
  return sum;
}

/** Where a parabola through three costs is lowest, within half a pixel. */
function vertex(before: number, here: number, after: number): number {
  const bend = before + after - 2 * here;
  return bend > 0 ? Math.max(-0.5, Math.min(0.5, (before - after) / (2 * bend))) : 0;
}

function deviation({ width, height, data }: Plane, x: number, y: number): number {
  let [sum, squares, count] = [0, 0, 0];
  for (let row = y; row < Math.min(height, y + block); row++)
    for (let column = x; column < Math.min(width, x + block); column++) {
      const value = data[row * width + column]!;
      sum += value;
      squares += value * value;
      count++;
    }
  return Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2));
}

/** Motion at a place of the shrunken luma, between the centres of blocks. */
export function motionAt(flow: Flow, x: number, y: number): [number, number] {
  const column = Math.max(0, Math.min(flow.across - 1, (x - block / 2) / stride)),
    row = Math.max(0, Math.min(flow.down - 1, (y - block / 2) / stride));
  const [left, top] = [Math.floor(column), Math.floor(row)];
  const [right, bottom] = [Math.min(flow.across - 1, left + 1), Math.min(flow.down - 1, top + 1)];
  const [u, v] = [column - left, row - top];
  const mix = (field: Float64Array) =>
    (1 - v) * ((1 - u) * field[top * flow.across + left]! + u * field[top * flow.across + right]!) +
    v * ((1 - u) * field[bottom * flow.across + left]! + u * field[bottom * flow.across + right]!);
  return [mix(flow.vx), mix(flow.vy)];
}

/** Mean of the largest `share` of magnitudes among reliable blocks, in pixels of the shrunken luma. */
export function topMotion({ vx, vy, reliable }: Flow, share: number): number {
  const sizes = Array.from(vx, (x, at) => Math.hypot(x, vy[at]!)).filter((_, at) => reliable[at]);
  if (!sizes.length) return 0;
  const count = Math.max(1, Math.trunc(share * sizes.length));
  return (
    sizes
      .sort((a, b) => b - a)
      .slice(0, count)
      .reduce((a, b) => a + b) / count
  );
}

/** `to` as seen from `from`: each place takes the value where its content has gone, between pixels. */
export function warpPlane(to: Plane, flow: Flow): Plane {
  const { width, height } = to;
  const scale = width / flow.width;
  const data = new Float64Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [vx, vy] = motionAt(flow, (x + 0.5) / scale - 0.5, (y + 0.5) / scale - 0.5);
      data[y * width + x] = sampleAt(to, x + scale * vx, y + scale * vy);
    }
  return { width, height, data };
}

/** Bilinear; beyond the edge stands the edge. */
export function sampleAt({ width, height, data }: Plane, x: number, y: number): number {
  const [cx, cy] = [Math.max(0, Math.min(width - 1, x)), Math.max(0, Math.min(height - 1, y))];
  const [left, top] = [Math.min(width - 1, Math.floor(cx)), Math.min(height - 1, Math.floor(cy))];
  const [right, bottom] = [Math.min(width - 1, left + 1), Math.min(height - 1, top + 1)];
  const [u, v] = [cx - left, cy - top];
  return (
    (1 - v) * ((1 - u) * data[top * width + left]! + u * data[top * width + right]!) +
    v * ((1 - u) * data[bottom * width + left]! + u * data[bottom * width + right]!)
  );
}
