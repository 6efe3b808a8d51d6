import { expect, test } from "vitest";
import { eigen, leadingEigen, solve } from "./algebra.ts";
import { Random } from "./philox.ts";

/** A Aᵀ + I of a random A: symmetric, positive definite. */
function sample(n: number): Float64Array {
  const random = new Random(1, n);
  const a = Float64Array.from({ length: n * n }, () => random.normal());
  return Float64Array.from({ length: n * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = i === j ? 1 : 0;
    for (let k = 0; k < n; k++) sum += a[i * n + k]! * a[j * n + k]!;
    return sum;
  });
}

test.each([1, 2, 7, 24])("eigenvectors of a %i x %i matrix give it back", (n) => {
  const matrix = sample(n);
  const { values, vectors } = eigen(matrix, n);
  for (let i = 1; i < n; i++) expect(values[i]!).toBeLessThanOrEqual(values[i - 1]!);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += values[k]! * vectors[k * n + i]! * vectors[k * n + j]!;
      expect(sum).toBeCloseTo(matrix[i * n + j]!, 8);
    }
});

test.each([1, 3, 20])("solves %i equations", (n) => {
  const matrix = sample(n);
  const right = Float64Array.from({ length: n * 2 }, (_, i) => Math.sin(i));
  const x = solve(matrix, right, n, 2);
  for (let i = 0; i < n; i++)
    for (let c = 0; c < 2; c++) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += matrix[i * n + k]! * x[k * 2 + c]!;
      expect(sum).toBeCloseTo(right[i * 2 + c]!, 9);
    }
});

test("leading eigenvectors are those of the whole decomposition", () => {
  const n = 40;
  // Falling spectrum, as covariances of pictures have.
  const { vectors } = eigen(sample(n), n);
  const matrix = Float64Array.from({ length: n * n }, (_, at) => {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += 0.7 ** k * vectors[k * n + Math.floor(at / n)]! * vectors[k * n + (at % n)]!;
    return sum;
  });
  const leading = leadingEigen(matrix, n, 6);
  for (let k = 0; k < 6; k++) {
    expect(leading.values[k]!).toBeCloseTo(0.7 ** k, 10);
    let overlap = 0;
    for (let j = 0; j < n; j++) overlap += leading.vectors[k * n + j]! * vectors[k * n + j]!;
    expect(Math.abs(overlap)).toBeCloseTo(1, 8);
  }
});
