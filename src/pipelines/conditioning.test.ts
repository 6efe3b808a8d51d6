import { expect, test } from "vitest";
import { gaussian } from "../base/philox.ts";
import { coordinates } from "../models/ltx/rope.ts";
import { euler } from "../samplers/euler.ts";
import { condition, type EncodedCondition, type TokenDenoiser } from "./conditioning.ts";

const grid = { frames: 3, height: 1, width: 2 };
const [count, channels] = [6, 2];
const noise = gaussian(count * channels, 1, "noise");
const positions = { fps: 8, compression: [8, 32, 32] as const };
const picture = (frame: number, strength: number, value: number): EncodedCondition => ({
  tokens: new Float32Array(2 * channels).fill(value),
  grid: { ...grid, frames: 1 },
  frame,
  strength,
});
const options = { grid, noise, positions, gaussian: (length: number, of: string) => gaussian(length, 1, of) };

/** A model that takes everything for zeros, and tells which noise levels it was told. */
function zeros(): { denoise: TokenDenoiser; told: number[][] } {
  const told: number[][] = [];
  return {
    told,
    denoise: async (x, _, levels) => {
      told.push([...levels!]);
      return new Float32Array(x.length);
    },
  };
}

async function sampled(
  conditions: EncodedCondition[],
  sigmas: number[],
  change: Partial<typeof positions & { causal: boolean }> = {},
) {
  const conditioned = condition(conditions, { ...options, positions: { ...positions, ...change } });
  const { denoise, told } = zeros();
  let x = conditioned.initial;
  for await (const step of euler(conditioned.denoise(denoise), x, sigmas)) x = step.x;
  return { conditioned, x: conditioned.own(x), all: x, told };
}

test("a first frame stays as it is and is said to be clean; the rest is denoised", async () => {
  const { x, told } = await sampled([picture(0, 1, 5)], [1, 0.5, 0]);
  expect([...x.subarray(0, 4)]).toEqual([5, 5, 5, 5]);
  for (const value of x.subarray(4)) expect(value).toBeCloseTo(0, 6);
  expect(told).toEqual([
    [0, 0, 1, 1, 1, 1],
    [0, 0, 0.5, 0.5, 0.5, 0.5],
  ]);
});

test("a weaker one begins with that much less noise, and moves once the level has come down to its own", async () => {
  const { conditioned, x, told } = await sampled([picture(0, 0.25, 5)], [1, 0.9, 0.5, 0]);
  for (const i of [0, 1, 2, 3]) expect(conditioned.initial[i]).toBeCloseTo(noise[i]! * 0.75 + 5 * 0.25, 5);
  expect(told.map(([first]) => first)).toEqual([0.75, 0.75, 0.5]);
  for (const value of x) expect(value).toBeCloseTo(0, 6);
});

test("a later one is appended at its time and removed in the end", async () => {
  const { conditioned, x, all } = await sampled([picture(0, 1, 5), picture(12, 1, 7)], [1, 0]);
  expect([x.length, all.length]).toEqual([count * channels, (count + 2) * channels]);
  expect([...all.subarray(-4)]).toEqual([7, 7, 7, 7]);
  const [time, rows, columns] = conditioned.places;
  const own = coordinates(grid, positions);
  expect([...time!]).toEqual([...own[0]!, 1.5, 1.5]);
  expect([...rows!.slice(-2), ...columns!.slice(-2)]).toEqual([0, 0, 0, 32]);
});

test("from 0.9.5 on what is given is shown under a little noise, and is the same in the end", async () => {
  const seen: Float32Array[] = [];
  const conditioned = condition([picture(0, 1, 5)], { ...options, positions: { ...positions, causal: true } });
  const denoise = conditioned.denoise(async (x) => {
    seen.push(x);
    return new Float32Array(x.length);
  });
  const estimate = await denoise(conditioned.initial, 0.5);
  expect([...estimate.subarray(0, 4)]).toEqual([5, 5, 5, 5]);
  const off = seen[0]!.subarray(0, 4).map((value) => Math.abs(value - 5));
  expect(Math.max(...off)).toBeGreaterThan(0);
  expect(Math.max(...off)).toBeLessThan(0.15 * 0.25 * 5);
  expect([...seen[0]!.subarray(4)]).toEqual([...conditioned.initial.subarray(4)]);
});

test("frames outside the video are refused", () => {
  expect(() => condition([picture(17, 1, 0)], options)).toThrow("outside the video");
  expect(() => condition([{ ...picture(0, 1, 0), grid: { ...grid, frames: 4 } }], options)).toThrow("outside");
});
