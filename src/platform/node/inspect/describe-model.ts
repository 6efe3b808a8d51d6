/** What a model on disk is, and what it lacks: for `turbo2k info`. Reads headers only. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Json } from "../../../base/published-settings.ts";
import * as hunyuan from "../../../models/hunyuan/config.ts";
import * as ltx from "../../../models/ltx/config.ts";
import { asDiffusers } from "../../../models/ltx/layouts.ts";
import * as vae from "../../../models/ltx-vae/config.ts";
import { fromTransformers } from "../../../models/t5/encoder.ts";
import { optionalModules, parseSettings } from "../../../pipelines/assemble.ts";
import type { Settings } from "../../../pipelines/model.ts";
import { recognise } from "../../../pipelines/recognise.ts";
import { isThere } from "../files/is-there.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import { openTokenizer } from "../files/open-tokenizer.ts";
import { evidenceOf } from "../models/diffusers-folder.ts";
import type { FoundModel } from "../models/found-model.ts";
import { openSingleFile } from "../models/single-file.ts";
import { publishedSettings } from "../models/teacher-folder.ts";
import {
  attempt,
  describeModule,
  type LatentRanges,
  latentRanges,
  type ModuleDescription,
  messageOf,
  type Tensors,
  unknownModule,
} from "./describe-module.ts";

export interface ModelDescription {
  readonly path: string;
  readonly settings: Settings | undefined;
  readonly modules: readonly ModuleDescription[];
  readonly latents: LatentRanges | undefined;
  readonly faults: readonly string[];
}

const parts = ["transformer", "vae", "text_encoder"] as const;

/** Describes a pipeline's folder, one module's folder, or a safetensors file. */
export async function describeModel(path: string): Promise<ModelDescription> {
  if (await isThere(join(path, "model_index.json"))) return describeFolder(path);
  const opened = await openCheckpointPath(path);
  const { config, checkpoint } = opened;
  await checkpoint.close();
  if (asDiffusers(checkpoint.tensors)) return describeSingleFile(path);
  const one = describeModule("module", config, checkpoint.tensors, path);
  const faults = [...one.faults];
  return { path, settings: undefined, modules: [one], latents: await latentsOf(path, faults), faults };
}

async function describeFolder(path: string): Promise<ModelDescription> {
  const modules: ModuleDescription[] = [];
  const configs: Partial<Record<(typeof parts)[number], Json>> = {};
  const faults: string[] = [];
  const more: string[] = [];
  for (const name of [...optionalModules, "text_encoder_2"]) if (await isThere(join(path, name))) more.push(name);
  const text = await readFile(join(path, "turbo2k.json"), "utf8").catch(() => undefined);
  for (const part of [...parts, ...more] as (typeof parts)[number][]) {
    const folder = join(path, part);
    if (!(await isThere(folder))) {
      faults.push(`${part} is missing`);
      continue;
    }
    try {
      const { config, checkpoint } = await openCheckpointPath(folder);
      await checkpoint.close();
      if (config) configs[part] = config;
      modules.push(describeModule(part, config, checkpoint.tensors, folder));
    } catch (cause) {
      modules.push({ ...unknownModule, module: part, faults: [messageOf(cause)] });
    }
  }
  faults.push(...modules.flatMap((module) => module.faults.map((fault) => `${module.module}: ${fault}`)));
  let settings: Settings | undefined;
  const isPublishedTeacher = text === undefined && configs.transformer?.["_class_name"] === hunyuan.className;
  // Its tokenizers are of a kind that is not there: it is used with embeddings from elsewhere (`openTeacher`).
  if (!isPublishedTeacher)
    await openTokenizer(join(path, "tokenizer")).catch((cause: unknown) => faults.push(messageOf(cause)));
  if (text !== undefined) faults.push(...attempt(() => (settings = parseSettings(text, join(path, "turbo2k.json")))));
  else if (isPublishedTeacher) settings = publishedSettings;
  else settings = identify(configs, await evidenceOf(path), faults);
  return { path, settings, modules, latents: await latentsOf(join(path, "vae"), faults), faults };
}

/** An original checkpoint; its text encoder is another's affair. */
async function describeSingleFile(path: string): Promise<ModelDescription> {
  const { checkpoint, transformer, vae: autoencoder, evidence } = await openSingleFile(path);
  try {
    const modules = [
      describeModule("transformer", transformer.config, transformer.tensors, path),
      ...(autoencoder ? [describeModule("vae", autoencoder.config, autoencoder.tensors, path)] : []),
    ];
    const faults = modules.flatMap((module) => module.faults.map((fault) => `${module.module}: ${fault}`));
    const settings = identify({ transformer: transformer.config, vae: autoencoder?.config }, evidence, faults);
    const latents = autoencoder && (await rangesOf(autoencoder.tensors, path, faults));
    return { path, settings, modules, latents, faults };
  } finally {
    await checkpoint.close();
  }
}

/** The release that modules are taken for; why they are none goes to the faults. */
function identify(
  { transformer, vae: autoencoder, text_encoder: text }: Partial<Record<(typeof parts)[number], Json>>,
  evidence: FoundModel["evidence"],
  faults: string[],
): Settings | undefined {
  if (!transformer || !autoencoder) return undefined;
  try {
    return recognise({
      ...evidence,
      transformer: ltx.fromDiffusers(transformer),
      vae: vae.fromDiffusers(autoencoder),
      text: text && fromTransformers(text),
    }).settings;
  } catch (cause) {
    faults.push(messageOf(cause));
    return undefined;
  }
}

async function latentsOf(path: string, faults: string[]): Promise<ModelDescription["latents"]> {
  const opened = await openCheckpointPath(path).catch(() => undefined);
  if (!opened) return undefined;
  try {
    return await rangesOf(opened.checkpoint.tensors, path, faults);
  } finally {
    await opened.checkpoint.close();
  }
}

/** What latents are normalised by; what is wrong with it goes to the faults. */
async function rangesOf(tensors: Tensors, where: string, faults: string[]): Promise<ModelDescription["latents"]> {
  try {
    return await latentRanges(tensors, where);
  } catch (cause) {
    faults.push(messageOf(cause));
    return undefined;
  }
}
