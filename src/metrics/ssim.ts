/** Structural similarity (Wang et al. 2004) and its multi-scale form (Wang, Simoncelli and Bovik 2003). */
import { InputError } from "../base/errors.ts";
import type { Frame } from "../video/frame.ts";
import { checkPairs } from "./pairs.ts";
import { halve, lumaOf, type Plane } from "./plane.ts";

const taps = 11;
const weights = Array.from({ length: taps }, (_, index) => Math.exp(-((index - (taps >> 1)) ** 2) / (2 * 1.5 ** 2)));
const total = weights.reduce((a, b) => a + b, 0);
const gaussian = Float64Array.from(weights, (weight) => weight / total);

const c1 = (0.01 * 255) ** 2,
  c2 = (0.03 * 255) ** 2;

/** Exponents of MS-SSIM's five scales, finest first. */
const scales = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];
/** Shorter side below which the window does not fit the coarsest scale. */
const leastSide = taps * 2 ** (scales.length - 1);

/** Gaussian means of 11 x 11 pixels at the places where these lie inside the picture. */
function smooth(values: Float64Array, width: number, height: number): Float64Array {
  const across = width - taps + 1,
    down = height - taps + 1;
  const rows = new Float64Array(across * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < across; x++) {
      let sum = 0;
      for (let tap = 0; tap < taps; tap++) sum += gaussian[tap]! * values[y * width + x + tap]!;
      rows[y * across + x] = sum;
    }
  const out = new Float64Array(across * down);
  for (let y = 0; y < down; y++)
    for (let x = 0; x < across; x++) {
      let sum = 0;
      for (let tap = 0; tap < taps; tap++) sum += gaussian[tap]! * rows[(y + tap) * across + x]!;
      out[y * across + x] = sum;
    }
  return out;
}

/** Means over a picture: of the whole index, and of its part for contrast and structure (never below 0). */
function compare(truth: Plane, other: Plane): { whole: number; contrast: number } {
  const { width, height, data: a } = truth,
    b = other.data;
  if (Math.min(width, height) < taps)
    throw new InputError(`SSIM needs frames of at least ${taps}x${taps}, got ${width}x${height}`);
  const mean = (part: (x: number, y: number) => number): Float64Array =>
    smooth(
      a.map((x, pixel) => part(x, b[pixel]!)),
      width,
      height,
    );
  const ma = smooth(a, width, height),
    mb = smooth(b, width, height);
  const aa = mean((x) => x * x),
    bb = mean((_, y) => y * y),
    ab = mean((x, y) => x * y);
  let whole = 0,
    contrast = 0;
  for (let at = 0; at < ma.length; at++) {
    const x = ma[at]!,
      y = mb[at]!;
    const cs = Math.max(0, (2 * (ab[at]! - x * y) + c2) / (aa[at]! - x * x + bb[at]! - y * y + c2));
    contrast += cs;
    whole += ((2 * x * y + c1) / (x * x + y * y + c1)) * cs;
  }
  return { whole: whole / ma.length, contrast: contrast / ma.length };
}

export const ssimOfPlanes = (truth: Plane, other: Plane): number => compare(truth, other).whole;

export function msSsimOfPlanes(truth: Plane, other: Plane): number {
  if (Math.min(truth.width, truth.height) < leastSide)
    throw new InputError(`MS-SSIM needs a shorter side of at least ${leastSide}, got ${truth.width}x${truth.height}`);
  let product = 1;
  for (const [scale, exponent] of scales.entries()) {
    const { whole, contrast } = compare(truth, other);
    product *= (scale + 1 < scales.length ? contrast : whole) ** exponent;
    [truth, other] = [halve(truth), halve(other)];
  }
  return product;
}

const overFrames = (truth: readonly Frame[], other: readonly Frame[], measure: typeof ssimOfPlanes): number => {
  checkPairs(truth, other);
  return truth.reduce((sum, a, index) => sum + measure(lumaOf(a), lumaOf(other[index]!)), 0) / truth.length;
};

/** SSIM of luma, the mean over a clip's frames: Gaussian window of 11, sigma 1.5, no shrinking first. */
export const ssim = (truth: readonly Frame[], other: readonly Frame[]): number =>
  overFrames(truth, other, ssimOfPlanes);

/** MS-SSIM of luma over five scales, the mean over a clip's frames; their shorter side must be 176 or more. */
export const msSsim = (truth: readonly Frame[], other: readonly Frame[]): number =>
  overFrames(truth, other, msSsimOfPlanes);
