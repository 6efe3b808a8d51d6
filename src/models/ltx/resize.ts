/** Bilinear resizing of latent grids by size, as two products with sparse matrices. */
import { type HostTensor, hostTensor } from "../../tensor/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Grid } from "./rope.ts";

/** A box of cells, the same in all frames. */
export interface Crop {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

export const wholeOf = ({ height, width }: Grid): Crop => ({ top: 0, left: 0, height, width });

/** Cells around a crop that its 3 x 3 convolution reads. */
const halo = 1;

/**
 * Row r holds the weights with which cell `start + r` of `to` cells reads the `from` source cells (half-pixel centres, as
 * `align_corners = false`). Rows outside the picture are zero: that is the padding of a convolution.
 */
function interpolation(from: number, to: number, start: number, count: number): Float32Array {
  const out = new Float32Array(count * from);
  for (let r = 0; r < count; r++) {
    const cell = start + r;
    if (cell < 0 || cell >= to) continue;
    const place = Math.min(from - 1, Math.max(0, ((cell + 0.5) * from) / to - 0.5));
    const low = Math.floor(place);
    const share = place - low;
    out[r * from + low]! += 1 - share;
    if (share > 0) out[r * from + low + 1]! += share;
  }
  return out;
}

/** Matrices that take `from` to a crop of `to` and one cell around it: rows [H + 2, h], columns [W + 2, w]. */
export function resizing(from: Grid, to: Grid, crop: Crop = wholeOf(to)): { rows: HostTensor; columns: HostTensor } {
  const [height, width] = [crop.height + 2 * halo, crop.width + 2 * halo];
  return {
    rows: hostTensor(interpolation(from.height, to.height, crop.top - halo, height), [height, from.height]),
    columns: hostTensor(interpolation(from.width, to.width, crop.left - halo, width), [width, from.width]),
  };
}

export interface Resizing {
  /** [H + 2, h] */
  readonly rows: Tensor;
  /** [W + 2, w] */
  readonly columns: Tensor;
}

/** Tokens [B, f·h·w, C] to [B, f, H + 2, W + 2, C]. */
export function resize(x: Tensor, { rows, columns }: Resizing): Tensor {
  const [batch, tokens, channels] = x.shape as [number, number, number];
  const [height, h] = rows.shape as [number, number];
  const [width, w] = columns.shape as [number, number];
  const frames = tokens / (h * w);
  const tall = rows.matmul(x.reshape(batch * frames, h, w * channels));
  const wide = columns.matmul(tall.reshape(batch * frames * height, w, channels));
  return wide.reshape(batch, frames, height, width, channels);
}
