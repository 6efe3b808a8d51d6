/**
 * Gradients of convolutions as programs that run fast where a plain transposed convolution does not (measured on
 * ONNX Runtime, docs/how-it-works.md): matrix products over columns, with the batch folded into the positions.
 */
import { ShapeError } from "../base/errors.ts";
import { type Shape, sizeOf } from "./dtype.ts";
import type { OpAttributes } from "./ops.ts";
import { apply, concat, constant, type Tensor } from "./tensor.ts";

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
 * The sum over a kernel axis `taps` of y's parts, the k-th of them k places on along the axis `places`: where a kernel
 * at each of these places reaches. Kept are `length` places from `start` on.
 */
function scatterTaps(y: Tensor, taps: number, places: number, step: number, [start, length]: [number, number]): Tensor {
  const at = places - 1; // once the taps are apart
  const one = y.shape.map(() => 0).slice(1);
  const parts = dilate(y, places, step).unstack(taps);
  const moved = parts.map((part, k) => part.pad(one.with(at, k), one.with(at, parts.length - 1 - k)));
  const sum = moved.reduce((a, b) => a.add(b));
  const end = Math.min(start + length, sum.shape[at]!);
  return sum.slice(at, start, end).pad(one, one.with(at, start + length - end));
}

/**
 * For a conv's input: what each tap of the kernel gives, taps beside channels, moved to its place and summed. Along rows
 * and columns a stride-1 conv of the spread-out gradient with the flipped weight does the same with fewer copies (a
 * transposed conv runs at a fraction of its speed); along frames, of which there are few, it would mostly meet zeros.
 */
export function convInputGradient(g: Tensor, x: Shape, w: Tensor, { stride, padding }: Conv): Tensor {
  const [out, channels, ...kernel] = w.shape as [number, number, number, number, number];
  const [batch, , ...places] = g.shape as [number, number, number, number, number];
  const kept = (axis: number): [number, number] => [padding[axis]![0], x[axis + 2]!];
  if (isWeightBound(w.shape, x)) {
    const rows = g.permute(1, 0, 2, 3, 4).reshape(out, -1);
    let parts = w
      .reshape(out, -1)
      .matmul(rows, { transposeA: true })
      .reshape(channels, ...kernel, batch, ...places);
    for (const axis of [0, 1, 2]) parts = scatterTaps(parts, 1, 5, stride[axis]!, kept(axis));
    return parts.permute(1, 0, 2, 3, 4);
  }
  let spread = g;
  const pads: [number, number][] = [[0, 0]];
  for (const axis of [1, 2]) {
    spread = dilate(spread, axis + 2, stride[axis]!);
    const low = kernel[axis]! - 1 - padding[axis]![0];
    if (low < 0) throw new ShapeError("conv with more padding than its kernel size has no gradient here");
    pads.push([low, x[axis + 2]! - spread.shape[axis + 2]! - low + kernel[axis]! - 1]);
  }
  const flipped = w
    .permute(1, 2, 0, 3, 4)
    .flip(3, 4)
    .reshape(channels * kernel[0], out, 1, kernel[1], kernel[2]);
  const parts = spread.conv(flipped, { padding: pads });
  const apart = parts.reshape(batch, channels, kernel[0], ...parts.shape.slice(2));
  return scatterTaps(apart, 2, 3, stride[0]!, kept(0));
}

/** Which rows of pixels of an input [C, B, ...size, W] meet which rows of the result: [C, taps, B, ...places]. */
function rowsMet(lead: [number, number], size: Shape, kernel: Shape, places: Shape, stride: readonly number[]): Tensor {
  const [channels, batch] = lead;
  const rows: number[] = [];
  for (let c = 0; c < channels; c++)
    for (let k = 0; k < kernel[0]! * kernel[1]!; k++)
      for (let b = 0; b < batch; b++)
        for (let f = 0; f < places[0]!; f++) {
          const frame = (c * batch + b) * size[0]! + f * stride[0]! + Math.floor(k / kernel[1]!);
          const first = frame * size[1]! + (k % kernel[1]!);
          for (let h = 0; h < places[1]!; h++) rows.push(first + h * stride[1]!);
        }
  return constant({ dtype: "i32", shape: [rows.length], data: Int32Array.from(rows) });
}

/** Rows of pixels `by` places on, as wide as `width`: what leaves them is lost, what comes in is zero. */
function shiftRows(rows: Tensor, by: number, width: number): Tensor {
  const [from, to] = [Math.max(0, -by), Math.min(rows.shape[4]!, width - by)];
  return rows.slice(4, from, to).pad([0, 0, 0, 0, from + by], [0, 0, 0, 0, width - to - by]);
}

/**
 * For a conv's weight: one matrix product of the gradient's rows [O, B·P] with columns [C·K, B·P]. Where rows are not
 * strided, shifts along them are made on the gradient's side, and only whole rows are copied for the others: 3 + 9 copies
 * do the work of 27.
 */
export function convWeightGradient(g: Tensor, x: Tensor, w: Shape, { stride, padding }: Conv): Tensor {
  const [out, channels, depth, tall, wide] = w as [number, number, number, number, number];
  const [batch, , ...places] = g.shape as [number, number, number, number, number];
  const width = x.shape[4]!;
  const rows = g.permute(1, 0, 2, 3, 4);
  const turned = x.permute(1, 0, 2, 3, 4);
  if (depth * tall * wide === 1 || stride[2] !== 1 || width < Math.max(8, 2 * wide)) {
    const padded = turned.pad([...zeros, ...lows(padding)], [...zeros, ...highs(padding)]);
    const columns = columnsOf(padded, kernelOffsets(w), places, stride);
    return rows
      .reshape(out, -1)
      .matmul(columns, { transposeB: true })
      .reshape(...w);
  }
  const [around, left] = [padding.with(2, [0, 0]), padding[2]![0]];
  const padded = turned.pad([...zeros, ...lows(around)], [...zeros, ...highs(around)]);
  const met = rowsMet([channels, batch], padded.shape.slice(2, 4), [depth, tall], places, stride);
  const columns = padded
    .reshape(-1, width)
    .gather(met)
    .reshape(channels * depth * tall, -1);
  const shifts = Array.from({ length: wide }, (_, v) => shiftRows(rows, v - left, width).reshape(1, out, -1));
  const product = concat(shifts, 0)
    .reshape(wide * out, -1)
    .matmul(columns, { transposeB: true });
  return product
    .reshape(wide, out, channels, depth, tall)
    .permute(1, 2, 3, 4, 0)
    .reshape(...w);
}
