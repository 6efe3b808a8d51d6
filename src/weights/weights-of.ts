import { CheckpointError } from "../base/errors.ts";
import type { DType, HostTensor } from "../tensor/dtype.ts";
import type { WeightSource, Weights } from "../tensor/runtime.ts";
import { isBlockType } from "./quantised.ts";
import { readFloat32, readTensor, type TensorEntry } from "./safetensors.ts";

const native: Partial<Record<string, DType>> = { F32: "f32", F16: "f16", BF16: "bf16" };

/**
 * Entries of a checkpoint as weights that a runtime may map from their files. Other float widths and quantised blocks are
 * read as f32, when they are asked for.
 */
export function weightsOf(entries: ReadonlyMap<string, TensorEntry>): Weights {
  return new Map([...entries].map(([name, entry]) => [name, weightOf(entry)]));
}

function weightOf(entry: TensorEntry): WeightSource {
  const { shape, start, end, source } = entry;
  const dtype = native[entry.dtype];
  if (!dtype && !isBlockType(entry.dtype) && !/^F/.test(entry.dtype))
    throw new CheckpointError(`${entry.name} holds ${entry.dtype}, not floats`, { where: source.name });
  const read = async (): Promise<HostTensor> =>
    dtype
      ? { dtype, shape, data: (await readTensor(entry)) as HostTensor["data"] }
      : { dtype: "f32", shape, data: await readFloat32(entry) };
  const file = dtype && source.path !== undefined ? { path: source.path, start, end } : undefined;
  return { dtype: dtype ?? "f32", shape, read, ...(file ? { file } : {}) };
}
