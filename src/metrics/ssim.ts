import { InputError } from "../base/errors.ts";
import type { Frame } from "../video/frame.ts";
import { checkPairs } from "./pairs.ts";

const taps = 11;
const weights = Array.from({ length: taps }, (_, index) => Math.exp(-((index - (taps >> 1)) ** 2) / (2 * 1.5 ** 2)));
const total = weights.reduce((a, b) => a + b, 0);
const gaussian = Float64Array.from(weights, (weight) => weight / total);

const c1 = (0.01 * 255) ** 2,
  c2 = (0.03 * 255) ** 2;

/** Luma (BT.601 weights), rounded to whole levels. */
function lumaOf({ width, height, data }: Frame): Float64Array {
  const out = new Float64Array(width * height);
  for (let pixel = 0; pixel < out.length; pixel++)
    out[pixel] = Math.round(0.299 * data[pixel * 3]! + 0.587 * data[pixel * 3 + 1]! + 0.114 * data[pixel * 3 + 2]!);
  return out;
}

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

function ssimOfFrames(truth: Frame, other: Frame): number {
  const { width, height } = truth;
  if (Math.min(width, height) < taps)
    throw new InputError(`SSIM needs frames of at least ${taps}x${taps}, got ${width}x${height}`);
  const a = lumaOf(truth),
    b = lumaOf(other);
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
  let sum = 0;
  for (let at = 0; at < ma.length; at++) {
    const x = ma[at]!,
      y = mb[at]!;
    const contrast = (2 * (ab[at]! - x * y) + c2) / (aa[at]! - x * x + bb[at]! - y * y + c2);
    sum += ((2 * x * y + c1) / (x * x + y * y + c1)) * Math.max(0, contrast);
  }
  return sum / ma.length;
}

/** Structural similarity (Wang et al. 2004) of luma, the mean over a clip's frames: Gaussian window of 11, sigma 1.5, no shrinking first. */
export function ssim(truth: readonly Frame[], other: readonly Frame[]): number {
  checkPairs(truth, other);
  return truth.reduce((sum, frame, index) => sum + ssimOfFrames(frame, other[index]!), 0) / truth.length;
}
