/** An original checkpoint: transformer and autoencoder in one safetensors file, with the text encoder elsewhere. */
import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CheckpointError } from "../../../base/errors.ts";
import { type Json, PublishedSettings, readFrom } from "../../../base/published-settings.ts";
import * as ltx from "../../../models/ltx/config.ts";
import * as ltxLayouts from "../../../models/ltx/layouts.ts";
import { toDiffusers } from "../../../models/ltx-vae/config.ts";
import * as vaeLayouts from "../../../models/ltx-vae/layouts.ts";
import { fromOriginal } from "../../../models/ltx-vae/original.ts";
import type { Module } from "../../../pipelines/assemble.ts";
import type { Settings } from "../../../pipelines/model.ts";
import { type Evidence, eraNamed } from "../../../pipelines/recognise.ts";
import type { Checkpoint } from "../../../weights/checkpoint.ts";
import type { TensorEntry } from "../../../weights/safetensors.ts";
import { filesOf, openHash } from "../cache/file-hash.ts";
import { isThere } from "../files/is-there.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import { comfyAround, comfyFile } from "./comfy.ts";
import { openModule } from "./diffusers-folder.ts";
import { type FoundBody, type FoundModel, readSettings } from "./found-model.ts";
import { findTextEncoder } from "./text-encoder.ts";

type Tensors = ReadonlyMap<string, TensorEntry>;

export interface SingleFileOptions {
  /** File or folder of the text encoder, or a folder with `text_encoder` and `tokenizer`; by default what lies around. */
  readonly textEncoder?: string | undefined;
  /** File or folder of the autoencoder; by default the checkpoint's own, or what lies around. */
  readonly vae?: string | undefined;
}

/** A checkpoint's file with what it lacks: named, or beside it, or in ComfyUI's folders around it. */
export async function findInFile(path: string, { textEncoder, vae }: SingleFileOptions = {}): Promise<FoundModel> {
  const body = await findBodyInFile(path, { vae });
  try {
    const models = await comfyAround(path);
    const isForIt = (tensors: Tensors) => widthOf(tensors) === body.modules.transformer.config["caption_channels"];
    const place = textEncoder ?? (models && (await comfyFile(models, "text", isForIt))) ?? dirname(path);
    const text = await findTextEncoder(place, path);
    return { ...body, modules: { ...body.modules, text_encoder: text.module }, tokenizer: text.tokenizer };
  } catch (cause) {
    for (const { checkpoint } of Object.values(body.modules)) await checkpoint.close();
    throw cause;
  }
}

/** The same without the text encoder. */
export async function findBodyInFile(path: string, { vae }: Pick<SingleFileOptions, "vae">): Promise<FoundBody> {
  const { checkpoint, evidence, ...parts } = await openSingleFile(path);
  try {
    const settings = await readSettings(dirname(path));
    const hash = await openHash(filesOf(checkpoint));
    const module = ({ config, tensors }: SinglePart): Module => ({
      config,
      checkpoint: { ...checkpoint, tensors },
      hash,
    });
    const own = vae === undefined && parts.vae;
    const autoencoder = own
      ? module(own)
      : await openVae(vae ?? (await vaeAround(path, await comfyAround(path))), path);
    return { modules: { transformer: module(parts.transformer), vae: autoencoder }, evidence, settings };
  } catch (cause) {
    await checkpoint.close();
    throw cause;
  }
}

/** What a T5's states have. */
const widthOf = (tensors: Tensors): number | undefined =>
  (tensors.get("encoder.final_layer_norm.weight") ?? tensors.get("enc.output_norm.weight"))?.shape[0];

async function vaeAround(path: string, models: string | undefined): Promise<string | undefined> {
  const beside = join(dirname(path), "vae");
  if (await isThere(join(beside, "config.json"))) return beside;
  return models && comfyFile(models, "vae", () => true);
}

/** An autoencoder of its own: a diffusers folder, or a file in the original layout. */
async function openVae(path: string | undefined, checkpointPath: string): Promise<Module> {
  if (path === undefined) return lackOf("LTX-Video autoencoder", checkpointPath);
  if ((await stat(path).catch(() => undefined))?.isDirectory()) return openModule(path);
  const { config, checkpoint } = await openCheckpointPath(path);
  try {
    const settings = embeddedIn(config, "vae", path) ?? (config?.["latent_channels"] ? config : undefined);
    const part = autoencoderOf(checkpoint.tensors, settings) ?? lackOf("LTX-Video autoencoder", path);
    return {
      config: part.config,
      checkpoint: { ...checkpoint, tensors: part.tensors },
      hash: await openHash(filesOf(checkpoint)),
    };
  } catch (cause) {
    await checkpoint.close();
    throw cause;
  }
}

/** One model of a file, as diffusers would have it. */
export interface SinglePart {
  readonly config: Json;
  readonly tensors: Tensors;
}

export interface SingleFile {
  readonly checkpoint: Checkpoint;
  readonly transformer: SinglePart;
  readonly vae: SinglePart | undefined;
  readonly evidence: FoundModel["evidence"];
}

/** @throws CheckpointError where the file holds no transformer */
export async function openSingleFile(path: string): Promise<SingleFile> {
  const { config, checkpoint } = await openCheckpointPath(path);
  const era = eraNamed([basename(path)], "file");
  try {
    return {
      checkpoint,
      transformer: transformerOf(checkpoint.tensors, embeddedIn(config, "transformer", path), path),
      vae: autoencoderOf(checkpoint.tensors, embeddedIn(config, "vae", path)),
      evidence: { names: [basename(path)], ...(era ? { era } : {}), ...embedded(config, path) },
    };
  } catch (cause) {
    await checkpoint.close();
    throw cause;
  }
}

function lackOf(what: string, where: string): never {
  throw new CheckpointError(`this file holds no ${what}`, {
    where,
    hint: "an original LTX-Video checkpoint holds transformer and autoencoder; one that lies apart is named with --vae",
  });
}

function transformerOf(tensors: Tensors, settings: Json | undefined, path: string): SinglePart {
  const own = ltxLayouts.asDiffusers(tensors) ?? lackOf("LTX-Video transformer", path);
  return { config: settings ? ltx.toDiffusers(ltx.fromOriginal(settings)) : ltxLayouts.configOf(own), tensors: own };
}

function autoencoderOf(tensors: Tensors, settings: Json | undefined): SinglePart | undefined {
  const own = vaeLayouts.originalTensors(tensors);
  if (!own) return undefined;
  const config = settings ? fromOriginal(settings) : vaeLayouts.publishedOf(own);
  return { config: toDiffusers(config), tensors: vaeLayouts.asDiffusers(own, config) };
}

/** One model's settings in a file's metadata. */
function embeddedIn(config: Json | undefined, name: string, path: string): Json | undefined {
  const settings = config?.[name] ?? undefined;
  if (settings === undefined) return undefined;
  if (typeof settings === "object" && !Array.isArray(settings)) return readFrom(settings as Json, path);
  throw new CheckpointError(`its embedded settings of the ${name} are no JSON object`, { where: path });
}

/** What the metadata says besides the settings of the models. */
function embedded(config: Json | undefined, path: string): Pick<Evidence, "allowedSigmas" | "schedule"> {
  const own = new PublishedSettings("its embedded settings", config ?? {}, path);
  const schedule = scheduleOf(own.inner("scheduler"));
  const allowed = "allowed_inference_steps";
  return {
    ...(own.has(allowed) ? { allowedSigmas: own.levels(allowed) } : {}),
    ...(schedule ? { schedule } : {}),
  };
}

/** The settings of a RectifiedFlowScheduler. */
function scheduleOf(own: PublishedSettings | undefined): Settings["schedule"] | undefined {
  if (!own) return undefined;
  const sampler = own.word("sampler", ["Uniform", "LinearQuadratic", "Constant"], "Uniform");
  if (own.has("shifting")) {
    own.fixed({ shifting: "SD3" }, "its noise levels are not known");
    const base = sampler === "LinearQuadratic" ? "linear-quadratic" : "even";
    return { kind: "dynamic-shift", base, clamp: false, terminal: own.level("target_shift_terminal") };
  }
  if (sampler === "LinearQuadratic") return { kind: "linear-quadratic" };
  if (sampler === "Uniform") return { kind: "uniform", shift: 1 };
  return { kind: "uniform", shift: Math.exp(own.number("shift", 0)) };
}
