/** Resizing of latent grids by size, as two products with sparse matrices: bilinear, and by place within a source cell. */
import { ShapeError } from "../../base/errors.ts";
import { type HostTensor, hostTensor } from "../../tensor/dtype.ts";
import { input, type Tensor } from "../../tensor/tensor.ts";
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

/** The first Legendre polynomials at x of -1 to 1. */
const legendre = [
  () => 1,
  (x: number) => x,
  (x: number) => (3 * x * x - 1) / 2,
  (x: number) => (5 * x * x - 3) * 0.5 * x,
];
export const mostMoments = legendre.length;

/**
 * Row r holds the weights with which cell `start + r` reads the `moments` values of each source cell: Legendre polynomials of
 * where it lies in the source cell that its centre is in, and zero for all other source cells.
 */
function withinCells(from: number, to: number, start: number, count: number, moments: number): Float32Array {
  const out = new Float32Array(count * from * moments);
  for (let r = 0; r < count; r++) {
    const cell = start + r;
    if (cell < 0 || cell >= to) continue;
    const place = ((cell + 0.5) * from) / to;
    const source = Math.floor(place);
    const inside = 2 * (place - source) - 1;
    for (let k = 0; k < moments; k++) out[(r * from + source) * moments + k] = legendre[k]!(inside);
  }
  return out;
}

/** What takes a small grid to a crop of a large one; the inputs of a program by their names. */
export type ResizingValues = { readonly rows: HostTensor; readonly columns: HostTensor } & {
  readonly [name in "rowsWithin" | "columnsWithin"]?: HostTensor;
};

export interface ResizingOptions {
  readonly crop?: Crop;
  /** Polynomials along each side of a source cell, up to 4; 0 for none. */
  readonly moments?: number;
}

/**
 * Matrices that take `from` to a crop of `to` and one cell around it: rows [H + 2, h], columns [W + 2, w], and with `moments`
 * those that read each source cell's moments, [H + 2, h·moments] and [W + 2, w·moments].
 */
export function resizing(
  from: Grid,
  to: Grid,
  { crop = wholeOf(to), moments = 0 }: ResizingOptions = {},
): ResizingValues {
  const [height, width] = [crop.height + 2 * halo, crop.width + 2 * halo];
  const along = [
    [from.height, to.height, crop.top - halo, height],
    [from.width, to.width, crop.left - halo, width],
  ] as const;
  const [rows, columns] = along.map((axis) => hostTensor(interpolation(...axis), [axis[3], axis[0]]));
  if (!moments) return { rows: rows!, columns: columns! };
  const [rowsWithin, columnsWithin] = along.map((axis) =>
    hostTensor(withinCells(...axis, moments), [axis[3], axis[0] * moments]),
  );
  return { rows: rows!, columns: columns!, rowsWithin: rowsWithin!, columnsWithin: columnsWithin! };
}

/** A matrix along each axis. */
export interface Axes {
  /** [H + 2, h] */
  readonly rows: Tensor;
  /** [W + 2, w] */
  readonly columns: Tensor;
}

export interface Resizing extends Axes {
  /** The same by place within a source cell: [H + 2, h·moments], [W + 2, w·moments]. */
  readonly within?: Axes;
}

/** The matrices as tensors: inputs by their names, or what `make` makes of them. */
export function resizingOf(
  values: ResizingValues,
  make = ({ shape }: HostTensor, name: string): Tensor => input(name, shape),
): Resizing {
  const { rows, columns, rowsWithin, columnsWithin } = values;
  const plain = { rows: make(rows, "rows"), columns: make(columns, "columns") };
  if (!rowsWithin || !columnsWithin) return plain;
  const within = { rows: make(rowsWithin, "rowsWithin"), columns: make(columnsWithin, "columnsWithin") };
  return { ...plain, within };
}

/** Tokens [B, f·h·w, C] to [B, f, H + 2, W + 2, C]. */
export function resize(x: Tensor, { rows, columns }: Axes): Tensor {
  const [batch, tokens, channels] = x.shape as [number, number, number];
  const [height, h] = rows.shape as [number, number];
  const [width, w] = columns.shape as [number, number];
  const frames = tokens / (h * w);
  const tall = rows.matmul(x.reshape(batch * frames, h, w * channels));
  const wide = columns.matmul(tall.reshape(batch * frames * height, w, channels));
  return wide.reshape(batch, frames, height, width, channels);
}

/** Moments [B, f·h·w, M·M·C] of each source cell (rows first) to [B, f, H + 2, W + 2, C]. @throws ShapeError without matrices */
export function resizeWithin(x: Tensor, { within, ...plain }: Resizing): Tensor {
  if (!within) throw new ShapeError("moments need matrices by place within a source cell");
  const [batch, tokens, channels] = x.shape as [number, number, number];
  const [h, w] = [plain.rows.shape[1]!, plain.columns.shape[1]!];
  const moments = within.rows.shape[1]! / h;
  const frames = tokens / (h * w);
  // Moments along rows beside the rows, those along columns beside the columns: a grid of h·M x w·M cells.
  const spread = x
    .reshape(batch * frames, h, w, moments, channels / moments)
    .permute(0, 1, 3, 2, 4)
    .reshape(batch, tokens * moments * moments, channels / (moments * moments));
  return resize(spread, within);
}
