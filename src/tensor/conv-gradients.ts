/**
 * Gradients of convolutions as programs that run fast where a plain transposed convolution does not (measured on
 * ONNX Runtime, docs/how-it-works.md): matrix products over columns, with the batch folded into the positions.
 */
import { ShapeError } from "../base/errors.ts";
import { type Shape, sizeOf } from "./dtype.ts";
import type { OpAttributes } from "./ops.ts";
import { apply, concat, type Tensor } from "./tensor.ts";

type Conv = OpAttributes["conv"];

/** Below this many positions an image, weights outweigh activations and columns are cheap. */
const fewPositions = 128;

/** Whether a conv with this weight and result is better done as one matrix product over columns. */
export const isWeightBound = (weight: Shape, out: Shape): boolean =>
  sizeOf(out.slice(2)) <= fewPositions && sizeOf(weight.slice(2)) > 1;

/** Puts `step - 1` zeros between neighbours of one axis. */
export function dilate(x: Tensor, axis: number, step: number): Tensor {
  if (step === 1) return x;
  const spread = x.unsqueeze(axis + 1);
  const after = spread.shape.map((_, i) => (i === axis + 1 ? step - 1 : 0));
  const wide = spread
    .pad(
      after.map(() => 0),
      after,
    )
    .reshape(...x.shape.map((n, i) => (i === axis ? n * step : n)));
  return wide.slice(axis, 0, (x.shape[axis]! - 1) * step + 1);
}

/** Offsets (frame, row, column) of a kernel, in the order of the weight's last three axes. */
export function kernelOffsets(weight: Shape): [number, number, number][] {
  const [f, h, w] = weight.slice(2) as [number, number, number];
  return Array.from({ length: f * h * w }, (_, k) => [Math.floor(k / (h * w)), Math.floor(k / w) % h, k % w]);
}

const [zeros, lows, highs] = [
  [0, 0],
  (p: Conv["padding"]) => p.map(([low]) => low),
  (p: Conv["padding"]) => p.map(([, high]) => high),
] as const;

/** The input's values under one kernel offset: x [C, B, F, H, W] padded, to [C, B, ...out]. */
function under(x: Tensor, offset: readonly number[], out: Shape, stride: readonly number[]): Tensor {
  const start = [0, 0, ...offset];
  const stop = [...x.shape.slice(0, 2), ...offset.map((n, axis) => n + (out[axis]! - 1) * stride[axis]! + 1)];
  return apply("slice", { start, stop, step: [1, 1, ...stride] }, [x]);
}

/** Columns [C·K, B·P] of a padded input [C, B, F, H, W]: for each kernel offset the values that meet it. */
function columnsOf(
  padded: Tensor,
  offsets: readonly (readonly number[])[],
  places: Shape,
  stride: readonly number[],
): Tensor {
  const channels = padded.shape[0]!;
  const parts = offsets.map((offset) => under(padded, offset, places, stride).reshape(channels, 1, -1));
  return concat(parts, 1).reshape(channels * offsets.length, -1);
}

/**
 * For a conv's input: a stride-1 conv of the spread-out gradient with the flipped weight (a transposed conv runs at
 * a fraction of its speed). Where weights are large, the flip is made on the side of the columns.
 */
export function convInputGradient(g: Tensor, x: Shape, w: Tensor, { stride, padding }: Conv): Tensor {
  let spread = g;
  const pads: [number, number][] = [];
  for (let axis = 0; axis < 3; axis++) {
    spread = dilate(spread, axis + 2, stride[axis]!);
    const low = w.shape[axis + 2]! - 1 - padding[axis]![0];
    if (low < 0) throw new ShapeError("conv with more padding than its kernel size has no gradient here");
    pads.push([low, x[axis + 2]! - spread.shape[axis + 2]! - low + w.shape[axis + 2]! - 1]);
  }
  if (!isWeightBound(w.shape, x)) return spread.conv(w.flip(2, 3, 4).permute(1, 0, 2, 3, 4), { padding: pads });
  const padded = spread.permute(1, 0, 2, 3, 4).pad([...zeros, ...lows(pads)], [...zeros, ...highs(pads)]);
  const columns = columnsOf(padded, kernelOffsets(w.shape).toReversed(), x.slice(2), [1, 1, 1]);
  const channels = x[1]!;
  const product = w.permute(1, 0, 2, 3, 4).reshape(channels, -1).matmul(columns);
  return product.reshape(channels, x[0]!, ...x.slice(2)).permute(1, 0, 2, 3, 4);
}

/**
 * For a conv's weight: one matrix product of the gradient's rows [O, B·P] with columns [C·K, B·P]. At stride 1, rows
 * of pixels stay joined with the gradient zero in the seams, so that shifts copy long runs; and shifts along a row
 * are made on the gradient's side, so that 3 + 9 copies do the work of 27.
 */
export function convWeightGradient(g: Tensor, x: Tensor, w: Shape, { stride, padding }: Conv): Tensor {
  const [out, channels, ...kernel] = w as [number, number, number, number, number];
  const padded = x.permute(1, 0, 2, 3, 4).pad([...zeros, ...lows(padding)], [...zeros, ...highs(padding)]);
  const places = g.shape.slice(2) as [number, number, number];
  const rows = g.permute(1, 0, 2, 3, 4);
  if (sizeOf(kernel) === 1 || stride.some((n) => n !== 1) || places[2] < 8) {
    const columns = columnsOf(padded, kernelOffsets(w), places, stride);
    return rows
      .reshape(out, -1)
      .matmul(columns, { transposeB: true })
      .reshape(...w);
  }
  const [, batch, frames, height, width] = padded.shape as [number, number, number, number, number];
  const run = places[1] * width;
  const flat = padded.reshape(channels, batch, frames, height * width);
  const [depth, tall, wide] = kernel as [number, number, number];
  const columns = concat(
    Array.from({ length: depth * tall }, (_, k) => {
      const [f, h] = [Math.floor(k / tall), k % tall];
      const stop = [channels, batch, f + places[0], h * width + run];
      return apply("slice", { start: [0, 0, f, h * width], stop, step: [1, 1, 1, 1] }, [flat]).reshape(channels, 1, -1);
    }),
    1,
  ).reshape(channels * depth * tall, -1);
  const shifted = concat(
    Array.from({ length: wide }, (_, v) =>
      rows.pad([0, 0, 0, 0, v], [0, 0, 0, 0, width - places[2] - v]).reshape(1, out, -1),
    ),
    0,
  ).reshape(wide * out, -1);
  const product = shifted.matmul(columns, { transposeB: true });
  return product
    .reshape(wide, out, channels, depth, tall)
    .permute(1, 2, 3, 4, 0)
    .reshape(...w);
}
