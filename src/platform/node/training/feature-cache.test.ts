import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { hunyuanVideo } from "../../../models/hunyuan/config.ts";
import { hunyuanVideoVae } from "../../../models/hunyuan-vae/config.ts";
import { type Codec, hunyuanCodec } from "../../../pipelines/codec.ts";
import { hostTensor } from "../../../tensor/dtype.ts";
import type { LiveTeacher } from "../../../training/distill-teacher.ts";
import type { LatentSet } from "../../../training/flow-task.ts";
import type { DistillRecipe } from "../../../training/recipe.ts";
import { inFolder } from "../video/testing.ts";
import { type FeatureRequest, keptFeatures } from "./feature-cache.ts";

const recipe = {
  seed: 1,
  draws: 1,
  strategy: "fixed",
  fixedSigma: 0.1,
  taps: { student: -1, teacher: 0 },
  timesteps: { kind: "uniform" },
  captionDropout: 0,
} as unknown as DistillRecipe;

const grid = { frames: 6, height: 4, width: 6 };
const set = { grid, count: 1, caption: async () => "a red ball" } as unknown as LatentSet;
const live = {
  width: 2,
  read: async () => hostTensor(new Float32Array(36 * 2).fill(1), [1, 36, 2]),
} as unknown as LiveTeacher;

test("features of latents from other tiles, of another autoencoder or of another block lie in files of their own", () =>
  inFolder(async (cache) => {
    const own = { ...hunyuanCodec({ ...hunyuanVideoVae, channels: [32, 32, 32] }), hash: "one" } as unknown as Codec;
    const keep = async (codec: Codec, taps = recipe.taps) => {
      const model = { hash: "teacher", transformer: { config: hunyuanVideo }, codec };
      const requests = new Map([["p", { clips: { id: "clips" } }]]);
      const request = {
        model,
        recipe: { ...recipe, taps },
        sets: new Map([["p", set]]),
        requests,
      } as unknown as FeatureRequest;
      const source = await keptFeatures(live, request, { cache } as Parameters<typeof keptFeatures>[2]);
      await source.close();
      return (await readdir(cache)).length;
    };
    expect(await keep(own)).toBe(1);
    expect(await keep(own)).toBe(1);
    expect(await keep({ ...own, tiling: { frames: 3, cells: 12, overlap: { frames: 1, cells: 1 } } })).toBe(2);
    expect(await keep({ ...own, hash: "two" })).toBe(3);
    // The student's own block has no part in them.
    expect(await keep(own, { student: 2, teacher: 0 })).toBe(3);
    expect(await keep(own, { student: 2, teacher: 1 })).toBe(4);
  }));
