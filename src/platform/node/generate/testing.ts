/** A whole pipeline with random weights, small enough that a test can make a video with it. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { vocabulary } from "../../../data/world/captions.ts";
import { HrTransformer } from "../../../models/ltx/two-stage.ts";
import type { HrConfig } from "../../../models/ltx/two-stage-config.ts";
import { LatentUpsampler } from "../../../models/ltx-upsampler/upsampler.ts";
import type { LtxVaeConfig } from "../../../models/ltx-vae/config.ts";
import { LtxVae } from "../../../models/ltx-vae/vae.ts";
import { TextTokenizer } from "../../../models/t5/tokenizer.ts";
import { buildWordTokenizer } from "../../../models/t5/word-tokenizer.ts";
import type { Settings } from "../../../pipelines/model.ts";
import { mount } from "../../../tensor/mount.ts";
import { initialFlowWeights } from "../../../training/flow-initial.ts";
import { modelConfigs } from "../../../training/flow-model.ts";
import { TextToVideoNet } from "../../../training/flow-task.ts";
import { initialWeights } from "../../../training/initial.ts";
import type { FlowRecipe } from "../../../training/recipe.ts";
import { openModel } from "../models/open-model.ts";
import { saveHr, saveTextToVideo, saveUpsampler, saveVae } from "../models/save-model.ts";
import { under } from "../training/job.ts";

/** The autoencoder of `saveTinyModel`. */
export const tinyVae: LtxVaeConfig = {
  latentChannels: 16,
  patch: 4,
  encoder: {
    channels: [8, 16, 32, 64],
    layers: [1, 1, 1, 0],
    down: ["both", "both", "both"],
    downsampler: "space-to-depth",
    causal: true,
  },
  decoder: {
    channels: [16, 32, 64],
    layers: [1, 1, 1, 1],
    up: [true, true, true],
    injectNoise: [false, false, false, false],
    residual: [true, true, true],
    factor: [2, 2, 2],
    causal: false,
    timestep: false,
  },
};

const recipe = {
  transformer: { layers: 1, heads: 2, headWidth: 16 },
  text: { layers: 1, width: 32, heads: 2, inner: 32, tokens: 16 },
} as FlowRecipe;

const settings: Settings = {
  name: "tiny",
  width: 64,
  height: 64,
  frames: 9,
  fps: 8,
  steps: 2,
  guidanceScale: 2,
  textLength: 16,
  schedule: { kind: "uniform", shift: 1 },
  world: "mini",
};

/** Settings of the high-resolution stage of a tiny model. */
export const tinyHr = {
  taps: [0],
  guidance: "features",
  form: "residual",
  conv: "depthwise",
  placement: "field",
  moments: 0,
} as const satisfies Omit<HrConfig, "transformer">;

/** Gives a tiny model a second stage whose fusions do something. */
export async function addTinyHr(folder: string, change: Partial<Omit<HrConfig, "transformer">> = {}): Promise<void> {
  const { transformer } = modelConfigs(recipe, 1, tinyVae.latentChannels);
  const config = { transformer, ...tinyHr, ...change };
  const values = initialWeights(mount(new HrTransformer(config)), 2);
  const base = await openModel(folder);
  const hash = await base.files.find(({ name }) => name === "transformer")!.hash.sha256();
  await base.close();
  await saveHr(join(folder, "hr_transformer"), config, values, hash);
  const path = join(folder, "turbo2k.json");
  const hr = { steps: 2, schedule: { kind: "uniform", shift: 2 }, guidanceScale: 1 };
  await writeFile(path, JSON.stringify({ ...(JSON.parse(await readFile(path, "utf8")) as object), hr }));
}

/** Writes a latent upsampler for a tiny model. */
export async function saveTinyUpsampler(folder: string): Promise<void> {
  const config = { channels: tinyVae.latentChannels, width: 32, blocks: 1, space: true, time: false };
  await saveUpsampler(folder, config, initialWeights(mount(new LatentUpsampler(config)), 3));
}

/** Writes the folder of a model whose videos are noise, but the same for the same seed. */
export async function saveTinyModel(folder: string, change: Partial<Settings> = {}, seed = 1): Promise<void> {
  const statistics = { mean: new Float32Array(16), deviation: new Float32Array(16).fill(1) };
  await saveVae(join(folder, "vae"), tinyVae, initialWeights(mount(new LtxVae(tinyVae)), 1), statistics);
  const tokenizer = buildWordTokenizer(vocabulary());
  const words = new TextTokenizer(tokenizer).size;
  const values = initialFlowWeights(new TextToVideoNet(recipe, words, tinyVae.latentChannels), seed);
  const configs = modelConfigs(recipe, words, tinyVae.latentChannels);
  await saveTextToVideo(folder, {
    settings: { ...settings, ...change },
    tokenizer,
    text: { config: configs.text, values: under(values, "text.") },
    transformer: { config: configs.transformer, values: under(values, "transformer.") },
  });
}
