/** What one module holds and what it lacks. */
import * as ltx from "../../../models/ltx/config.ts";
import { hrName } from "../../../models/ltx/hr-weights.ts";
import { LtxTransformer } from "../../../models/ltx/transformer.ts";
import { HrTransformer } from "../../../models/ltx/two-stage.ts";
import { fromJson, hrClass } from "../../../models/ltx/two-stage-config.ts";
import * as ltxWeights from "../../../models/ltx/weights.ts";
import * as upsampler from "../../../models/ltx-upsampler/config.ts";
import { LatentUpsampler } from "../../../models/ltx-upsampler/upsampler.ts";
import { publishedName } from "../../../models/ltx-upsampler/weights.ts";
import * as vae from "../../../models/ltx-vae/config.ts";
import { LtxVae } from "../../../models/ltx-vae/vae.ts";
import * as vaeWeights from "../../../models/ltx-vae/weights.ts";
import { fromTransformers, T5Encoder } from "../../../models/t5/encoder.ts";
import * as t5Weights from "../../../models/t5/weights.ts";
import { statisticsOf } from "../../../pipelines/assemble.ts";
import { sizeOf } from "../../../tensor/dtype.ts";
import { parametersOf } from "../../../tensor/mount.ts";
import { matchNames } from "../../../weights/checkpoint.ts";
import type { TensorEntry } from "../../../weights/safetensors.ts";
import type { JsonObject } from "../files/open-checkpoint.ts";

export type Tensors = ReadonlyMap<string, TensorEntry>;

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

/** Over channels: smallest and largest mean, smallest and largest deviation of latents. */
export interface LatentRanges {
  readonly channels: number;
  readonly mean: Range;
  readonly deviation: Range;
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
  [hrClass]: {
    model: (config) => new HrTransformer(fromJson(config)),
    sizes: (config) => {
      const { transformer, taps } = fromJson(config);
      return { layers: transformer.layers, width: ltx.widthOf(transformer), taps };
    },
    rename: hrName,
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
  LTXLatentUpsamplerModel: {
    model: (config) => new LatentUpsampler(upsampler.fromDiffusers(config)),
    sizes: (config) => {
      const { channels, width } = upsampler.fromDiffusers(config);
      return { channels, width };
    },
    rename: publishedName,
    ignore: () => false,
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

/** A module that cannot be opened. */
export const unknownModule = { class: "unknown", parameters: 0, bytes: 0, dtypes: {}, sizes: {} };

export function describeModule(
  module: string,
  config: JsonObject | undefined,
  tensors: Tensors,
  where: string,
): ModuleDescription {
  const entries = [...tensors.values()];
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
        matchNames(expected, { name: where, tensors }, { ignore: reader.ignore });
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

/** @throws CheckpointError for statistics that latents cannot be normalised by */
export async function latentRanges(tensors: Tensors, where: string): Promise<LatentRanges | undefined> {
  const channels = tensors.get("latents_mean")?.shape[0];
  if (channels === undefined) return undefined;
  const { mean, deviation } = await statisticsOf({ tensors, name: where }, channels);
  const range = (values: Float32Array): Range => [Math.min(...values), Math.max(...values)];
  return { channels, mean: range(mean), deviation: range(deviation) };
}

function classOf(config: JsonObject | undefined): string {
  const architectures = config?.["architectures"];
  const name = config?.["_class_name"] ?? (Array.isArray(architectures) ? architectures[0] : undefined);
  return typeof name === "string" ? name : "unknown";
}

/** The message of what `work` throws, or nothing. */
export function attempt(work: () => unknown): string[] {
  try {
    work();
    return [];
  } catch (cause) {
    return [messageOf(cause)];
  }
}

export const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
