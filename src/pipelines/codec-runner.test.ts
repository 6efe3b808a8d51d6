import { expect, test } from "vitest";
import { hunyuanVideoVae } from "../models/hunyuan-vae/config.ts";
import type { Grid } from "../models/ltx/rope.ts";
import { openOrt } from "../platform/node/devices/ort.ts";
import { planProgram } from "../runtimes/null/null.ts";
import { hostTensor } from "../tensor/dtype.ts";
import { weightInMemory } from "../tensor/runtime.ts";
import { floatsOf, type Golden, goldenFile, goldenModel } from "../testing/goldens.ts";
import { hashedValues } from "../testing/hashed.ts";
import { relativeError } from "../testing/relative-error.ts";
import { initialWeights } from "../training/initial.ts";
import { planarToFrames } from "../video/frame.ts";
import { weightsFor } from "../weights/weights-of.ts";
import { type Codec, type CodecModel, codecOf, hunyuanCodec, pcaCodec } from "./codec.ts";
import { CodecRunner, codecProgram } from "./codec-runner.ts";
import { latentGrid } from "./hunyuan.ts";
import type { VideoSize } from "./latents.ts";
import { type Tiling, tileCount, tileGrid, tilesOf } from "./tiles.ts";

const runtime = openOrt();

const withWeights = (model: CodecModel, seed: number): Codec => ({
  ...model,
  weights: new Map([...initialWeights(model.model, seed)].map(([name, value]) => [name, weightInMemory(value)])),
  hash: "",
});

/** Waves that go through the picture, in [-1, 1]: [3, F, H, W]. */
function waves({ frames, height, width }: VideoSize): Float32Array {
  const out = new Float32Array(3 * frames * height * width);
  for (const [i] of out.entries()) {
    const [x, y, f] = [i % width, Math.floor(i / width) % height, Math.floor(i / (width * height)) % frames];
    const c = Math.floor(i / (width * height * frames));
    out[i] = 0.9 * Math.sin(x / (3 + c) + 0.3 * f) * Math.cos(y / 5 - 0.2 * f * c);
  }
  return out;
}

async function encoded(codec: Codec, size: VideoSize, pixels = waves(size)): Promise<Float32Array> {
  const runner = new CodecRunner(codec, runtime);
  const latents = await runner.encode(pixels, size);
  runner.dispose();
  return latents;
}

/** Frames one after the other: [F, H, W, 3]. */
async function decoded(codec: Codec, latents: Float32Array, grid: Grid): Promise<Uint8Array[]> {
  const runner = new CodecRunner(codec, runtime);
  const frames: Uint8Array[] = [];
  for await (const { data } of runner.decode(latents, grid)) frames.push(data);
  runner.dispose();
  return frames;
}

/** Blocks depend on nothing but themselves and, for the first frame, on being first: tiles must give the whole. */
test.each([1, 5, 9, 13, 21, 37])("%i frames in tiles are the whole where places stand alone", async (frames) => {
  const whole = withWeights(pcaCodec({ cell: [4, 2, 4], channels: 5 }), 1);
  const tiled: Codec = { ...whole, tiling: { frames: 3, cells: 12, overlap: { frames: 2, cells: 1 } } };
  const size = { frames, height: 10, width: 36 };
  const grid = latentGrid(size, whole);
  expect(tileCount(tilesOf(grid, tiled.tiling))).toBeGreaterThan(3);
  const latents = await encoded(whole, size);
  expect(relativeError(await encoded(tiled, size), latents)).toBeLessThan(1e-6);
  const [parts, all] = [await decoded(tiled, latents, grid), await decoded(whole, latents, grid)];
  expect(parts).toHaveLength(frames);
  for (const [f, frame] of parts.entries())
    for (const [i, value] of frame.entries()) expect(Math.abs(value - all[f]![i]!)).toBeLessThanOrEqual(1);
});

/**
 * Its windows start at every 12th frame, its tiles at every 24th pixel, as ours do at this size. It has one more of both at
 * the end, which lies inside the one before and changes what it shares with that.
 */
test("what tiles do not share is as diffusers' tiled autoencoder makes it", async () => {
  const golden: Golden = { case: "hunyuan-vae-a", probe: "tiled", module: "vae.encoder" };
  const { opened } = await goldenModel(golden);
  const model = codecOf(opened.config!);
  const weights = weightsFor(model.model, opened.checkpoint, { name: model.rename });
  const tiling = { frames: 5, cells: 4, overlap: { frames: 2, cells: 1 } };
  const codec: Codec = { ...model, weights, hash: "", tiling };
  const size = { frames: 29, height: 8, width: 56 };
  const grid = latentGrid(size, codec);
  const input = (name: string, shape: number[], scale: number) =>
    hashedValues({ name: `input/hunyuan-vae-a/tiled/${name}`, shape, offset: 0, scale });
  const expected = await floatsOf(await goldenFile(golden, "output"));
  /** Those of its values [C, F, H, W] whose frame and column no two tiles share. */
  const alone = (name: string, isShared: (f: number, x: number) => boolean) => {
    const { shape, data } = expected.get(name)!;
    const [, , frames, height, width] = shape as [number, number, number, number, number];
    const at = [...data.keys()].filter((i) => !isShared(Math.floor(i / (width * height)) % frames, i % width));
    return (values: ArrayLike<number>) => at.map((i) => values[i]!);
  };
  const latents = await encoded(codec, size, input("sample", [3, 29, 8, 56], 2));
  const { data: mean } = expected.get("mean")!;
  const ofCells = alone("mean", (f, x) => f === 4 || x === 3);
  const scaled = mean.map((value) => value * hunyuanVideoVae.scale);
  expect(relativeError(ofCells(latents), ofCells(scaled))).toBeLessThan(1e-5);

  const z = input("latents", [3, 8, 1, 7], 2 * Math.sqrt(3)).map((value) => value * hunyuanVideoVae.scale);
  const frames = await decoded(codec, z, grid);
  expect(frames).toHaveLength(29);
  const { data: sample } = expected.get("sample")!;
  const theirs = planarToFrames(sample, 29, 8, 56);
  // Frames 13 to 16 and 25 to 28, columns 24 to 31 and 48 to 55.
  const isShared = (f: number, x: number) => (f > 12 && f < 17) || f > 24 || (x > 23 && x < 32) || x > 47;
  for (const [f, frame] of frames.entries())
    for (const [i, value] of frame.entries())
      if (!isShared(f, Math.floor(i / 3) % 56)) expect(Math.abs(value - theirs[f]!.data[i]!)).toBeLessThanOrEqual(1);
  await opened.checkpoint.close();
});

/**
 * A random one that is rather like trained ones: kernels look most at their own place, branches are small. Plain random
 * weights mix all that they see, attention most of all, and so tell tiles apart far more.
 */
function localCodec(): Codec {
  const config = { ...hunyuanVideoVae, latentChannels: 4, channels: [8, 8, 16, 16], layers: 1, groups: 4 };
  const codec = withWeights(hunyuanCodec({ ...config, attention: false }), 2);
  const values = [...initialWeights(codec.model, 2)].map(([name, { data, shape }]) => {
    const isKernel = shape.length === 5 && shape[2] === 3;
    const scaled = (data as Float32Array).map((value, i) => {
      const away = 2 - (Math.floor(i / 9) % 3) + Math.abs((Math.floor(i / 3) % 3) - 1) + Math.abs((i % 3) - 1);
      return value * (isKernel ? 0.3 ** away : 1) * (name.includes(".conv2.") ? 0.2 : 1);
    });
    return [name, weightInMemory(hostTensor(scaled, shape))] as const;
  });
  return { ...codec, weights: new Map(values) };
}

/** How much an error jumps from each place of the middle axis to the next: root mean squares. */
function jumps(error: Float32Array, [outer, length, inner]: readonly [number, number, number]): number[] {
  return Array.from({ length: length - 1 }, (_, at) => {
    let sum = 0;
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        const place = (o * length + at) * inner + i;
        sum += (error[place + inner]! - error[place]!) ** 2;
      }
    return Math.sqrt(sum / (outer * inner));
  });
}

const worstOverMedian = (values: number[]): number =>
  Math.max(...values) / values.toSorted((a, b) => a - b)[values.length >> 1]!;

test("seams: blended, the error of tiles jumps no more at their borders than elsewhere", async () => {
  const codec = localCodec();
  const size = { frames: 29, height: 64, width: 96 };
  const grid = latentGrid(size, codec);
  const latents = await encoded(codec, size);
  const whole = await decoded(codec, latents, grid);
  const seamsOf = async (tiling: Tiling) => {
    const tiled = { ...codec, tiling };
    const parts = await decoded(tiled, latents, grid);
    const error = Float32Array.from(parts.flatMap((frame, f) => [...frame].map((value, i) => value - whole[f]![i]!)));
    return {
      latents: relativeError(await encoded(tiled, size), latents),
      time: worstOverMedian(jumps(error, [1, size.frames, size.height * size.width * 3])),
      space: worstOverMedian(jumps(error, [size.frames * size.height, size.width, 3])),
    };
  };
  const blended = await seamsOf({ frames: 5, cells: 48, overlap: { frames: 2, cells: 2 } });
  const cut = await seamsOf({ frames: 5, cells: 48, overlap: { frames: 1, cells: 0 } });
  expect(blended.latents).toBeLessThan(0.3);
  expect(blended.time).toBeLessThan(1.8);
  expect(blended.space).toBeLessThan(2);
  // What is not blended shows in each of them.
  expect(cut.latents).toBeGreaterThan(0.35);
  expect(cut.time).toBeGreaterThan(2);
  expect(cut.space).toBeGreaterThan(3);
});

test("a clip smaller than a tile is one tile, whole", async () => {
  const codec = withWeights(hunyuanCodec({ ...hunyuanVideoVae, channels: [4, 4, 8, 8], layers: 1, groups: 2 }), 4);
  const size = { frames: 1, height: 8, width: 16 };
  const grid = latentGrid(size, codec);
  expect(tilesOf(grid, codec.tiling)).toEqual({
    times: [{ start: 0, length: 1 }],
    rows: [{ start: 0, length: 1 }],
    columns: [{ start: 0, length: 2 }],
  });
  const latents = await encoded(codec, size);
  expect(latents.every((value) => Number.isFinite(value))).toBe(true);
  const frames = await decoded(codec, latents, grid);
  expect(frames.map(({ length }) => length)).toEqual([3 * 8 * 16]);
});

test.each([
  ["960x544", { width: 960, height: 544, frames: 49 }, 48],
  ["2560x1440", { width: 2560, height: 1440, frames: 49 }, 384],
] as const)("the published autoencoder on 49 frames of %s takes what a tile of 256x256 takes", (_, size, count) => {
  const codec = hunyuanCodec(hunyuanVideoVae);
  const tiles = tilesOf(latentGrid(size, codec), codec.tiling);
  expect(tileCount(tiles)).toBe(count);
  /** With the mask of the attention. */
  const peak = (way: "encode" | "decode", grid: Grid) => {
    const { peakBytes, constantBytes } = planProgram(codecProgram(codec, way, grid, () => true));
    return peakBytes + constantBytes;
  };
  const published = { frames: 5, height: 32, width: 32 };
  for (const [way, most] of [
    ["encode", 2.5],
    ["decode", 3.75],
  ] as const) {
    const bytes = peak(way, tileGrid(tiles));
    expect(bytes).toBeLessThanOrEqual(1.05 * peak(way, published));
    expect(bytes / 2 ** 30).toBeLessThan(most);
  }
});
