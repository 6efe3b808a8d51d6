import { elementCount } from "./dtype.ts";
import { readFloat32, type TensorEntry } from "./safetensors.ts";

/** Elements looked at together: 16 MiB of f32, a whole number of blocks of every type. */
const step = 2 ** 22;

/** NaNs and infinities of one tensor: how many there are, and the first of them. */
export interface NonFinite {
  readonly count: number;
  readonly index: number;
  readonly value: number;
}

/** Looks for elements which are not finite as f32, a piece at a time; `undefined` for a sound tensor. */
export async function findNonFinite(entry: TensorEntry): Promise<NonFinite | undefined> {
  const total = elementCount(entry.shape);
  let count = 0;
  let index = 0;
  let value = 0;
  for (let from = 0; from < total; from += step) {
    const values = await readFloat32(entry, from, Math.min(total, from + step));
    for (let i = 0; i < values.length; i++) {
      if (Number.isFinite(values[i]!)) continue;
      if (count++ === 0) [index, value] = [from + i, values[i]!];
    }
  }
  return count > 0 ? { count, index, value } : undefined;
}
