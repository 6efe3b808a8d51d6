/** Training steps of the mini family: forward, mean squared error, backward, clipped AdamW. */
import { join } from "node:path";
import * as ltx from "../../../models/ltx/config.ts";
import { coordinates, ropeTables, tokensOf } from "../../../models/ltx/rope.ts";
import { LtxTransformer } from "../../../models/ltx/transformer.ts";
import * as vae from "../../../models/ltx-vae/config.ts";
import { LtxVae } from "../../../models/ltx-vae/vae.ts";
import { timestepSinusoid } from "../../../nn/timestep.ts";
import { hostTensor } from "../../../tensor/dtype.ts";
import { mount } from "../../../tensor/mount.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import { modelConfigs } from "../../../training/flow-model.ts";
import type { Recipe } from "../../../training/recipe.ts";
import { packageRoot } from "../generate/package-root.ts";
import { readRecipe } from "../training/run.ts";
import { type BenchCase, Feeds } from "./case.ts";
import { type Five, narrow, narrowVae, noiseLevel } from "./model-cases.ts";

async function recipe<K extends Recipe["kind"]>(name: string, kind: K): Promise<Extract<Recipe, { kind: K }>> {
  const read = await readRecipe(join(packageRoot, "recipes", `${name}.yaml`));
  if (read.kind !== kind) throw new Error(`recipes/${name}.yaml is of the kind ${read.kind}, not ${kind}`);
  return read as Extract<Recipe, { kind: K }>;
}

const squaredError = (a: Tensor, b: Tensor): Tensor => a.sub(b).square().mean();

const trainTransformer: BenchCase = {
  name: "train-transformer",
  sizes: "batch,frames,height,width (latent),words",
  shape: [4, 4, 6, 14, 32],
  tiny: [2, 2, 2, 2, 3],
  tinyConfig: narrow,
  config: async () => {
    const { model } = await recipe("mini-vae", "vae");
    const { transformer } = modelConfigs(await recipe("mini", "text-to-video"), 1, model.latentChannels);
    return ltx.toDiffusers(transformer);
  },
  trace(shape, json) {
    const [batch, frames, height, width, words] = shape as Five;
    const grid = { frames, height, width };
    const config = ltx.fromDiffusers(json);
    const model = mount(new LtxTransformer(config));
    const tables = ropeTables(coordinates(grid, { fps: 25, compression: [8, 32, 32] }), ltx.widthOf(config));
    const feeds = new Feeds();
    const times = Array.from({ length: batch }, (_, item) => (1000 * (item + 1)) / (batch + 1));
    const velocity = model.forward({
      latents: feeds.normal("latents", [batch, tokensOf(grid), config.channels]),
      text: feeds.normal("text", [batch, words, config.captionChannels]),
      textMask: feeds.add("mask", hostTensor(new Float32Array(batch * words).fill(1), [batch, words])),
      sinusoid: feeds.add("sinusoid", timestepSinusoid(times, [batch, 1])),
      rope: { cos: feeds.add("cos", tables.cos), sin: feeds.add("sin", tables.sin) },
    });
    const loss = squaredError(velocity, feeds.normal("target", velocity.shape));
    return { outputs: { loss }, feeds: feeds.values, model, loss };
  },
};

const trainVae: BenchCase = {
  name: "train-vae",
  sizes: "batch,frames,height,width (pixels)",
  shape: [8, 9, 64, 64],
  tiny: [1, 9, 32, 32],
  tinyConfig: narrowVae,
  config: async () => vae.toDiffusers((await recipe("mini-vae", "vae")).model),
  trace(shape, json) {
    const [batch, ...places] = shape as [number, number, number, number];
    const config = vae.fromDiffusers(json);
    const model = mount(new LtxVae(config));
    const feeds = new Feeds();
    const pixels = feeds.normal("pixels", [batch, 3, ...places]);
    const sinusoid = config.decoder.timestep ? feeds.add("sinusoid", noiseLevel(batch)) : undefined;
    const { mean } = model.encoder.forward(pixels);
    const loss = squaredError(model.decoder.forward(mean, { sinusoid }), pixels);
    return { outputs: { loss }, feeds: feeds.values, model, loss };
  },
};

export const trainingCases: readonly BenchCase[] = [trainTransformer, trainVae];
