/** What one module holds and what it lacks. */
import type { Json } from "../../../base/published-settings.ts";
import { statisticsOf } from "../../../pipelines/assemble.ts";
import { sizeOf } from "../../../tensor/dtype.ts";
import { parametersOf } from "../../../tensor/mount.ts";
import { matchNames } from "../../../weights/checkpoint.ts";
import type { TensorEntry } from "../../../weights/safetensors.ts";
import { knownClasses, type Sizes } from "./known-classes.ts";

export type Tensors = ReadonlyMap<string, TensorEntry>;

export interface ModuleDescription {
  readonly module: string;
  readonly class: string;
  readonly parameters: number;
  readonly bytes: number;
  /** Stored element types with their numbers of tensors. */
  readonly dtypes: Readonly<Record<string, number>>;
  /** Sizes by name. */
  readonly sizes: Sizes;
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

/** A module that cannot be opened. */
export const unknownModule = { class: "unknown", parameters: 0, bytes: 0, dtypes: {}, sizes: {} };

export function describeModule(
  module: string,
  config: Json | undefined,
  tensors: Tensors,
  where: string,
): ModuleDescription {
  const entries = [...tensors.values()];
  const name = classOf(config);
  const reader = knownClasses[name];
  const faults: string[] = [];
  let sizes: Sizes = {};
  if (!reader) faults.push(config ? `turbo2k does not know the class ${name}` : "no config.json beside the weights");
  else
    faults.push(
      ...attempt(() => {
        const read = reader.read(config as Json);
        sizes = read.sizes;
        const expected = new Map([...parametersOf(read.model)].map(([at, { shape }]) => [reader.name(at), { shape }]));
        matchNames(expected, { name: where, tensors }, { ignore: reader.ignore, rename: reader.bare });
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

function classOf(config: Json | undefined): string {
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
