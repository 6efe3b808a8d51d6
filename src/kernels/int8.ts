/**
 * Matrices in 8 bits and their products (W8A8), quantised as TurboDiffusion does (Zhang et al. 2025, arXiv 2512.16093, and its
 * published code): tiles of 128 by 128 with one scale each, for weights and activations alike. A product of codes is a whole
 * number, so nothing is lost between quantising and scaling.
 */
import { defineKernel, type Sample } from "../tensor/kernel.ts";
import { call, fill, stack, type Tensor } from "../tensor/tensor.ts";
import { packBytes, unpackBytes } from "./bytes.ts";
import { int8Tiles } from "./int8-wgsl.ts";

/** Rows and columns of a tile. */
export const int8Side = 128;
/** The largest magnitude of a tile counts as no less than this. */
const smallest = 1e-8;

/** [R, C] in 8 bits: what a tile holds times its scale. */
export interface Int8Matrix {
  /** i32 [R, ⌈C/4⌉]: four neighbours of a row a word, the first in the lowest bits, in two's complement; zeros fill a row up. */
  readonly codes: Tensor;
  /** f32 [⌈R/128⌉, ⌈C/128⌉] */
  readonly scale: Tensor;
}

/** Shapes of the parts of a matrix [rows, columns]. */
export const int8Shapes = (rows: number, columns: number) => ({
  codes: [rows, Math.ceil(columns / 4)],
  scale: [Math.ceil(rows / int8Side), Math.ceil(columns / int8Side)],
});

/** To the nearest whole number, halves to the even one. */
function roundToEven(x: Tensor): Tensor {
  const raised = x.add(0.5);
  const near = raised.floor();
  const odd = near.sub(near.mul(0.5).floor().mul(2));
  return near.sub(odd.mul(raised.equal(near).cast("f32")));
}

/** Bytes of -128 to 127 as bytes of 0 to 255 with the same bits, and back. */
const rewound = (byte: Tensor): Tensor =>
  byte.sub(
    byte
      .mul(1 / 128)
      .floor()
      .mul(256),
  );

/** One value a tile [R', C'] as one an element [rows, columns]. */
function spread(tiles: Tensor, rows: number, columns: number): Tensor {
  const [down, across] = tiles.shape as [number, number];
  return tiles
    .reshape(down, 1, across, 1)
    .broadcast([down, int8Side, across, int8Side])
    .reshape(down * int8Side, across * int8Side)
    .slice(0, 0, rows)
    .slice(1, 0, columns);
}

/** x [R, C] with, a tile, the scale max |x| / 128: the largest magnitude becomes -128, or 127, where a byte ends. */
export function quantise(x: Tensor): Int8Matrix {
  const [rows, columns] = x.shape as [number, number];
  const shapes = int8Shapes(rows, columns);
  const [down, across] = shapes.scale as [number, number];
  const words = shapes.codes[1]!;
  const tiles = x
    .pad([0, 0], [down * int8Side - rows, across * int8Side - columns])
    .reshape(down, int8Side, across, int8Side);
  // The floor comes first: what a reduction gives stays f32 where values in between are kept narrower.
  const largest = tiles.abs().max(smallest).amax([1, 3]);
  const filled = x.pad([0, 0], [0, 4 * words - columns]);
  const steps = filled.mul(fill(128).div(spread(largest, rows, 4 * words)));
  const codes = roundToEven(steps).max(-128).min(127);
  const [a, b, c, d] = codes.reshape(rows, words, 4).unstack(2) as [Tensor, Tensor, Tensor, Tensor];
  return { codes: packBytes([rewound(a), rewound(b), rewound(c), d]), scale: largest.mul(1 / 128) };
}

/** [R, 4 ⌈C/4⌉]: the matrix that codes and scales stand for, with the zeros that fill its rows up. */
export function dequantise({ codes, scale }: Int8Matrix): Tensor {
  const [rows, words] = codes.shape as [number, number];
  const [a, b, c, d] = unpackBytes(codes);
  const whole = stack([rewound(a), rewound(b), rewound(c), d], 2).reshape(rows, 4 * words);
  return whole.mul(spread(scale, rows, 4 * words));
}

/** Of two matrices [M, K] and [N, K] as x · wᵀ. */
const sampleOf = (m: number, k: number, n: number): Sample<object> => ({
  shapes: [
    [m, k],
    [n, k],
  ],
  operands: (drawn) => drawn.map(quantise).flatMap(({ codes, scale }) => [codes, scale]),
});

/** x · wᵀ of codes and scale of x [M, K] and of w [N, K], to f32 [M, N]. */
export const int8ProductKernel = defineKernel<object>({
  name: "int8-product",
  definition: ([x, xScale, w, wScale]) =>
    dequantise({ codes: x!, scale: xScale! }).matmul(dequantise({ codes: w!, scale: wScale! }), { transposeB: true }),
  samples: [sampleOf(5, 6, 4), sampleOf(130, 132, 3), sampleOf(1, 257, 1)],
  // Of operands that f16 rounded, one code in a hundred is another.
  tolerance: { f32: 1e-5, f16: 1e-2 },
  fast: { webgpu: int8Tiles },
});

/** x · Wᵀ + b over the last axis with x [..., I] quantised on the fly: W of [O, I] in 8 bits, bias [O], to [..., O]. */
export function int8Linear(x: Tensor, weight: Int8Matrix, bias?: Tensor): Tensor {
  const rows = quantise(x.reshape(-1, x.shape.at(-1)!));
  const product = call(int8ProductKernel, [rows.codes, rows.scale, weight.codes, weight.scale], {});
  const shaped = product.reshape(...x.shape.slice(0, -1), weight.codes.shape[0]!);
  return bias ? shaped.add(bias) : shaped;
}
