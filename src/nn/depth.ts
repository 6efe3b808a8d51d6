import type { Tensor } from "../tensor/tensor.ts";

/** Channels to a block of (time, height, width) cells: channel ((c·t + i_t)·h + i_h)·w + i_w goes to place (i_t, i_h, i_w). */
export function depthToSpace(x: Tensor, [t, h, w]: readonly [number, number, number]): Tensor {
  const [batch, channels, frames, height, width] = x.shape as [number, number, number, number, number];
  return x
    .reshape(batch, channels / (t * h * w), t, h, w, frames, height, width)
    .permute(0, 1, 5, 2, 6, 3, 7, 4)
    .reshape(batch, -1, frames * t, height * h, width * w);
}

/** The inverse of `depthToSpace`. */
export function spaceToDepth(x: Tensor, [t, h, w]: readonly [number, number, number]): Tensor {
  const [batch, channels, frames, height, width] = x.shape as [number, number, number, number, number];
  return x
    .reshape(batch, channels, frames / t, t, height / h, h, width / w, w)
    .permute(0, 1, 3, 5, 7, 2, 4, 6)
    .reshape(batch, channels * t * h * w, frames / t, height / h, width / w);
}
