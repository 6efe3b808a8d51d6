import type { Frame } from "../video/frame.ts";

/** One channel of a picture, rows from the top; usually in 8-bit code units, 0 to 255. */
export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly data: Float64Array;
}

/** Half to even, as numpy and torch round. */
export function halfToEven(value: number): number {
  const whole = Math.floor(value + 0.5);
  return whole - value === 0.5 && whole % 2 ? whole - 1 : whole;
}

/** How a picture becomes grey, in whole levels. The variants are not interchangeable where NIQE is compared. */
const weightings = {
  /** BT.601 luma. */
  yiq: (r, g, b) => halfToEven(0.299 * r + 0.587 * g + 0.114 * b),
  /** MATLAB's rgb2gray. */
  rgb2gray: (r, g, b) => Math.floor(0.298936 * r + 0.587043 * g + 0.114021 * b + 0.5),
  /** Studio range, 16 to 235, as super-resolution papers take it. */
  ycbcr: (r, g, b) => halfToEven(16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255),
} as const satisfies Record<string, (r: number, g: number, b: number) => number>;

export type Luma = keyof typeof weightings;
export const lumaVariants = Object.keys(weightings) as [Luma, ...Luma[]];

/** Grey levels of a frame, whole numbers. */
export function lumaOf({ width, height, data }: Frame, variant: Luma = "yiq"): Plane {
  const weigh = weightings[variant];
  const out = new Float64Array(width * height);
  for (let pixel = 0, at = 0; pixel < out.length; pixel++, at += 3)
    out[pixel] = weigh(data[at]!, data[at + 1]!, data[at + 2]!);
  return { width, height, data: out };
}

/** One of a frame's channels: 0 red, 1 green, 2 blue. */
export function channelOf({ width, height, data }: Frame, channel: 0 | 1 | 2): Plane {
  const out = new Float64Array(width * height);
  for (let pixel = 0; pixel < out.length; pixel++) out[pixel] = data[pixel * 3 + channel]!;
  return { width, height, data: out };
}

export function cropPlane({ width, data }: Plane, x: number, y: number, across: number, down: number): Plane {
  const out = new Float64Array(across * down);
  for (let row = 0; row < down; row++)
    out.set(data.subarray((y + row) * width + x, (y + row) * width + x + across), row * across);
  return { width: across, height: down, data: out };
}

/** Means of 2 x 2 pixels; an odd last row or column falls away. */
export function halve({ width, height, data }: Plane): Plane {
  const [across, down] = [width >> 1, height >> 1];
  const out = new Float64Array(across * down);
  for (let y = 0; y < down; y++)
    for (let x = 0; x < across; x++) {
      const at = 2 * y * width + 2 * x;
      out[y * across + x] = (data[at]! + data[at + 1]! + data[at + width]! + data[at + width + 1]!) / 4;
    }
  return { width: across, height: down, data: out };
}
