/** An original checkpoint: transformer and autoencoder in one safetensors file, with the text encoder elsewhere. */
import { basename, dirname, join } from "node:path";
import { CheckpointError } from "../../../base/errors.ts";
import * as ltx from "../../../models/ltx/config.ts";
import * as ltxLayouts from "../../../models/ltx/layouts.ts";
import { toDiffusers } from "../../../models/ltx-vae/config.ts";
import * as vaeLayouts from "../../../models/ltx-vae/layouts.ts";
import { fromOriginal } from "../../../models/ltx-vae/original.ts";
import type { Module } from "../../../pipelines/assemble.ts";
import type { Settings } from "../../../pipelines/model.ts";
import type { Evidence } from "../../../pipelines/recognise.ts";
import type { Checkpoint } from "../../../weights/checkpoint.ts";
import type { TensorEntry } from "../../../weights/safetensors.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import { openModule } from "./diffusers-folder.ts";
import { type FoundModel, hashFiles, isThere, type Json, readSettings } from "./found-model.ts";

type Tensors = ReadonlyMap<string, TensorEntry>;

export interface SingleFileOptions {
  /** Folder of the text encoder, or one with `text_encoder` and `tokenizer`; the file's own folder by default. */
  readonly textEncoder?: string | undefined;
}

export async function findInFile(path: string, { textEncoder }: SingleFileOptions = {}): Promise<FoundModel> {
  const { checkpoint, evidence, ...parts } = await openSingleFile(path);
  try {
    const text = await findTextEncoder(textEncoder ?? dirname(path), path);
    const settings = await readSettings(dirname(path));
    const sha256 = await hashFiles([path]);
    const module = ({ config, tensors }: SinglePart): Module => ({
      config,
      checkpoint: { ...checkpoint, tensors },
      sha256,
    });
    return {
      modules: {
        transformer: module(parts.transformer),
        vae: module(parts.vae),
        text_encoder: await openModule(text.encoder),
      },
      tokenizer: text.tokenizer,
      evidence,
      settings,
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
  readonly vae: SinglePart;
  readonly evidence: FoundModel["evidence"];
}

/** @throws CheckpointError where the file does not hold both models */
export async function openSingleFile(path: string): Promise<SingleFile> {
  const { config, checkpoint } = await openCheckpointPath(path);
  try {
    return {
      checkpoint,
      transformer: transformerOf(checkpoint.tensors, config?.["transformer"] as Json | undefined, path),
      vae: autoencoderOf(checkpoint.tensors, config?.["vae"] as Json | undefined, path),
      evidence: { names: [basename(path)], ...embedded(config) },
    };
  } catch (cause) {
    await checkpoint.close();
    throw cause;
  }
}

function lackOf(what: string, where: string): never {
  throw new CheckpointError(`this file holds no ${what}`, {
    where,
    hint: "an original LTX-Video checkpoint holds transformer and autoencoder; else name a diffusers folder",
  });
}

function transformerOf(tensors: Tensors, settings: Json | undefined, path: string): SinglePart {
  const own = ltxLayouts.asDiffusers(tensors) ?? lackOf("LTX-Video transformer", path);
  return { config: settings ? ltx.toDiffusers(ltx.fromOriginal(settings)) : ltxLayouts.configOf(own), tensors: own };
}

function autoencoderOf(tensors: Tensors, settings: Json | undefined, path: string): SinglePart {
  const own = vaeLayouts.originalTensors(tensors) ?? lackOf("LTX-Video autoencoder", path);
  const config = settings ? fromOriginal(settings) : vaeLayouts.publishedOf(own);
  return { config: toDiffusers(config), tensors: vaeLayouts.asDiffusers(own, config) };
}

/** What the metadata says besides the settings of the models. */
function embedded(config: Json | undefined): Pick<Evidence, "allowedSigmas" | "schedule"> {
  const allowed = config?.["allowed_inference_steps"];
  const schedule = scheduleOf(config?.["scheduler"] as Json | undefined);
  return {
    ...(Array.isArray(allowed) && allowed.length ? { allowedSigmas: allowed.map(Number) } : {}),
    ...(schedule ? { schedule } : {}),
  };
}

/** The settings of a RectifiedFlowScheduler. */
function scheduleOf(scheduler: Json | undefined): Settings["schedule"] | undefined {
  if (!scheduler) return undefined;
  const {
    sampler = "Uniform",
    shifting = null,
    shift,
  } = scheduler as Json & Record<"sampler" | "shifting" | "shift", unknown>;
  const terminal = (scheduler["target_shift_terminal"] ?? null) as number | null;
  if (shifting === "SD3") {
    const base = sampler === "LinearQuadratic" ? "linear-quadratic" : "even";
    return { kind: "dynamic-shift", base, clamp: false, terminal };
  }
  if (shifting === null && sampler === "LinearQuadratic") return { kind: "linear-quadratic" };
  if (shifting === null && sampler === "Uniform") return { kind: "uniform", shift: 1 };
  if (shifting === null && sampler === "Constant") return { kind: "uniform", shift: Math.exp(Number(shift)) };
  throw new CheckpointError(`its noise levels are not known: sampler ${String(sampler)}, shifting ${String(shifting)}`);
}

/** A folder with `text_encoder` and `tokenizer`, or the encoder's own folder with the tokenizer in it or beside it. */
async function findTextEncoder(folder: string, file: string): Promise<{ encoder: string; tokenizer: string }> {
  const inner = join(folder, "text_encoder");
  const encoder = (await isThere(inner)) ? inner : folder;
  if (!(await isThere(join(encoder, "config.json"))))
    throw new CheckpointError("this file has no text encoder", {
      where: file,
      hint: "T5 v1.1 XXL goes beside it (folders text_encoder and tokenizer), or name its folder with --text-encoder",
    });
  const places = [join(folder, "tokenizer"), join(folder, "..", "tokenizer"), encoder];
  for (const tokenizer of places)
    for (const name of ["tokenizer.json", "spiece.model"])
      if (await isThere(join(tokenizer, name))) return { encoder, tokenizer };
  throw new CheckpointError("no tokenizer beside the text encoder", {
    where: encoder,
    hint: `looked for tokenizer.json and spiece.model in ${places.join(", ")}`,
  });
}
