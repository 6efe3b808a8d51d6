import { expect, test } from "vitest";
import { overlaps, ramp, windows } from "./tiles.ts";

const cases = [
  [1, 7, 2],
  [7, 7, 2],
  [8, 7, 2],
  [16, 7, 2],
  [33, 16, 4],
  [5, 2, 1],
] as const;

test.each(cases)("%i cells in windows of %i sharing %i: weights add up to one everywhere", (length, size, overlap) => {
  const scale = 4;
  const all = windows(length, size, overlap);
  const sum = new Float32Array(length * scale);
  for (const [i, window] of all.entries()) {
    expect(window.start + window.length).toBeLessThanOrEqual(length);
    const weights = ramp(window.length * scale, ...overlaps(all, i, scale));
    for (const [k, weight] of weights.entries()) sum[window.start * scale + k]! += weight;
  }
  for (const total of sum) expect(total).toBeCloseTo(1, 6);
});
