/**
 * Resizing as the programs do it that published metrics were computed with. All place output pixel i at
 * (i + 1/2) · scale - 1/2 of the source; they differ in kernel, in whether shrinking widens it, and at the edges, and
 * a metric's value depends on which was used.
 */
import { halfToEven, type Plane } from "./plane.ts";

interface Sampler {
  readonly radius: number;
  readonly weight: (distance: number) => number;
  /** Shrinking widens the kernel by the factor. */
  readonly antialias: boolean;
  /** What lies outside: the edge pixel, the mirrored picture (edge pixel twice), or nothing (weights of the rest grow). */
  readonly edges: "clamp" | "mirror" | "drop";
  /** How bytes are kept: Pillow rounds after each of the two passes, torch once, halves to even. */
  readonly bytes: "each-pass" | "once";
}

/** Keys' cubic of parameter a. */
const cubic = (a: number) => (distance: number) => {
  const d = Math.abs(distance);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? a * (((d - 5) * d + 8) * d - 4) : 0;
};
const triangle = (distance: number) => Math.max(0, 1 - Math.abs(distance));

export const samplers = {
  /** torch's bicubic without antialiasing: VBench's CLIP transforms of tensors, MUSIQ's scales. */
  torchBicubic: { radius: 2, weight: cubic(-0.75), antialias: false, edges: "clamp", bytes: "once" },
  /** Pillow's bicubic: CLIP transforms of images, clean FID. */
  pillowBicubic: { radius: 2, weight: cubic(-0.5), antialias: true, edges: "drop", bytes: "each-pass" },
  /** MATLAB's imresize: NIQE. */
  matlabBicubic: { radius: 2, weight: cubic(-0.5), antialias: true, edges: "mirror", bytes: "each-pass" },
  /** torch's bilinear without antialiasing: DINO's transform, VBench's imaging quality. */
  torchBilinear: { radius: 1, weight: triangle, antialias: false, edges: "clamp", bytes: "once" },
  /** Pillow's bilinear; also what this project's own measures use. */
  bilinear: { radius: 1, weight: triangle, antialias: true, edges: "drop", bytes: "each-pass" },
} as const satisfies Record<string, Sampler>;

export type SamplerName = keyof typeof samplers;

interface Taps {
  readonly at: Int32Array;
  readonly weights: Float64Array;
}

function tapsOf(source: number, target: number, { radius, weight, antialias, edges }: Sampler): Taps[] {
  const scale = source / target,
    stretch = antialias ? Math.max(1, scale) : 1;
  return Array.from({ length: target }, (_, index) => {
    const centre = (index + 0.5) * scale - 0.5;
    const first = Math.ceil(centre - radius * stretch),
      last = Math.floor(centre + radius * stretch);
    let places = Array.from({ length: last - first + 1 }, (_, tap) => first + tap);
    if (edges === "drop") places = places.filter((place) => place >= 0 && place < source);
    const weights = places.map((place) => weight((place - centre) / stretch));
    const total = weights.reduce((sum, one) => sum + one, 0);
    return {
      at: Int32Array.from(places, (place) => (edges === "mirror" ? mirrored(place, source) : clamped(place, source))),
      weights: Float64Array.from(weights, (one) => one / total),
    };
  });
}

const clamped = (place: number, size: number): number => Math.max(0, Math.min(size - 1, place));
function mirrored(place: number, size: number): number {
  const period = 2 * size,
    inside = ((place % period) + period) % period;
  return inside < size ? inside : period - 1 - inside;
}

export interface ResampleOptions {
  /** Keep whole levels from 0 to 255, as the sampler's program does. */
  readonly bytes?: boolean;
}

/** A plane at another size. */
export function resample(
  plane: Plane,
  width: number,
  height: number,
  sampler: SamplerName,
  { bytes = false }: ResampleOptions = {},
): Plane {
  const columns = tapsOf(plane.width, width, samplers[sampler]),
    rows = tapsOf(plane.height, height, samplers[sampler]);
  const wide = new Float64Array(plane.height * width);
  for (let y = 0; y < plane.height; y++)
    for (let x = 0; x < width; x++) {
      const { at, weights } = columns[x]!;
      let sum = 0;
      for (let tap = 0; tap < at.length; tap++) sum += weights[tap]! * plane.data[y * plane.width + at[tap]!]!;
      wide[y * width + x] = sum;
    }
  const passes = bytes && samplers[sampler].bytes === "each-pass";
  if (passes) toBytes(wide, halfUp);
  const out = new Float64Array(width * height);
  for (let y = 0; y < height; y++) {
    const { at, weights } = rows[y]!;
    for (let tap = 0; tap < at.length; tap++) {
      const weight = weights[tap]!,
        from = at[tap]! * width;
      for (let x = 0; x < width; x++) out[y * width + x]! += weight * wide[from + x]!;
    }
  }
  if (bytes) toBytes(out, passes ? halfUp : halfToEven);
  return { width, height, data: out };
}

const halfUp = (value: number): number => Math.floor(value + 0.5);

function toBytes(values: Float64Array, round: (value: number) => number): void {
  for (let at = 0; at < values.length; at++) values[at] = Math.max(0, Math.min(255, round(values[at]!)));
}

/** The size whose shorter side is `shorter`; the longer one is cut down to a whole number. */
export function shorterSide(width: number, height: number, shorter: number): [width: number, height: number] {
  return width <= height
    ? [shorter, Math.trunc((shorter * height) / width)]
    : [Math.trunc((shorter * width) / height), shorter];
}
