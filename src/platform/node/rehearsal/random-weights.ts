/** Random weights of any size, made while they are written: a 10 GB file never lies in memory. */
import { hashText } from "../../../base/philox.ts";
import type { TensorData } from "../../../weights/safetensors-writer.ts";

/** Sizes of random weights that keep a network's values near 1, however deep it is. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number;
}

/** A bf16 tensor of uniform noise, the same for the same name. */
export function randomTensor(
  name: string,
  shape: readonly number[],
  spread: Spread,
): TensorData<() => ArrayBufferView> {
  return { dtype: "BF16", shape, data: () => uniformBf16(name, product(shape), spread) };
}

const product = (shape: readonly number[]): number => shape.reduce((count, size) => count * size, 1);

/** Cut, not rounded, to bf16: the values are random anyway. */
function uniformBf16(name: string, count: number, { mean, deviation }: Spread): Uint16Array {
  const out = new Uint16Array(count);
  const value = new Float32Array(1);
  const bits = new Uint32Array(value.buffer);
  const scale = (deviation * Math.sqrt(12)) / 2 ** 32;
  const start = mean - deviation * Math.sqrt(3);
  let x = hashText(name) | 1;
  for (let i = 0; i < count; i++) {
    // xorshift32 (Marsaglia 2003)
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    value[0] = start + (x >>> 0) * scale;
    out[i] = bits[0]! >>> 16;
  }
  return out;
}
