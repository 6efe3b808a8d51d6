/** What a model on disk is, and what it lacks: for `turbo2k info`. Reads headers only. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import * as ltx from "../../../models/ltx/config.ts";
import { LtxTransformer } from "../../../models/ltx/transformer.ts";
import * as ltxWeights from "../../../models/ltx/weights.ts";
import * as vae from "../../../models/ltx-vae/config.ts";
import { LtxVae } from "../../../models/ltx-vae/vae.ts";
import * as vaeWeights from "../../../models/ltx-vae/weights.ts";
import { fromTransformers, T5Encoder } from "../../../models/t5/encoder.ts";
import * as t5Weights from "../../../models/t5/weights.ts";
import { statisticsOf } from "../../../pipelines/assemble.ts";
import { type Settings, settingsSchema } from "../../../pipelines/model.ts";
import { sizeOf } from "../../../tensor/dtype.ts";
import { parametersOf } from "../../../tensor/mount.ts";
import { matchNames } from "../../../weights/checkpoint.ts";
import { type JsonObject, openCheckpointPath } from "../files/open-checkpoint.ts";
import { openTokenizer } from "../files/open-tokenizer.ts";

export interface ModuleDescription {
  readonly module: string;
  readonly class: string;
  readonly parameters: number;
  readonly bytes: number;
  /** Stored element types with their numbers of tensors. */
  readonly dtypes: Readonly<Record<string, number>>;
  /** Sizes by name. */
  readonly sizes: Readonly<Record<string, number | readonly number[]>>;
  /** Why it cannot be used. */
  readonly faults: readonly string[];
}

export interface ModelDescription {
  readonly path: string;
  readonly settings: Settings | undefined;
  readonly modules: readonly ModuleDescription[];
  /** Over channels: smallest and largest mean, smallest and largest deviation of latents. */
  readonly latents: { readonly channels: number; readonly mean: Range; readonly deviation: Range } | undefined;
  readonly faults: readonly string[];
}

type Range = readonly [least: number, most: number];

/** How a class that this project knows reads its config and names its weights. */
interface Known {
  readonly model: (config: Record<string, unknown>) => object;
  readonly sizes: (config: Record<string, unknown>) => ModuleDescription["sizes"];
  readonly rename: (path: string) => string;
  readonly ignore: (name: string) => boolean;
}

const known: Readonly<Record<string, Known>> = {
  LTXVideoTransformer3DModel: {
    model: (config) => new LtxTransformer(ltx.fromDiffusers(config)),
    sizes: (config) => {
      const { layers, heads, headWidth, channels, captionChannels } = ltx.fromDiffusers(config);
      return { layers, width: heads * headWidth, heads, channels, captionChannels };
    },
    rename: ltxWeights.diffusersName,
    ignore: () => false,
  },
  AutoencoderKLLTXVideo: {
    model: (config) => new LtxVae(vae.fromDiffusers(config)),
    sizes: (config) => {
      const settings = vae.fromDiffusers(config);
      return { latentChannels: settings.latentChannels, compression: vae.compression(settings) };
    },
    rename: vaeWeights.diffusersName,
    ignore: vaeWeights.isStatistic,
  },
  T5EncoderModel: {
    model: (config) => new T5Encoder(fromTransformers(config)),
    sizes: (config) => {
      const { layers, width, heads, vocabulary } = fromTransformers(config);
      return { layers, width, heads, vocabulary };
    },
    rename: t5Weights.transformersName,
    ignore: t5Weights.isAlias,
  },
};

const parts = ["transformer", "vae", "text_encoder"] as const;

/** Describes a pipeline's folder, one module's folder, or a safetensors file. */
export async function describeModel(path: string): Promise<ModelDescription> {
  const isPipeline = await isThere(join(path, "model_index.json"));
  if (!isPipeline) {
    const one = await describeModule(path, "module");
    return { path, settings: undefined, modules: [one], latents: await latentsOf(path), faults: one.faults };
  }
  const modules: ModuleDescription[] = [];
  const faults: string[] = [];
  for (const part of parts) {
    if (!(await isThere(join(path, part)))) faults.push(`${part} is missing`);
    else modules.push(await describeModule(join(path, part), part));
  }
  faults.push(...modules.flatMap((module) => module.faults.map((fault) => `${module.module}: ${fault}`)));
  await openTokenizer(join(path, "tokenizer")).catch((cause: unknown) => faults.push(messageOf(cause)));
  const text = await readFile(join(path, "turbo2k.json"), "utf8").catch(() => undefined);
  let settings: Settings | undefined;
  if (text !== undefined) faults.push(...attempt(() => (settings = settingsSchema.parse(JSON.parse(text)))));
  return { path, settings, modules, latents: await latentsOf(join(path, "vae")), faults };
}

async function describeModule(path: string, module: string): Promise<ModuleDescription> {
  let opened: Awaited<ReturnType<typeof openCheckpointPath>>;
  try {
    opened = await openCheckpointPath(path);
  } catch (cause) {
    if (module === "module") throw cause;
    return { module, class: "unknown", parameters: 0, bytes: 0, dtypes: {}, sizes: {}, faults: [messageOf(cause)] };
  }
  const { config, checkpoint } = opened;
  const entries = [...checkpoint.tensors.values()];
  await checkpoint.close();
  const name = classOf(config);
  const reader = known[name];
  const faults: string[] = [];
  let sizes: ModuleDescription["sizes"] = {};
  if (!reader) faults.push(config ? `turbo2k does not know the class ${name}` : "no config.json beside the weights");
  else
    faults.push(
      ...attempt(() => {
        const settings = config as Record<string, unknown>;
        sizes = reader.sizes(settings);
        const expected = new Map(
          [...parametersOf(reader.model(settings))].map(([at, { shape }]) => [reader.rename(at), { shape }]),
        );
        matchNames(expected, checkpoint, { ignore: reader.ignore });
      }),
    );
  const dtypes: Record<string, number> = {};
  for (const { dtype } of entries) dtypes[dtype] = (dtypes[dtype] ?? 0) + 1;
  return {
    module,
    class: name,
    parameters: entries.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    bytes: entries.reduce((sum, { start, end }) => sum + end - start, 0),
    dtypes,
    sizes,
    faults,
  };
}

async function latentsOf(path: string): Promise<ModelDescription["latents"]> {
  const opened = await openCheckpointPath(path).catch(() => undefined);
  if (!opened) return undefined;
  try {
    const channels = opened.checkpoint.tensors.get("latents_mean")?.shape[0];
    if (channels === undefined) return undefined;
    const { mean, deviation } = await statisticsOf(opened.checkpoint, channels);
    const range = (values: Float32Array): Range => [Math.min(...values), Math.max(...values)];
    return { channels, mean: range(mean), deviation: range(deviation) };
  } finally {
    await opened.checkpoint.close();
  }
}

function classOf(config: JsonObject | undefined): string {
  const architectures = config?.["architectures"];
  const name = config?.["_class_name"] ?? (Array.isArray(architectures) ? architectures[0] : undefined);
  return typeof name === "string" ? name : "unknown";
}

/** The message of what `work` throws, or nothing. */
function attempt(work: () => unknown): string[] {
  try {
    work();
    return [];
  } catch (cause) {
    return [messageOf(cause)];
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
