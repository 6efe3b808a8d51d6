import { Random } from "./philox.ts";

/** Small dense linear algebra in float64. Matrices are rows one after another. */

/** Eigenvectors of a symmetric n x n matrix as rows, by falling eigenvalue (cyclic Jacobi). */
export function eigen(matrix: Float64Array, n: number): { values: Float64Array; vectors: Float64Array } {
  const a = matrix.slice();
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) v[i * n + i] = 1;
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0;
    let all = 0;
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) {
        const square = a[i * n + j]! ** 2;
        all += square;
        if (i !== j) off += square;
      }
    if (off <= 1e-20 * all) break;
    for (let p = 0; p < n - 1; p++) for (let q = p + 1; q < n; q++) rotate(a, v, n, p, q);
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[j * n + j]! - a[i * n + i]!);
  const vectors = new Float64Array(n * n);
  for (const [row, i] of order.entries()) vectors.set(v.subarray(i * n, (i + 1) * n), row * n);
  return { values: Float64Array.from(order, (i) => a[i * n + i]!), vectors };
}

/**
 * The `count` leading eigenvectors of a symmetric positive semidefinite n x n matrix as rows, by falling eigenvalue:
 * orthogonal iteration on a somewhat larger space, then `eigen` within it. For matrices too large for `eigen`.
 */
export function leadingEigen(
  matrix: Float64Array,
  n: number,
  count: number,
  rounds = 60,
): { values: Float64Array; vectors: Float64Array } {
  const size = Math.min(n, count + 8);
  const random = new Random(1, "leading-eigen");
  let basis = orthonormal(
    Float64Array.from({ length: size * n }, () => random.normal()),
    size,
    n,
  );
  for (let round = 0; round < rounds; round++) basis = orthonormal(rowsTimes(basis, matrix, size, n), size, n);
  const image = rowsTimes(basis, matrix, size, n);
  const within = Float64Array.from({ length: size * size }, (_, at) =>
    dot(image, Math.floor(at / size) * n, basis, (at % size) * n, n),
  );
  const inner = eigen(within, size);
  const vectors = new Float64Array(count * n);
  for (let i = 0; i < count; i++)
    for (let k = 0; k < size; k++) {
      const share = inner.vectors[i * size + k]!;
      for (let j = 0; j < n; j++) vectors[i * n + j]! += share * basis[k * n + j]!;
    }
  return { values: inner.values.slice(0, count), vectors };
}

/** rows [m, n] times a symmetric matrix [n, n]. */
function rowsTimes(rows: Float64Array, matrix: Float64Array, m: number, n: number): Float64Array {
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) out[i * n + j] = dot(rows, i * n, matrix, j * n, n);
  return out;
}

function dot(a: Float64Array, fromA: number, b: Float64Array, fromB: number, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += a[fromA + i]! * b[fromB + i]!;
  return sum;
}

/** Gram-Schmidt on m rows of n, in place. */
function orthonormal(rows: Float64Array, m: number, n: number): Float64Array {
  for (let i = 0; i < m; i++) {
    for (let k = 0; k < i; k++) {
      const share = dot(rows, i * n, rows, k * n, n);
      for (let j = 0; j < n; j++) rows[i * n + j]! -= share * rows[k * n + j]!;
    }
    const length = Math.sqrt(dot(rows, i * n, rows, i * n, n)) || 1;
    for (let j = 0; j < n; j++) rows[i * n + j]! /= length;
  }
  return rows;
}

/** Makes a[p][q] zero; rows of `v` turn along. */
function rotate(a: Float64Array, v: Float64Array, n: number, p: number, q: number): void {
  const apq = a[p * n + q]!;
  if (apq === 0) return;
  const theta = (a[q * n + q]! - a[p * n + p]!) / (2 * apq);
  const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[k * n + p]!, a[k * n + q]!];
    a[k * n + p] = c * x - s * y;
    a[k * n + q] = s * x + c * y;
  }
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[p * n + k]!, a[q * n + k]!];
    a[p * n + k] = c * x - s * y;
    a[q * n + k] = s * x + c * y;
    const [u, w] = [v[p * n + k]!, v[q * n + k]!];
    v[p * n + k] = c * u - s * w;
    v[q * n + k] = s * u + c * w;
  }
}

/** Solves S X = Y for a symmetric positive definite S [n, n] and Y [n, m] (Cholesky). */
export function solve(matrix: Float64Array, right: Float64Array, n: number, m: number): Float64Array {
  const l = matrix.slice();
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = l[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= l[i * n + k]! * l[j * n + k]!;
      l[i * n + j] = i === j ? Math.sqrt(Math.max(sum, 1e-300)) : sum / l[j * n + j]!;
    }
  }
  const x = right.slice();
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) subtract(x, i, k, l[i * n + k]!, m);
    divide(x, i, l[i * n + i]!, m);
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) subtract(x, i, k, l[k * n + i]!, m);
    divide(x, i, l[i * n + i]!, m);
  }
  return x;
}

/** Row i minus `factor` times row k. */
function subtract(x: Float64Array, i: number, k: number, factor: number, m: number): void {
  if (factor) for (let c = 0; c < m; c++) x[i * m + c]! -= factor * x[k * m + c]!;
}

function divide(x: Float64Array, i: number, by: number, m: number): void {
  for (let c = 0; c < m; c++) x[i * m + c]! /= by;
}
