import { describe, expect, test } from "vitest";
import { InputError } from "../base/errors.ts";
import { goldenJson } from "../testing/goldens.ts";
import { dynamicShift, explicit, linearQuadratic, ltxShift, shiftFor, uniform } from "./schedules.ts";

interface Published {
  readonly scheduler: Record<string, number>;
  readonly dynamic: readonly { steps: number; tokens: number; mu: number; sigmas: (number | null)[] }[];
  readonly linear_quadratic: readonly { steps: number; sigmas: number[] }[];
}

const published = await goldenJson<Published>("schedules.json");
const unclamped = { ...ltxShift, clamp: false };
const farthest = (a: readonly number[], b: readonly (number | null)[]) =>
  Math.max(...a.map((x, i) => Math.abs(x - b[i]!)));
const falls = (sigmas: readonly number[]) => sigmas.every((x, i) => i === 0 || x < sigmas[i - 1]!);

describe("the shifted schedule", () => {
  test("has the published settings", () => {
    const { base_shift, max_shift, base_image_seq_len, max_image_seq_len, shift_terminal } = published.scheduler;
    expect(ltxShift).toEqual({
      baseShift: base_shift,
      maxShift: max_shift,
      baseTokens: base_image_seq_len,
      maxTokens: max_image_seq_len,
      terminal: shift_terminal,
      clamp: true,
    });
  });

  test.each(published.dynamic)("$steps steps at $tokens tokens follow diffusers", ({ steps, tokens, mu, sigmas }) => {
    expect(shiftFor(tokens, unclamped)).toBeCloseTo(mu, 12);
    const ours = dynamicShift(steps, tokens, unclamped);
    expect(ours).toHaveLength(sigmas.length);
    expect(falls(ours)).toBe(true);
    expect(ours.at(-1)).toBe(0);
    expect(ours[0]).toBe(1);
    if (steps > 1) expect(ours.at(-2)).toBeCloseTo(0.1, 12);
    // f32 cancels in the published order of operations: 1 - σ keeps 2^-24 of 1 / e^μ.
    const lost = 2 ** -24 * Math.exp(mu) * steps;
    if (sigmas[0] !== null) expect(farthest(ours, sigmas)).toBeLessThan(Math.max(1e-6, lost));
  });

  test("clamped, it stays what it is at the ends of the range, whatever the size", () => {
    expect(dynamicShift(20, 57_600)).toEqual(dynamicShift(20, 4096, unclamped));
    expect(dynamicShift(20, 24)).toEqual(dynamicShift(20, 1024, unclamped));
    expect(dynamicShift(20, 3570)).toEqual(dynamicShift(20, 3570, unclamped));
    expect(dynamicShift(1, 3570)).toEqual([1, 0]);
  });
});

test.each(published.linear_quadratic)("linear-quadratic, $steps steps", ({ steps, sigmas }) => {
  const ours = linearQuadratic(steps);
  expect(ours).toHaveLength(steps + 1);
  expect(ours.at(-1)).toBe(0);
  expect(farthest(ours.slice(0, -1), sigmas)).toBeLessThan(1e-7);
  expect(falls(ours)).toBe(true);
});

describe("other schedules", () => {
  test("even steps, and the constant shift of flow models", () => {
    expect(uniform(4)).toEqual([1, 0.75, 0.5, 0.25, 0]);
    const shifted = uniform(4, 7);
    expect([shifted[0], shifted[4]]).toEqual([1, 0]);
    expect(shifted[2]).toBeCloseTo(7 / 8, 12);
    expect(falls(shifted)).toBe(true);
  });

  test("explicit levels are taken as given, with the last 0 added where it lacks", () => {
    expect(explicit([1, 0.5])).toEqual([1, 0.5, 0]);
    expect(explicit([0.9, 0.5, 0])).toEqual([0.9, 0.5, 0]);
  });

  test.each([[[]], [[0.5, 0.5]], [[0.5, 0.7]], [[1.2, 0.5]], [[0.5, -0.1]], [[0.5, Number.NaN]], [[0]]])(
    "explicit levels %j are refused",
    (sigmas: number[]) => {
      expect(() => explicit(sigmas)).toThrow(InputError);
      expect(() => explicit(sigmas)).toThrow(/fall from at most 1 towards 0/);
    },
  );

  test.each([0, -1, 2.5, Number.NaN])("%d steps are refused", (steps) => {
    for (const schedule of [uniform, linearQuadratic, (n: number) => dynamicShift(n, 1024)])
      expect(() => schedule(steps)).toThrow(`steps must be a whole number from 1, got ${steps}`);
  });
});
