/** A pipeline folder (diffusers layout) as a text-to-video model. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { CheckpointError } from "../../../base/errors.ts";
import * as ltx from "../../../models/ltx/config.ts";
import { LtxTransformer } from "../../../models/ltx/transformer.ts";
import * as ltxWeights from "../../../models/ltx/weights.ts";
import * as vae from "../../../models/ltx-vae/config.ts";
import { LtxVae } from "../../../models/ltx-vae/vae.ts";
import * as vaeWeights from "../../../models/ltx-vae/weights.ts";
import { fromTransformers, T5Encoder } from "../../../models/t5/encoder.ts";
import { TextTokenizer } from "../../../models/t5/tokenizer.ts";
import * as t5Weights from "../../../models/t5/weights.ts";
import { ltxSettings, type Settings, settingsSchema, type TextToVideoModel } from "../../../pipelines/model.ts";
import { parametersOf } from "../../../tensor/mount.ts";
import type { Weights } from "../../../tensor/runtime.ts";
import { type Checkpoint, matchNames } from "../../../weights/checkpoint.ts";
import { readFloat32 } from "../../../weights/safetensors.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";
import { weightsOf } from "../files/weights-of.ts";

export interface OpenedModel extends TextToVideoModel {
  close(): Promise<void>;
}

type Json = Record<string, unknown>;

/** Opens a folder with transformer, vae, text_encoder and tokenizer. Weights stay in their files. */
export async function openModel(folder: string): Promise<OpenedModel> {
  const settings = await readSettings(folder);
  const opened = await Promise.allSettled(
    ["transformer", "vae", "text_encoder"].map((module) => openModule(folder, module)),
  );
  const modules = opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const close = async () => {
    await Promise.all(modules.map(({ checkpoint }) => checkpoint.close()));
  };
  try {
    for (const result of opened) if (result.status === "rejected") throw result.reason;
    return await assemble(folder, settings, modules as [Module, Module, Module], close);
  } catch (cause) {
    await close();
    throw cause;
  }
}

async function assemble(
  folder: string,
  settings: Settings,
  modules: readonly [transformer: Module, vae: Module, text: Module],
  close: () => Promise<void>,
): Promise<OpenedModel> {
  const [transformer, autoencoder, text] = modules;
  const vaeConfig = vae.fromDiffusers(autoencoder.config);
  const t5Config = fromTransformers(text.config);
  const ltxConfig = ltx.fromDiffusers(transformer.config);
  return {
    settings,
    tokenizer: await readTokenizer(join(folder, "tokenizer", "tokenizer.json")),
    transformer: {
      config: ltxConfig,
      weights: named(new LtxTransformer(ltxConfig), transformer.checkpoint, ltxWeights.diffusersName),
    },
    text: {
      config: t5Config,
      weights: named(new T5Encoder(t5Config), text.checkpoint, t5Weights.transformersName, t5Weights.isAlias),
    },
    vae: {
      config: vaeConfig,
      weights: named(new LtxVae(vaeConfig), autoencoder.checkpoint, vaeWeights.diffusersName, vaeWeights.isStatistic),
    },
    statistics: await statisticsOf(autoencoder.checkpoint, vaeConfig.latentChannels),
    files: await Promise.all(
      modules.map(async ({ path }) => ({ name: basename(path), sha256: await hashFolder(path) })),
    ),
    close,
  };
}

interface Module {
  readonly path: string;
  readonly config: Json;
  readonly checkpoint: Checkpoint;
}

async function openModule(folder: string, module: string): Promise<Module> {
  const path = join(folder, module);
  if (!(await stat(path).catch(() => undefined)))
    throw new CheckpointError(`this model lacks its ${module}`, {
      where: folder,
      hint: "a pipeline folder has transformer, vae, text_encoder and tokenizer",
    });
  const { config, checkpoint } = await openCheckpointPath(path);
  if (!config) {
    await checkpoint.close();
    throw new CheckpointError("no config.json beside the weights", { where: path });
  }
  return { path, config: config as Json, checkpoint };
}

/** Weights by our own field paths. */
function named(
  model: object,
  checkpoint: Checkpoint,
  rename: (path: string) => string,
  ignore: (name: string) => boolean = () => false,
): Weights {
  const paths = [...parametersOf(model)];
  const expected = new Map(paths.map(([path, { shape }]) => [rename(path), { shape }]));
  const found = weightsOf(matchNames(expected, checkpoint, { ignore }));
  return new Map(paths.map(([path]) => [path, found.get(rename(path))!]));
}

/** Mean and deviation of each latent channel; without them latents are used as they are. */
export async function statisticsOf(
  { tensors }: Checkpoint,
  channels: number,
): Promise<{ mean: Float32Array; deviation: Float32Array }> {
  const [mean, deviation] = [tensors.get("latents_mean"), tensors.get("latents_std")];
  return {
    mean: mean ? await readFloat32(mean) : new Float32Array(channels),
    deviation: deviation ? await readFloat32(deviation) : new Float32Array(channels).fill(1),
  };
}

async function readTokenizer(path: string): Promise<TextTokenizer> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new CheckpointError("this model lacks its tokenizer", { where: path, cause });
  });
  return new TextTokenizer(text, { name: path });
}

async function readSettings(folder: string): Promise<Settings> {
  const path = join(folder, "turbo2k.json");
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) {
    if (await stat(folder).catch(() => undefined)) return ltxSettings;
    throw new CheckpointError("there is no such model", { where: folder, hint: "--model mini, or a folder" });
  }
  try {
    return settingsSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new CheckpointError(`not valid: ${(cause as Error).message}`, { where: path, cause });
  }
}

/** SHA-256 of a module's weight files, in the order of their names. */
async function hashFolder(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of (await readdir(folder)).filter((entry) => entry.endsWith(".safetensors")).sort())
    for await (const chunk of createReadStream(join(folder, name))) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
