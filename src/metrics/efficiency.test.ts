import { describe, expect, test } from "vitest";
import {
  cogVideoX2b,
  cogVideoX5b,
  fitTimes,
  flopsRatio,
  hunyuanVideo,
  stepFlops,
  table2,
  tokenCount,
  turbo2k,
} from "./efficiency.ts";

const large = (frames: number) => ({ width: 2560, height: 1440, frames });

describe("arithmetic of a step", () => {
  test.each([
    [49, 25_200, 187_200],
    [121, 57_600, 446_400],
  ])("tokens of %i frames", (frames, few, many) => {
    expect(tokenCount(large(frames), turbo2k)).toBe(few);
    expect(tokenCount(large(frames), cogVideoX2b)).toBe(many);
    expect(tokenCount(large(frames), hunyuanVideo)).toBe(many);
  });

  test.each([
    [turbo2k, 25_200, 82.87, 145.66],
    [turbo2k, 57_600, 189.41, 761.01],
    [turbo2k, 3_570, 11.74, 2.92],
    [cogVideoX2b, 187_200, 496.9, 8074],
    [cogVideoX5b, 187_200, 1780.7, 18_086],
    [hunyuanVideo, 187_200, 2543.9, 25_837],
  ])("operations of $name over %i tokens", (model, tokens, linear, attention) => {
    const flops = stepFlops(model, tokens);
    expect(flops.linear / 1e12).toBeCloseTo(linear, linear > 200 ? 0 : 2);
    expect(flops.attention / 1e12 / attention).toBeCloseTo(1, 2);
    expect(flops.total).toBe(flops.linear + flops.attention);
  });

  test("the same layers over an 8x8x4 latent take 38 times as many", () => {
    expect(flopsRatio({ ...turbo2k, span: [4, 16, 16] }, turbo2k, large(49))).toBeCloseTo(37.9, 1);
    expect(flopsRatio({ ...turbo2k, span: [4, 16, 16] }, turbo2k, large(121))).toBeCloseTo(49.6, 1);
    expect(flopsRatio(cogVideoX2b, turbo2k, large(49))).toBeCloseTo(37.5, 1);
  });
});

describe("the fit of seconds", () => {
  test("goes through the paper's two measurements", () => {
    const { 49: short, 121: long } = table2["Turbo2K-4B"];
    const fit = fitTimes([
      { tokens: 25_200, seconds: short },
      { tokens: 57_600, seconds: long },
    ]);
    expect(fit.linear).toBeCloseTo(5.051e-5, 8);
    expect(fit.quadratic).toBeCloseTo(5.995e-9, 12);
    expect(fit.at(57_600)).toEqual({ value: expect.closeTo(22.8, 9), low: null, high: null, n: 2 });
  });

  test("finds exact coefficients, and an interval that holds the truth of noisy ones", () => {
    const truth = (tokens: number) => 3e-4 * tokens + 2e-8 * tokens ** 2;
    const exact = fitTimes([900, 1800, 3600, 7200].map((tokens) => ({ tokens, seconds: truth(tokens) })));
    expect(exact.at(25_200).value).toBeCloseTo(truth(25_200), 6);
    expect(exact.at(25_200).high! - exact.at(25_200).low!).toBeLessThan(1e-5);
    const noise = [1.02, 0.98, 0.99, 1.01, 1.03, 0.97, 1, 1.01];
    const noisy = fitTimes(
      noise.map((factor, i) => {
        const tokens = 900 * 2 ** (i % 4);
        return { tokens, seconds: truth(tokens) * factor };
      }),
    ).at(25_200);
    expect(noisy.low!).toBeLessThan(truth(25_200));
    expect(noisy.high!).toBeGreaterThan(truth(25_200));
    expect((noisy.high! - noisy.low!) / noisy.value).toBeGreaterThan(0.05);
  });

  test("needs two sizes", () => {
    expect(() => fitTimes([1, 2].map((seconds) => ({ tokens: 5, seconds })))).toThrow(RangeError);
  });
});
