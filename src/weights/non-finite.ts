import { dtypeBytes, elementCount } from "./dtype.ts";
import { type TensorEntry, toFloat32 } from "./safetensors.ts";

/** NaNs and infinities of one tensor: how many there are, and the first of them. */
export interface NonFinite {
  readonly count: number;
  readonly index: number;
  readonly value: number;
}

/** Looks for elements which are not finite as f32, 16 MiB at a time; `undefined` for a sound tensor. */
export async function findNonFinite(entry: TensorEntry): Promise<NonFinite | undefined> {
  const where = `${entry.source.name}: ${JSON.stringify(entry.name)}`;
  const width = dtypeBytes[entry.dtype];
  const step = 2 ** 24 / width;
  const total = elementCount(entry.shape);
  let count = 0;
  let index = 0;
  let value = 0;
  for (let from = 0; from < total; from += step) {
    const to = Math.min(total, from + step);
    const bytes = await entry.source.slice(entry.start + from * width, entry.start + to * width);
    const values = toFloat32(bytes, entry.dtype, where);
    for (let i = 0; i < values.length; i++) {
      if (Number.isFinite(values[i]!)) continue;
      if (count++ === 0) [index, value] = [from + i, values[i]!];
    }
  }
  return count > 0 ? { count, index, value } : undefined;
}
