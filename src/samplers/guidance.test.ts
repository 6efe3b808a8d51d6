import { describe, expect, test } from "vitest";
import { combine, type GuidanceStage, guidanceAt } from "./guidance.ts";
import { stochastic } from "./stochastic.ts";

const conditional = Float32Array.of(1, 2, 4, -1);
const unconditional = Float32Array.of(0, 1, 1, 2);
const perturbed = Float32Array.of(2, 2, 3, 0);
const spread = (x: Float32Array) => {
  const mean = x.reduce((a, b) => a + b) / x.length;
  return Math.sqrt(x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (x.length - 1));
};

describe("predictions become one", () => {
  test("v_u + g (v_c - v_u) + s (v_c - v_p), with the conditional prediction's spread", () => {
    const plain = combine({ conditional, unconditional, perturbed }, { scale: 3, stg: 2 });
    const expected = conditional.map(
      (c, i) => unconditional[i]! + 3 * (c - unconditional[i]!) + 2 * (c - perturbed[i]!),
    );
    expect([...plain]).toEqual([...expected]);
    const rescaled = combine({ conditional, unconditional, perturbed }, { scale: 3, stg: 2, rescale: 0.7 });
    const factor = (0.7 * spread(conditional)) / spread(plain) + 0.3;
    for (const [i, value] of rescaled.entries()) expect(value).toBeCloseTo(plain[i]! * factor, 5);
  });

  test("CFG-star first scales the unconditional prediction onto the other", () => {
    const alpha = (0 * 1 + 1 * 2 + 1 * 4 + 2 * -1) / 6;
    const guided = combine({ conditional, unconditional }, { scale: 3, star: true });
    for (const [i, value] of guided.entries()) {
      const away = alpha * unconditional[i]!;
      expect(value).toBeCloseTo(away + 3 * (conditional[i]! - away), 5);
    }
  });

  test("without guidance it is the conditional prediction", () => {
    expect(combine({ conditional }, { scale: 1 })).toBe(conditional);
  });
});

test("the first stage at or below a noise level holds, below all the last", () => {
  const stages: GuidanceStage[] = [1, 0.996, 0.9, 0.6].map((from, scale) => ({ from, scale }));
  const scales = [1, 0.998, 0.996, 0.95, 0.7, 0.1].map((sigma) => guidanceAt(stages, sigma).scale);
  expect(scales).toEqual([0, 1, 1, 2, 3, 3]);
});

test("stochastic steps go to the estimate and back up with fresh noise", async () => {
  const data = Float32Array.of(1, -2);
  const fresh = (index: number) => Float32Array.of(index + 1, -index);
  const seen: number[][] = [];
  for await (const { x } of stochastic(async () => data, Float32Array.of(9, 9), [1, 0.5, 0.25, 0], fresh))
    seen.push([...x]);
  expect(seen).toEqual([
    [0.5 * 1 + 0.5 * 1, 0.5 * -2],
    [0.75 * 1 + 0.25 * 2, 0.75 * -2 + 0.25 * -1],
    [1, -2],
  ]);
});
