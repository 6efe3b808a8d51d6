import { describe, expect, test } from "vitest";
import { Random } from "../base/philox.ts";
import { bootstrap, contrast, holm, minus, signFlip } from "./contrast.ts";

describe("the two-level bootstrap", () => {
  test("has the variance that resampling of seeds and prompts has in closed form", () => {
    // d = a_s + b_p: a draw's mean is the mean of 12 drawn a and of 40 drawn b, of variances V(a) / 12 and V(b) / 40.
    const random = new Random(3, "table");
    const a = Array.from({ length: 12 }, () => random.normal());
    const b = Array.from({ length: 40 }, () => 2 * random.normal());
    const variance = (x: number[]) => {
      const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
      return x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length;
    };
    const { low, high } = bootstrap(a.map((s) => b.map((p) => s + p)));
    const expected = 2 * 1.96 * Math.sqrt(variance(a) / 12 + variance(b) / 40);
    expect((high - low) / expected).toBeGreaterThan(0.95);
    expect((high - low) / expected).toBeLessThan(1.05);
  });

  test("one prompt leaves the seeds, one seed the prompts; what does not vary has no width", () => {
    expect(bootstrap([[2], [2], [2]])).toEqual({ low: 2, high: 2 });
    expect(bootstrap([[0, 1]]).low).toBe(0);
    expect(bootstrap([[0, 1]]).high).toBe(1);
    expect(bootstrap([[0], [1]])).toEqual(bootstrap([[0], [1]]));
  });
});

describe("the exact sign-flip test", () => {
  test("has its published floors: 0.0625 at five seeds, 0.0078 at eight", () => {
    expect(signFlip([1, 2, 3, 4, 5])).toBe(0.0625);
    expect(signFlip([1, 1, 1, 1, 1, 1, 1, 1])).toBe(2 / 256);
    expect(signFlip([-1, -2, -3, -4, -5])).toBe(0.0625);
    expect(signFlip([7])).toBe(1);
  });

  test("counts by hand", () => {
    // Of 3, 2, -1 the sum is 4; of the 8 signs, |sum| is 6 twice (3, 2, 1) and 4 twice.
    expect(signFlip([3, 2, -1])).toBe(0.5);
    expect(signFlip([0, 0, 0])).toBe(1);
  });

  test("decimals that cancel inexactly still tie with themselves", () => {
    expect(signFlip([0.1, 0.2, 0.3, -0.1])).toBe(signFlip([1, 2, 3, -1]));
  });
});

test("Holm's adjustment steps down and never falls", () => {
  const adjusted = holm([0.01, 0.04, 0.03, 0.005]);
  for (const [at, value] of [0.03, 0.06, 0.06, 0.02].entries()) expect(adjusted[at]).toBeCloseTo(value, 12);
  expect(holm([0.9, 0.8])).toEqual([1, 1]);
  // Eight seeds are the fewest that four contrasts can be significant with.
  expect(Math.max(...holm([2 / 256, 2 / 256, 2 / 256, 2 / 256]))).toBeLessThan(0.05);
  expect(Math.max(...holm([2 / 128, 2 / 128, 2 / 128, 2 / 128]))).toBeGreaterThan(0.05);
});

test("a contrast is paired, and refuses arms that are not", () => {
  const a = [
    [1, 2],
    [3, 4],
  ];
  const b = [
    [0, 2],
    [1, 2],
  ];
  const { value, seeds, p } = contrast(a, b);
  expect([value, seeds, p]).toEqual([1.25, 2, 0.5]);
  expect(() => minus(a, [[1, 2]])).toThrow(/same seeds/);
});
