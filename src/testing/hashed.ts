/** Weights computed from their names, so that a full-width golden needs no weight file (tools/parity/hashed.py). */
import { hashText } from "../base/philox.ts";
import { sizeOf } from "../tensor/dtype.ts";
import type { WeightSource, Weights } from "../tensor/runtime.ts";

/** One entry of a golden's `weights.json`. */
export interface HashedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly scale: number;
}

/** Element i of the tensor called `name`, in [-½, ½). */
export function uniform(name: string, i: number): number {
  return fromHash(hashText(name), i);
}

function fromHash(hash: number, i: number): number {
  let x = hash ^ Math.imul(i + 1, 0x9e3779b1);
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d);
  x = Math.imul(x ^ (x >>> 12), 0x297a2d39);
  return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32 - 0.5;
}

/** The values fround(offset + scale · u). */
export function hashedValues({ name, shape, offset, scale }: HashedTensor, prefix = ""): Float32Array {
  const hash = hashText(prefix + name);
  const values = new Float32Array(sizeOf(shape));
  for (let i = 0; i < values.length; i++) values[i] = offset + scale * fromHash(hash, i);
  return values;
}

/** Weights by name, computed when they are read. */
export function hashedWeights(tensors: readonly HashedTensor[], prefix = ""): Weights {
  return new Map(
    tensors.map((tensor): [string, WeightSource] => [
      tensor.name,
      {
        dtype: "f32",
        shape: tensor.shape,
        read: async () => ({ dtype: "f32", shape: tensor.shape, data: hashedValues(tensor, prefix) }),
      },
    ]),
  );
}
