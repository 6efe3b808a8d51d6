import { CheckpointError } from "../base/errors.ts";
import { bytesPerElement, type DType, type HostTensor, sizeOf } from "../tensor/dtype.ts";
import { parametersOf } from "../tensor/mount.ts";
import type { WeightSource, Weights } from "../tensor/runtime.ts";
import { type Checkpoint, type MatchOptions, matchNames } from "./checkpoint.ts";
import { isBlockType } from "./quantised.ts";
import { readFloat32, readTensor, type TensorEntry } from "./safetensors.ts";

/**
 * A checkpoint's weights by a model's own field paths; `name` says what the published model calls each.
 * @throws CheckpointError that lists what does not fit
 */
export function weightsFor(
  model: object,
  checkpoint: Pick<Checkpoint, "name" | "tensors">,
  { name, ...options }: MatchOptions & { readonly name: (path: string) => string },
): Weights {
  const paths = [...parametersOf(model)];
  const expected = new Map(paths.map(([path, { shape }]) => [name(path), { shape }]));
  const found = weightsOf(matchNames(expected, checkpoint, options));
  return new Map(paths.map(([path]) => [path, found.get(name(path))!]));
}

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
  const readRange = async (from: number, to: number): Promise<HostTensor["data"]> => {
    if (!dtype) return readFloat32(entry, from, to);
    const bytes = bytesPerElement[dtype];
    const range = { ...entry, start: start + from * bytes, end: start + to * bytes };
    return (await readTensor(range)) as HostTensor["data"];
  };
  const read = async (): Promise<HostTensor> => ({
    dtype: dtype ?? "f32",
    shape,
    data: await readRange(0, sizeOf(shape)),
  });
  const file = dtype && source.path !== undefined ? { path: source.path, start, end } : undefined;
  return { dtype: dtype ?? "f32", shape, read, readRange, ...(file ? { file } : {}) };
}
