/** Fits of asymmetric generalised Gaussians by moments (Lasmar et al. 2009), as NIQE makes them. */
import { logGamma } from "../../base/gamma.ts";

export interface Aggd {
  /** Shape: 1 Laplace, 2 Gauss. NaN, as the rest, where samples of one sign are missing. */
  readonly alpha: number;
  /** Scales to the left and the right of zero. */
  readonly left: number;
  readonly right: number;
  /** Mean. */
  readonly eta: number;
}

/** Shapes that are tried: 0.2 to 10 in steps of 0.001, and for each (E|v|)² / E v². */
const shapes = Float64Array.from({ length: 9801 }, (_, k) => 0.2 + k * 0.001);
const ratios = shapes.map((a) => Math.exp(2 * logGamma(2 / a) - logGamma(1 / a) - logGamma(3 / a)));

/** The shape whose ratio is nearest; ratios grow with the shape. */
function nearestShape(ratio: number): number {
  let [low, high] = [0, ratios.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (ratios[middle]! < ratio) low = middle;
    else high = middle;
  }
  return shapes[(ratios[high]! - ratio) ** 2 < (ratios[low]! - ratio) ** 2 ? high : low]!;
}

export function fitAggd(samples: Float64Array): Aggd {
  let [negative, negatives, positive, positives, absolute] = [0, 0, 0, 0, 0];
  for (const v of samples) {
    if (v < 0) {
      negative += v * v;
      negatives++;
    } else if (v > 0) {
      positive += v * v;
      positives++;
    }
    absolute += Math.abs(v);
  }
  const [left, right] = [Math.sqrt(negative / negatives), Math.sqrt(positive / positives)];
  const gamma = left / right;
  const moment = (absolute / samples.length) ** 2 / ((negative + positive) / samples.length);
  const ratio = (moment * (gamma ** 3 + 1) * (gamma + 1)) / (gamma ** 2 + 1) ** 2;
  if (!Number.isFinite(ratio)) return { alpha: Number.NaN, left: Number.NaN, right: Number.NaN, eta: Number.NaN };
  const alpha = nearestShape(ratio);
  const scale = Math.exp((logGamma(1 / alpha) - logGamma(3 / alpha)) / 2);
  const mean = Math.exp(logGamma(2 / alpha) - logGamma(1 / alpha));
  return { alpha, left: left * scale, right: right * scale, eta: (right - left) * scale * mean };
}
