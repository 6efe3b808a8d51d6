/**
 * Checkpoints with random weights in the layout, the sizes and the dtype that are published, to rehearse what real
 * ones will take.
 */
import { statfs, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DoesNotFitError } from "../../../base/errors.ts";
import { vocabulary } from "../../../data/world/captions.ts";
import * as ltx from "../../../models/ltx/config.ts";
import { LtxTransformer } from "../../../models/ltx/transformer.ts";
import * as ltxWeights from "../../../models/ltx/weights.ts";
import * as vae from "../../../models/ltx-vae/config.ts";
import { generationOf, publishedVaes, type VaeGeneration } from "../../../models/ltx-vae/published.ts";
import { LtxVae } from "../../../models/ltx-vae/vae.ts";
import * as vaeWeights from "../../../models/ltx-vae/weights.ts";
import { fromTransformers, T5Encoder, t5xxl, toTransformers } from "../../../models/t5/encoder.ts";
import * as t5Weights from "../../../models/t5/weights.ts";
import { buildWordTokenizer } from "../../../models/t5/word-tokenizer.ts";
import { sizeOf } from "../../../tensor/dtype.ts";
import { parametersOf } from "../../../tensor/mount.ts";
import type { TensorData } from "../../../weights/safetensors-writer.ts";
import { writeSafetensorsFile } from "../files/atomic-file.ts";
import { makeFolder } from "../files/make-folder.ts";
import { pipelineIndex } from "../models/save-model.ts";
import { randomTensor, type Spread } from "./random-weights.ts";

type Tensors = Map<string, TensorData>;
type Json = Record<string, unknown>;

interface Module {
  readonly folder: string;
  /** Without `.safetensors`. */
  readonly file: string;
  readonly config: Json;
  readonly tensors: Tensors;
}

/** As Hugging Face's libraries split files. */
const shardBytes = 5e9;
const bytesPerWeight = 2;

/** Published settings of one generation of LTX-Video, as diffusers writes them. */
export interface Generation {
  readonly transformer: Json;
  readonly vae: Json;
  readonly text: Json;
}

/** LTX-Video 2B of a generation, with T5-XXL. */
export const ltx2bOf = (generation: VaeGeneration): Generation => ({
  transformer: ltx.toDiffusers(ltx.ltx2b),
  vae: vae.toDiffusers(publishedVaes[generation]),
  text: toTransformers(t5xxl),
});

const narrower = <H extends { readonly channels: readonly number[] }>(half: H): H => ({
  ...half,
  channels: half.channels.map((count) => count / 2),
});

/** Built like a generation, and a twentieth as large (200 to 800 MB). */
export function smallOf(generation: VaeGeneration): Generation {
  const published = publishedVaes[generation];
  const { encoder, decoder } = published;
  return {
    transformer: ltx.toDiffusers({ ...ltx.ltx2b, layers: 8, heads: 12, captionChannels: 512 }),
    vae: vae.toDiffusers({ ...published, encoder: narrower(encoder), decoder: narrower(decoder) }),
    text: toTransformers({ ...t5xxl, layers: 6, width: 512, heads: 8, inner: 1024 }),
  };
}

/**
 * Writes a diffusers folder: transformer, vae, text_encoder (in shards; where its settings are given), tokenizer,
 * model_index.json.
 * @throws DoesNotFitError before anything is written where the disk is too small
 */
export async function writeRandomCheckpoint(
  folder: string,
  { transformer, vae: autoencoder, text }: Omit<Generation, "text"> & Partial<Generation> = ltx2bOf("0.9.0"),
  onFile: (path: string, bytes: number) => void = () => {},
): Promise<void> {
  const modules = [
    moduleOf("transformer", "diffusion_pytorch_model", transformer, ltxTensors(transformer)),
    moduleOf("vae", "diffusion_pytorch_model", autoencoder, vaeTensors(autoencoder)),
    ...(text ? [moduleOf("text_encoder", "model", text, t5Tensors(text))] : []),
  ];
  await makeFolder(folder);
  await checkDisk(folder, modules);
  for (const module of modules) await writeModule(join(folder, module.folder), module, onFile);
  await makeFolder(join(folder, "tokenizer"));
  const tokenizer = buildWordTokenizer(vocabulary());
  await writeFile(join(folder, "tokenizer", "tokenizer.json"), JSON.stringify(tokenizer));
  for (const [path, content] of Object.entries(pipelineFiles(autoencoder))) {
    await makeFolder(dirname(join(folder, path)));
    await writeFile(join(folder, path), `${JSON.stringify(content, null, 2)}\n`);
  }
}

const moduleOf = (folder: string, file: string, config: Json, tensors: Tensors): Module => ({
  folder,
  file,
  config,
  tensors,
});

const bytesOf = ({ shape }: TensorData): number => sizeOf(shape) * bytesPerWeight;

async function checkDisk(folder: string, modules: readonly Module[]): Promise<void> {
  const needed = modules.flatMap(({ tensors }) => [...tensors.values()]).reduce((sum, one) => sum + bytesOf(one), 0);
  const { bavail, bsize } = await statfs(folder);
  if (needed > bavail * bsize)
    throw new DoesNotFitError(
      `the checkpoint takes ${(needed / 1e9).toFixed(1)} GB, ${((bavail * bsize) / 1e9).toFixed(1)} GB are free`,
      { where: folder, hint: "choose a folder on a larger disk" },
    );
}

async function writeModule(
  folder: string,
  { file, config, tensors }: Module,
  onFile: (path: string, bytes: number) => void,
): Promise<void> {
  await makeFolder(folder);
  await writeFile(join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  const shards = split(tensors);
  const weightMap: Record<string, string> = {};
  for (const [i, shard] of shards.entries()) {
    const number = (n: number) => String(n).padStart(5, "0");
    const name = shards.length === 1 ? file : `${file}-${number(i + 1)}-of-${number(shards.length)}`;
    const path = join(folder, `${name}.safetensors`);
    await writeSafetensorsFile(path, shard, { metadata: { format: "pt" } });
    for (const tensor of shard.keys()) weightMap[tensor] = `${name}.safetensors`;
    onFile(
      path,
      [...shard.values()].reduce((sum, one) => sum + bytesOf(one), 0),
    );
  }
  if (shards.length > 1) {
    const total = [...tensors.values()].reduce((sum, one) => sum + bytesOf(one), 0);
    const index = { metadata: { total_size: total }, weight_map: weightMap };
    await writeFile(join(folder, `${file}.safetensors.index.json`), `${JSON.stringify(index, null, 2)}\n`);
  }
}

function split(tensors: Tensors): Tensors[] {
  const shards: Tensors[] = [new Map()];
  let bytes = 0;
  for (const [name, tensor] of tensors) {
    if (bytes + bytesOf(tensor) > shardBytes) {
      shards.push(new Map());
      bytes = 0;
    }
    shards.at(-1)!.set(name, tensor);
    bytes += bytesOf(tensor);
  }
  return shards;
}

const even: Spread = { mean: 0, deviation: 0.02 };
const scales: Spread = { mean: 1, deviation: 0.02 };

/** 1 / √(inputs) for products, near 1 for the scales of norms, near 0 for the rest. */
function spreadOf(path: string, shape: readonly number[]): Spread {
  if (/norm\w*\.weight$/i.test(path)) return scales;
  if (!path.endsWith("weight")) return even;
  return { mean: 0, deviation: sizeOf(shape.slice(1)) ** -0.5 };
}

function tensorsOf(model: object, rename: (path: string) => string, spread = spreadOf): Tensors {
  return new Map(
    [...parametersOf(model)].map(([path, { shape }]) => {
      const name = rename(path);
      return [name, randomTensor(name, shape, spread(path, shape))];
    }),
  );
}

const ltxTensors = (json: Json): Tensors =>
  tensorsOf(new LtxTransformer(ltx.fromDiffusers(json)), ltxWeights.diffusersName);

function vaeTensors(json: Json): Tensors {
  const config = vae.fromDiffusers(json);
  const tensors = tensorsOf(new LtxVae(config), vaeWeights.diffusersName);
  tensors.set("latents_mean", randomTensor("latents_mean", [config.latentChannels], even));
  tensors.set("latents_std", randomTensor("latents_std", [config.latentChannels], scales));
  // A scalar of the decoders that take a noise level; bf16 holds 1000 exactly.
  if (config.decoder.timestep)
    tensors.set("decoder.timestep_scale_multiplier", { dtype: "BF16", shape: [], data: () => Uint16Array.of(0x447a) });
  return tensors;
}

/** Logits are not divided by the root of the head's width, so queries are made small; embeddings are near 1. */
function t5Tensors(json: Json): Tensors {
  const config = fromTransformers(json);
  return tensorsOf(new T5Encoder(config), t5Weights.transformersName, (path, shape) => {
    if (path === "embedding") return { mean: 0, deviation: 1 };
    const { mean, deviation } = spreadOf(path, shape);
    return { mean, deviation: path.endsWith("query.weight") ? deviation * config.headWidth ** -0.5 : deviation };
  });
}

/** From 0.9.5 on another pipeline runs them, which sets noise levels itself. */
function pipelineFiles(autoencoder: Json): Record<string, Json> {
  const isLate = generationOf(vae.fromDiffusers(autoencoder)) === "0.9.5";
  return {
    "model_index.json": { ...pipelineIndex, ...(isLate ? { _class_name: "LTXConditionPipeline" } : {}) },
    "scheduler/scheduler_config.json": {
      _class_name: "FlowMatchEulerDiscreteScheduler",
      num_train_timesteps: 1000,
      use_dynamic_shifting: !isLate,
      shift: 1,
      base_shift: 0.95,
      max_shift: 2.05,
      base_image_seq_len: 1024,
      max_image_seq_len: 4096,
      shift_terminal: isLate ? null : 0.1,
    },
  };
}
