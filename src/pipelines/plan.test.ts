import { expect, test } from "vitest";
import { ltx2b } from "../models/ltx/config.ts";
import { fromDiffusers } from "../models/ltx-vae/config.ts";
import { t5xxl } from "../models/t5/encoder.ts";
import { ltxReleases } from "./ltx-releases.ts";
import { type PlannedModel, planVideo, smaller } from "./plan.ts";

const ltx: PlannedModel = {
  settings: { name: "LTX-Video", ...ltxReleases[0]!.settings.original },
  text: { config: t5xxl },
  transformer: { config: ltx2b },
  vae: { config: fromDiffusers({}) },
};
const machine = { gflops: 100, baseBytes: 0, keeps: () => true };
const plan = (
  width: number,
  height: number,
  frames: number,
  change: { guidanceScale?: number; steps?: number } = {},
) => {
  const { guidanceScale = 3, steps = 4 } = change;
  const made = { width, height, frames };
  return planVideo(
    ltx,
    { made, asked: made, sigmas: Array.from({ length: steps + 1 }, () => 0), guidanceScale },
    machine,
  );
};
const stage = (name: string, video: ReturnType<typeof plan>) => video.stages.find((one) => one.name === name)!;

test("2 billion weights in f32 and the published number of operations", () => {
  const denoise = stage("denoise", plan(704, 480, 121));
  // 1.92 billion weights; 2 operations a weight and token for the linear layers, and attention besides.
  expect(denoise.peakBytes).toBeGreaterThan(1.92e9 * 4);
  const tokens = 16 * 15 * 22;
  const linear = 2 * 2 * 1.87e9 * tokens;
  expect(denoise.flops / denoise.runs).toBeGreaterThan(linear);
  expect(denoise.flops / denoise.runs).toBeLessThan(1.6 * linear);
});

test("time follows steps and guidance, memory follows the number of tokens", () => {
  const seconds = (...args: Parameters<typeof plan>) => stage("denoise", plan(...args)).seconds;
  expect(seconds(704, 480, 121, { steps: 8 })).toBeCloseTo(2 * seconds(704, 480, 121), 6);
  expect(seconds(704, 480, 121) / seconds(704, 480, 121, { guidanceScale: 1 })).toBeCloseTo(2, 1);
  const values = (...args: Parameters<typeof plan>) => stage("denoise", plan(...args)).peakBytes - 1.2 * 7.69e9;
  expect(values(1408, 960, 121) / values(704, 480, 121)).toBeGreaterThan(3);
});

test("the decoder's memory is bounded by its tile, but for the frames of one window", () => {
  const decode = (width: number, height: number, frames: number) => stage("decode", plan(width, height, frames));
  const [short, long] = [decode(1024, 1024, 97), decode(1024, 1024, 385)];
  expect(long.runs).toBeGreaterThan(3 * short.runs);
  expect(long.peakBytes / short.peakBytes).toBeLessThan(1.05);
});

test("2K of LTX is planned in a moment, whatever it would take", () => {
  const start = performance.now();
  expect(plan(2560, 1440, 49).tokens).toBe(7 * 45 * 80);
  expect(plan(16384, 16384, 4001).peakBytes).toBeGreaterThan(1e12);
  expect(performance.now() - start).toBeLessThan(20_000);
});

test("what is smaller comes nearest first and stays on the grid", () => {
  const sizes = [...smaller({ width: 1280, height: 736, frames: 49 }, ltx)];
  expect(sizes.slice(0, 3)).toEqual([41, 33, 25].map((frames) => ({ width: 1280, height: 736, frames })));
  for (const { width, height, frames } of sizes) expect([width % 32, height % 32, frames % 8]).toEqual([0, 0, 1]);
  expect(sizes.at(-1)).toEqual({ width: 32, height: 32, frames: 9 });
});
