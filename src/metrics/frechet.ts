/** Distances between sets of features. The mathematics is exact; what a number means depends on the features. */
import { eigen } from "../base/algebra.ts";
import { InputError } from "../base/errors.ts";
import { Random } from "../base/philox.ts";

export interface Gaussian {
  readonly mean: Float64Array;
  /** [d, d], unbiased. */
  readonly covariance: Float64Array;
}

export function gaussianOf(rows: readonly Float64Array[]): Gaussian {
  if (rows.length < 2) throw new InputError(`a covariance needs at least two rows, got ${rows.length}`);
  const size = rows[0]!.length;
  const mean = new Float64Array(size);
  for (const row of rows) for (let i = 0; i < size; i++) mean[i]! += row[i]! / rows.length;
  const covariance = new Float64Array(size * size);
  for (const row of rows)
    for (let i = 0; i < size; i++) {
      const left = (row[i]! - mean[i]!) / (rows.length - 1);
      for (let j = 0; j < size; j++) covariance[i * size + j]! += left * (row[j]! - mean[j]!);
    }
  return { mean, covariance };
}

/** |m1 - m2|² + tr S1 + tr S2 - 2 tr (S1^½ S2 S1^½)^½, by two symmetric eigendecompositions. */
export function frechet(a: Gaussian, b: Gaussian): number {
  const size = a.mean.length;
  const root = squareRoot(a.covariance, size);
  const { values } = eigen(multiply(multiply(root, b.covariance, size), root, size), size);
  let distance = 0;
  for (let i = 0; i < size; i++)
    distance +=
      (a.mean[i]! - b.mean[i]!) ** 2 +
      a.covariance[i * size + i]! +
      b.covariance[i * size + i]! -
      2 * Math.sqrt(Math.max(0, values[i]!));
  return Math.max(0, distance);
}

function squareRoot(matrix: Float64Array, n: number): Float64Array {
  const { values, vectors } = eigen(matrix, n);
  const out = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    const root = Math.sqrt(Math.max(0, values[k]!));
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) out[i * n + j]! += root * vectors[k * n + i]! * vectors[k * n + j]!;
  }
  return out;
}

function multiply(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let k = 0; k < n; k++) {
      const left = a[i * n + k]!;
      for (let j = 0; j < n; j++) out[i * n + j]! += left * b[k * n + j]!;
    }
  return out;
}

/**
 * The Fréchet distance without the bias of small samples, which falls as 1 / N: distances of random halves, thirds and
 * quarters are fitted by a line over 1 / N, read off at 0 (Chong and Forsyth 2020).
 */
export function frechetInfinity(
  a: readonly Float64Array[],
  b: readonly Float64Array[],
  { seed = 0, draws = 5 } = {},
): number {
  const least = Math.min(a.length, b.length);
  const points: [number, number][] = [[1 / least, frechet(gaussianOf(a), gaussianOf(b))]];
  const random = new Random(seed, "frechet");
  for (const part of [2, 3, 4])
    for (let draw = 0; draw < draws; draw++) {
      const count = Math.floor(least / part);
      if (count < 2) continue;
      const distance = frechet(gaussianOf(sample(a, count, random)), gaussianOf(sample(b, count, random)));
      points.push([1 / count, distance]);
    }
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  let [up, down] = [0, 0];
  for (const [px, py] of points) {
    up += (px - x) * (py - y);
    down += (px - x) ** 2;
  }
  return down ? y - (up / down) * x : y;
}

/** Without repeats, in random order. */
function sample<T>(items: readonly T[], count: number, random: Random): T[] {
  const pool = [...items];
  for (let at = 0; at < count; at++) {
    const other = at + random.below(pool.length - at);
    [pool[at], pool[other]] = [pool[other]!, pool[at]!];
  }
  return pool.slice(0, count);
}

export interface Kid {
  readonly value: number;
  /** Standard error over the subsets. */
  readonly error: number;
}

/** Kernel distance (Binkowski et al. 2018): unbiased squared MMD with (x · y / d + 1)³, the mean over random subsets. */
export function kid(
  a: readonly Float64Array[],
  b: readonly Float64Array[],
  { seed = 0, subsets = 100, size = 1000 } = {},
): Kid {
  const count = Math.min(size, a.length, b.length);
  if (count < 2) throw new InputError(`KID needs at least two rows of each, got ${a.length} and ${b.length}`);
  const random = new Random(seed, "kid");
  const all = count === a.length && count === b.length;
  const values = Array.from({ length: all ? 1 : subsets }, () =>
    mmd(sample(a, count, random), sample(b, count, random)),
  );
  const value = values.reduce((sum, one) => sum + one, 0) / values.length;
  const spread = values.reduce((sum, one) => sum + (one - value) ** 2, 0) / Math.max(1, values.length - 1);
  return { value, error: Math.sqrt(spread / values.length) };
}

function mmd(a: readonly Float64Array[], b: readonly Float64Array[]): number {
  const n = a.length;
  const kernel = (x: Float64Array, y: Float64Array) =>
    (x.reduce((sum, value, at) => sum + value * y[at]!, 0) / x.length + 1) ** 3;
  let [within, across] = [0, 0];
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      if (i !== j) within += kernel(a[i]!, a[j]!) + kernel(b[i]!, b[j]!);
      across += kernel(a[i]!, b[j]!);
    }
  return within / (n * (n - 1)) - (2 * across) / (n * n);
}
