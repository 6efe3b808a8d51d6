/** Trained models as diffusers folders, in f16. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as ltx from "../../../models/ltx/config.ts";
import { hrName } from "../../../models/ltx/hr-weights.ts";
import { type HrConfig, toJson } from "../../../models/ltx/two-stage-config.ts";
import * as ltxWeights from "../../../models/ltx/weights.ts";
import * as upsampler from "../../../models/ltx-upsampler/config.ts";
import { publishedName } from "../../../models/ltx-upsampler/weights.ts";
import * as vae from "../../../models/ltx-vae/config.ts";
import * as vaeWeights from "../../../models/ltx-vae/weights.ts";
import { type T5Config, toTransformers } from "../../../models/t5/encoder.ts";
import type { TokenizerFile } from "../../../models/t5/json-vocabulary.ts";
import * as t5Weights from "../../../models/t5/weights.ts";
import type { Statistics } from "../../../pipelines/latents.ts";
import type { Settings } from "../../../pipelines/model.ts";
import type { HostTensor } from "../../../tensor/dtype.ts";
import { storeFloat32, storeValues } from "../../../weights/safetensors-writer.ts";
import { writeSafetensorsFile } from "../files/atomic-file.ts";
import { makeFolder } from "../files/make-folder.ts";

type Values = ReadonlyMap<string, HostTensor>;

export async function saveModule(
  folder: string,
  file: string,
  config: object,
  values: Values,
  rename: (path: string) => string,
  extra: ReadonlyMap<string, Float32Array> = new Map(),
): Promise<void> {
  await makeFolder(folder);
  await writeFile(join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  const tensors = storeValues(values, "F16", rename);
  for (const [name, data] of extra) tensors.set(name, storeFloat32(data, [data.length]));
  await writeSafetensorsFile(join(folder, file), tensors, { metadata: { format: "pt" } });
}

/** `encoder.*` and `decoder.*` with the statistics of their latents, as AutoencoderKLLTXVideo. */
export async function saveVae(
  folder: string,
  config: vae.LtxVaeConfig,
  values: Values,
  { mean, deviation }: Statistics,
): Promise<void> {
  const statistics = new Map([
    ["latents_mean", mean],
    ["latents_std", deviation],
  ]);
  const file = "diffusion_pytorch_model.safetensors";
  await saveModule(folder, file, vae.toDiffusers(config), values, vaeWeights.diffusersName, statistics);
}

/** The high-resolution model for the low-resolution transformer with this hash. */
export async function saveHr(folder: string, config: HrConfig, values: Values, base: string): Promise<void> {
  const file = "diffusion_pytorch_model.safetensors";
  await saveModule(folder, file, { ...toJson(config), base }, values, hrName);
}

/** A latent upsampler, in f16 as everything here. */
export async function saveUpsampler(folder: string, config: upsampler.UpsamplerConfig, values: Values): Promise<void> {
  const file = "diffusion_pytorch_model.safetensors";
  await saveModule(folder, file, upsampler.toDiffusers(config), values, publishedName);
}

export interface TextToVideoParts {
  readonly settings: Settings;
  readonly tokenizer: TokenizerFile;
  readonly text: { readonly config: T5Config; readonly values: Values };
  readonly transformer: { readonly config: ltx.LtxConfig; readonly values: Values };
}

interface StudentParts extends Omit<TextToVideoParts, "tokenizer" | "text"> {
  /** Not there where the encoder stays as it is. */
  readonly text: TextToVideoParts["text"] | undefined;
}

/** Transformer, text encoder and settings. */
export async function saveStudent(folder: string, parts: StudentParts): Promise<void> {
  const { settings, text, transformer } = parts;
  const file = "diffusion_pytorch_model.safetensors";
  const { config, values } = transformer;
  await saveModule(join(folder, "transformer"), file, ltx.toDiffusers(config), values, ltxWeights.diffusersName);
  const encoder = join(folder, "text_encoder");
  if (text)
    await saveModule(
      encoder,
      "model.safetensors",
      toTransformers(text.config),
      text.values,
      t5Weights.transformersName,
    );
  await writeFile(join(folder, "turbo2k.json"), `${JSON.stringify(settings, null, 2)}\n`);
}

/** Everything of a pipeline but its VAE. */
export async function saveTextToVideo(folder: string, parts: TextToVideoParts): Promise<void> {
  await saveStudent(folder, parts);
  await makeFolder(join(folder, "tokenizer"));
  await writeFile(join(folder, "tokenizer", "tokenizer.json"), `${JSON.stringify(parts.tokenizer)}\n`);
  await writeFile(join(folder, "model_index.json"), `${JSON.stringify(pipelineIndex, null, 2)}\n`);
}

/** The model_index.json of a pipeline. */
export const pipelineIndex = {
  _class_name: "LTXPipeline",
  scheduler: ["diffusers", "FlowMatchEulerDiscreteScheduler"],
  text_encoder: ["transformers", "T5EncoderModel"],
  tokenizer: ["transformers", "T5TokenizerFast"],
  transformer: ["diffusers", "LTXVideoTransformer3DModel"],
  vae: ["diffusers", "AutoencoderKLLTXVideo"],
};
