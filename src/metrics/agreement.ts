/**
 * How closely a high-resolution clip follows the low-resolution one that it was made from. Very high values are no
 * virtue: they may mean that nothing but the low-resolution clip was copied. Read them beside detail.
 */
import { InputError } from "../base/errors.ts";
import type { Frame } from "../video/frame.ts";
import { sobel } from "./detail.ts";
import { Fourier } from "./fft.ts";
import { lumaOf, type Plane } from "./plane.ts";
import { decibels } from "./psnr.ts";
import { resample } from "./resample.ts";
import { ssimOfPlanes } from "./ssim.ts";

/** Share of the Nyquist frequency below which the band's error is taken. */
const bandShare = 0.35;

export interface Agreement {
  /** SSIM of luma at the low resolution. */
  readonly ssim: number;
  /** Correlation of Sobel gradient magnitudes. */
  readonly edges: number;
  /** PSNR in decibels of what lies below 0.35 of the Nyquist frequency. */
  readonly lowBandPsnr: number;
}

/** Agreement of one pair of frames; `high` is shrunk to the size of `low`. */
export function agreementOf(low: Frame, high: Frame): Agreement {
  if (low.width > high.width || low.height > high.height)
    throw new InputError(`${low.width}x${low.height} is not the lower resolution of ${high.width}x${high.height}`);
  const a = lumaOf(low),
    b = resample(lumaOf(high), low.width, low.height, "bilinear");
  return {
    ssim: ssimOfPlanes(a, b),
    edges: correlation(magnitude(a), magnitude(b)),
    lowBandPsnr: decibels(lowBandError(a, b)),
  };
}

function magnitude(plane: Plane): Float64Array {
  const { across, down } = sobel(plane);
  return across.map((x, at) => Math.hypot(x, down[at]!));
}

/** Pearson's correlation; 0 where one of the two does not vary. */
export function correlation(a: Float64Array, b: Float64Array): number {
  const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let at = 0; at < a.length; at++) {
    const [x, y] = [a[at]! - ma, b[at]! - mb];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}

/** Mean squared difference of two planes in the low band, by Parseval's theorem on the largest square in their middle. */
function lowBandError(a: Plane, b: Plane): number {
  const side = Math.min(a.width, a.height);
  const [left, top] = [(a.width - side) >> 1, (a.height - side) >> 1];
  const square = new Float64Array(side * side);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const at = (top + y) * a.width + left + x;
      square[y * side + x] = a.data[at]! - b.data[at]!;
    }
  const power = new Fourier(side).power(square);
  const frequency = (k: number) => Math.min(k, side - k) / side;
  let sum = 0;
  for (let at = 0; at < power.length; at++)
    if (Math.hypot(frequency(Math.floor(at / side)), frequency(at % side)) < 0.5 * bandShare) sum += power[at]!;
  return sum / side ** 4;
}
