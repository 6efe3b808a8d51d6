import { expect, test } from "vitest";
import { ltx2b } from "../models/ltx/config.ts";
import { fromDiffusers } from "../models/ltx-vae/config.ts";
import { t5xxl } from "../models/t5/encoder.ts";
import { sizeOf } from "../tensor/dtype.ts";
import type { GpuBytes } from "./footprint.ts";
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
  change: { guidanceScale?: number; steps?: number; memoryBytes?: number } = {},
) => {
  const { guidanceScale = 3, steps = 4, memoryBytes = Number.POSITIVE_INFINITY } = change;
  const made = { width, height, frames };
  return planVideo(
    ltx,
    { made, asked: made, sigmas: Array.from({ length: steps + 1 }, () => 0), guidanceScale },
    { ...machine, memoryBytes },
  );
};
test("encoding of given pictures is planned tile by tile, and later ones have tokens of their own", () => {
  const made = { width: 1280, height: 736, frames: 49 };
  const request = { made, asked: made, sigmas: [1, 0.5, 0], guidanceScale: 1 };
  const image = (frame: number) => ({ frame, frames: 1 });
  const on = (given?: { frame: number; frames: number }[]) =>
    planVideo(ltx, given ? { ...request, given } : request, machine);
  const [none, later, clip] = [on(), on([image(0), image(8)]), on([{ frame: 0, frames: 17 }])];
  expect(none.stages.map(({ name }) => name)).not.toContain("given");
  // 23 x 40 cells in tiles of 16 x 16.
  expect([stage("given", clip).runs, stage("given", later).runs]).toEqual([6, 12]);
  expect(stage("given", clip).peakBytes).toBeGreaterThan(2 * stage("given", later).peakBytes);
  const tokens = 7 * 23 * 40;
  expect([clip, later].map((video) => stage("denoise", video).tokens)).toEqual([tokens, tokens + 23 * 40]);
});

const stage = (name: string, video: ReturnType<typeof plan>) => video.stages.find((one) => one.name === name)!;

test("2 billion weights in f32 and the published number of operations", () => {
  const denoise = stage("denoise", plan(704, 480, 121));
  // 1.92 billion weights in 16 or 32 bits; 2 operations a weight and token for linear layers, and attention besides.
  expect(denoise.peakBytes).toBeGreaterThan(1.92e9 * 2);
  const tokens = 16 * 15 * 22;
  const linear = 2 * 2 * 1.87e9 * tokens;
  expect(denoise.flops / denoise.runs).toBeGreaterThan(linear);
  expect(denoise.flops / denoise.runs).toBeLessThan(1.6 * linear);
});

test("time follows steps and guidance, memory follows the number of tokens", () => {
  const seconds = (...args: Parameters<typeof plan>) => stage("denoise", plan(...args)).seconds;
  expect(seconds(704, 480, 121, { steps: 8 })).toBeCloseTo(2 * seconds(704, 480, 121), -2);
  expect(seconds(704, 480, 121) / seconds(704, 480, 121, { guidanceScale: 1 })).toBeCloseTo(2, 1);
  const values = (...args: Parameters<typeof plan>) => stage("denoise", plan(...args)).peakBytes - 1.92e9 * 2;
  expect(values(1408, 960, 121, { steps: 1 }) / values(704, 480, 121, { steps: 1 })).toBeGreaterThan(3);
});

test("on a GPU: weights as they are stored, layer by layer where they do not fit, and nothing of the host's", () => {
  const made = { width: 704, height: 480, frames: 121 };
  const request = { made, asked: made, sigmas: [1, 0.5, 0], guidanceScale: 1 };
  const gpu: GpuBytes = ({ nodes, parameters }) => ({
    weights: [...parameters.values()].reduce((sum, at) => sum + 2 * sizeOf(nodes[at]!.shape), 0),
    values: 1e9,
  });
  const on = (memoryBytes: number) => {
    const video = planVideo(ltx, request, { ...machine, memoryBytes, gpu });
    return { ...stage("denoise", video), holding: video.execution.transformer };
  };
  const [all, little] = [on(Number.POSITIVE_INFINITY), on(4e9)];
  expect(all.holding).toBe("widened");
  expect(all.peakBytes).toBeGreaterThan(1e9 + 2 * 1.9e9);
  expect(all.peakBytes).toBeLessThan(1e9 + 2 * 1.95e9);
  expect(little.holding).toBe("streamed");
  expect(little.peakBytes).toBeLessThan(1.25e9);
});

test("the decoder's memory is bounded by its tile, but for the frames of one window", () => {
  const decode = (width: number, height: number, frames: number) => stage("decode", plan(width, height, frames));
  const [short, long] = [decode(1024, 1024, 89), decode(1024, 1024, 385)];
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

test("memory decides: weights widened where all fit and it pays, else where they lie, else layer by layer", () => {
  const within = (memoryBytes: number, steps = 40) => plan(256, 160, 9, { memoryBytes, steps });
  const [large, middle, small] = [within(64e9), within(6e9), within(2e9)];
  expect(large.execution).toMatchObject({ text: "streamed", transformer: "widened", sequential: false });
  expect(middle.execution).toMatchObject({ transformer: "mapped" });
  expect(small.execution).toMatchObject({ transformer: "streamed" });
  for (const [video, bytes] of [
    [large, 64e9],
    [middle, 6e9],
    [small, 2e9],
  ] as const)
    expect(video.peakBytes).toBeLessThan(bytes);
  // Opening takes longer than a single step gains.
  expect(within(64e9, 1).execution.transformer).toBe("mapped");
});

test("where a batch of two does not fit, prompts take turns, and tiles become smaller", () => {
  const roomy = plan(1280, 736, 97);
  const stageBytes = (name: string) => stage(name, roomy).peakBytes;
  expect(roomy.execution).toMatchObject({ sequential: false, tiling: { frames: 7 } });
  const tight = plan(1280, 736, 97, { memoryBytes: Math.min(stageBytes("denoise"), stageBytes("decode")) / 3 });
  expect(tight.execution).toMatchObject({ sequential: true, transformer: "streamed" });
  expect(tight.execution.tiling.frames).toBeLessThan(7);
  expect(tight.seconds).toBeGreaterThan(roomy.seconds);
});

test("perturbed predictions alone take turns too where memory is short, at the same cost", () => {
  const made = { width: 256, height: 256, frames: 9 };
  const guidance = [{ from: 0, scale: 1, stg: 1, blocks: [19] }];
  const request = { made, asked: made, sigmas: [1, 0], guidanceScale: 1, guidance };
  const [wide, tight] = [Number.POSITIVE_INFINITY, 1].map((memoryBytes) =>
    planVideo(ltx, request, { ...machine, memoryBytes }),
  );
  expect([wide!.execution.sequential, tight!.execution.sequential]).toEqual([false, true]);
  const [together, inTurn] = [stage("denoise", wide!), stage("denoise", tight!)];
  expect(inTurn.flops / together.flops).toBeCloseTo(1, 2);
});
