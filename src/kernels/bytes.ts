/**
 * Four whole numbers of 8 bits in one i32, in arithmetic that is exact on every runtime: a word as an f32 would lose its last
 * bits, so its highest byte goes apart.
 */
import type { Tensor } from "../tensor/tensor.ts";

/** Whole numbers as f32: three of 0 to 255, lowest byte first, and the highest byte, of -128 to 127. */
export type Bytes = readonly [Tensor, Tensor, Tensor, Tensor];

export function packBytes([a, b, c, highest]: Bytes): Tensor {
  const low = a.add(b.mul(2 ** 8)).add(c.mul(2 ** 16)); // below 2^24: exact in f32
  return highest
    .cast("i32")
    .mul(2 ** 24)
    .add(low.cast("i32"));
}

export function unpackBytes(words: Tensor): Bytes {
  // A word may be rounded up to the next multiple of 2^24 as a float: then what is left of it is negative.
  const near = words
    .cast("f32")
    .mul(2 ** -24)
    .floor()
    .min(127);
  const left = words.sub(near.cast("i32").mul(2 ** 24));
  const over = left.less(0).cast("i32");
  const low = left.add(over.mul(2 ** 24)).cast("f32");
  const c = low.mul(2 ** -16).floor();
  const rest = low.sub(c.mul(2 ** 16));
  const b = rest.mul(2 ** -8).floor();
  return [rest.sub(b.mul(2 ** 8)), b, c, near.sub(over.cast("f32"))];
}
