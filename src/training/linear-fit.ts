/** Principal components and least squares over features, streamed clip by clip. */
import { eigen, solve } from "../base/algebra.ts";
import { places, type Volume } from "./volume.ts";

/** Share of the mean variance that is added to each feature's own: little, because what is weak but there counts. */
const ridge = 1e-6;
/** Least variance that whitening divides by, over the largest. */
const floor = 1e-6;

export interface Linear {
  /** [O, I] */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/** Sums of products of [x, 1] with [x, 1] and with y, over at most about `most` places. */
function products(xs: readonly Volume[], ys: readonly Volume[] | undefined, most: number) {
  const n = xs[0]!.channels + 1;
  const m = ys?.[0]?.channels ?? 0;
  const gram = new Float64Array(n * n);
  const cross = new Float64Array(n * m);
  const total = xs.reduce((sum, x) => sum + places(x), 0);
  const stride = Math.max(1, Math.floor(total / most));
  const row = new Float64Array(n).fill(1);
  let count = 0;
  let next = 0;
  for (const [index, x] of xs.entries()) {
    for (; next < places(x); next += stride) {
      row.set(x.data.subarray(next * (n - 1), (next + 1) * (n - 1)));
      for (let i = 0; i < n; i++) {
        const value = row[i]!;
        for (let j = 0; j <= i; j++) gram[i * n + j]! += value * row[j]!;
        if (ys) for (let j = 0; j < m; j++) cross[i * m + j]! += value * ys[index]!.data[next * m + j]!;
      }
      count++;
    }
    next -= places(x);
  }
  for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) gram[i * n + j] = gram[j * n + i]!;
  return { gram, cross, count, n, m };
}

/**
 * The `count` directions in which features vary most, centred; scaled to unit deviation each (`whiten`), or all alike
 * so that their mean square is 1.
 */
export function principal(xs: readonly Volume[], count: number, { whiten = false, most = 20_000 } = {}): Linear {
  const { gram, count: total, n } = products(xs, undefined, most);
  const size = n - 1;
  const mean = Float64Array.from({ length: size }, (_, i) => gram[size * n + i]! / total);
  const covariance = new Float64Array(size * size);
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) covariance[i * size + j] = gram[i * n + j]! / total - mean[i]! * mean[j]!;
  const { values, vectors } = eigen(covariance, size);
  const power = values.slice(0, count).reduce((sum, value) => sum + value, 0) / count;
  const weight = new Float32Array(count * size);
  const bias = new Float32Array(count);
  for (let o = 0; o < count; o++) {
    const scale = 1 / Math.sqrt(whiten ? Math.max(values[o]!, floor * values[0]!) : power);
    for (let i = 0; i < size; i++) {
      weight[o * size + i] = vectors[o * size + i]! * scale;
      bias[o]! -= vectors[o * size + i]! * scale * mean[i]!;
    }
  }
  return { weight, bias };
}

/**
 * The affine map from x to y with least squared error, slightly pulled towards y's mean. The last `constants` features get no
 * weight: whatever such weights were, the bias had to cancel them, and rounding would not.
 */
export function leastSquares(
  xs: readonly Volume[],
  ys: readonly Volume[],
  { constants = 0, most = 20_000 }: { constants?: number; most?: number } = {},
): Linear {
  const { gram, cross, count, n, m } = products(xs, ys, most);
  const size = n - 1 - constants;
  const last = n - 1;
  const meanX = Float64Array.from({ length: size }, (_, i) => gram[last * n + i]! / count);
  const meanY = Float64Array.from({ length: m }, (_, o) => cross[last * m + o]! / count);
  const covariance = new Float64Array(size * size);
  const shared = new Float64Array(size * m);
  let trace = 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) covariance[i * size + j] = gram[i * n + j]! / count - meanX[i]! * meanX[j]!;
    for (let o = 0; o < m; o++) shared[i * m + o] = cross[i * m + o]! / count - meanX[i]! * meanY[o]!;
    trace += covariance[i * size + i]!;
  }
  for (let i = 0; i < size; i++) covariance[i * size + i]! += (ridge * trace) / size;
  const solved = solve(covariance, shared, size, m);
  const weight = new Float32Array(m * last);
  const bias = Float32Array.from(meanY);
  for (let o = 0; o < m; o++)
    for (let i = 0; i < size; i++) {
      weight[o * last + i] = solved[i * m + o]!;
      bias[o]! -= solved[i * m + o]! * meanX[i]!;
    }
  return { weight, bias };
}
