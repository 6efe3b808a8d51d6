/** Small trials of every primitive: the shared suite runs them on each runtime and checks their gradients. */
import { type HostTensor, hostTensor } from "./dtype.ts";
import type { OpName } from "./ops.ts";
import { concat, input, type Tensor } from "./tensor.ts";

export interface OpSample {
  readonly shapes: readonly (readonly number[])[];
  readonly f: (...x: Tensor[]) => Tensor;
  /** Draw operands from above 0.5, where roots and logarithms are smooth. */
  readonly positive?: boolean;
  /** The result is not differentiable (comparisons, rounding). */
  readonly flat?: boolean;
  /** Relative error allowed on a runtime in f32; 1e-5 unless the sample passes through a narrower type. */
  readonly tolerance?: number;
}

const indices = () => input("indices", [3], "i32");

/** Values of the inputs that samples share. */
export const sampleInputs: Record<string, HostTensor> = { indices: hostTensor(Int32Array.from([2, 0, 2]), [3]) };

const sources = ["input", "parameter", "constant", "fill", "kernel"] as const;

/** A primitive that is missing here does not compile. */
export const opSamples = {
  neg: [{ shapes: [[2, 3]], f: (x) => x!.neg() }],
  exp: [{ shapes: [[2, 3]], f: (x) => x!.exp() }],
  log: [{ shapes: [[2, 3]], f: (x) => x!.log(), positive: true }],
  sqrt: [{ shapes: [[2, 3]], f: (x) => x!.sqrt(), positive: true }],
  rsqrt: [{ shapes: [[2, 3]], f: (x) => x!.rsqrt(), positive: true }],
  sin: [{ shapes: [[2, 3]], f: (x) => x!.sin() }],
  cos: [{ shapes: [[2, 3]], f: (x) => x!.cos() }],
  tanh: [{ shapes: [[2, 3]], f: (x) => x!.tanh() }],
  sigmoid: [{ shapes: [[2, 3]], f: (x) => x!.sigmoid() }],
  abs: [{ shapes: [[2, 3]], f: (x) => x!.abs() }],
  cast: [{ shapes: [[2, 3]], f: (x) => x!.cast("bf16").cast("f32"), tolerance: 5e-3 }],
  add: [
    { shapes: [[2, 3], [3]], f: (a, b) => a!.add(b!) },
    {
      shapes: [
        [2, 1],
        [4, 1, 3],
      ],
      f: (a, b) => a!.add(b!),
    },
  ],
  sub: [
    {
      shapes: [
        [2, 3],
        [2, 1],
      ],
      f: (a, b) => a!.sub(b!),
    },
  ],
  mul: [
    {
      shapes: [
        [2, 3],
        [1, 3],
      ],
      f: (a, b) => a!.mul(b!),
    },
    { shapes: [[3], [3]], f: (a) => a!.mul(a!) },
  ],
  div: [{ shapes: [[2, 3], [3]], f: (a, b) => a!.div(b!), positive: true }],
  pow: [{ shapes: [[2, 3], [3]], f: (a, b) => a!.pow(b!), positive: true }],
  max: [{ shapes: [[2, 3], [3]], f: (a, b) => a!.max(b!) }],
  min: [{ shapes: [[2, 3], [3]], f: (a, b) => a!.min(b!) }],
  select: [{ shapes: [[2, 3], [3]], f: (a, b) => a!.less(0.1).select(a!.mul(2), b!) }],
  sum: [{ shapes: [[2, 3, 4]], f: (x) => x!.sum([0, 2]) }],
  amax: [{ shapes: [[2, 3, 4]], f: (x) => x!.amax(1) }],
  matmul: [
    {
      shapes: [
        [2, 3, 4],
        [4, 5],
      ],
      f: (a, b) => a!.matmul(b!),
    },
    {
      shapes: [
        [2, 3, 4],
        [2, 5, 4],
      ],
      f: (a, b) => a!.matmul(b!, { transposeB: true }),
    },
    {
      shapes: [
        [2, 4, 3],
        [4, 5],
      ],
      f: (a, b) => a!.matmul(b!, { transposeA: true }),
    },
    {
      shapes: [
        [4, 3],
        [2, 5, 4],
      ],
      f: (a, b) => a!.matmul(b!, { transposeA: true, transposeB: true }),
    },
    {
      shapes: [
        [2, 3, 4],
        [5, 4],
      ],
      f: (a, b) => a!.matmul(b!, { transposeB: true }),
    },
  ],
  conv: [
    {
      shapes: [
        [1, 2, 3, 9, 9],
        [2, 2, 3, 3, 3],
      ],
      f: (x, w) =>
        x!.conv(w!, {
          padding: [
            [2, 0],
            [1, 1],
            [1, 1],
          ],
        }),
    },
    {
      shapes: [
        [1, 1, 2, 17, 18],
        [2, 1, 2, 3, 3],
      ],
      f: (x, w) =>
        x!.conv(w!, {
          stride: [1, 2, 2],
          padding: [
            [1, 0],
            [1, 0],
            [1, 1],
          ],
        }),
    },

    {
      shapes: [
        [2, 3, 3, 4, 4],
        [2, 3, 3, 3, 3],
      ],
      f: (x, w) =>
        x!.conv(w!, {
          padding: [
            [0, 0],
            [1, 1],
            [1, 1],
          ],
        }),
    },
    {
      shapes: [
        [1, 2, 4, 5, 4],
        [3, 2, 2, 3, 3],
      ],
      f: (x, w) =>
        x!.conv(w!, {
          stride: [2, 2, 2],
          padding: [
            [1, 0],
            [1, 1],
            [0, 1],
          ],
        }),
    },
    {
      shapes: [
        [2, 1, 4, 5, 8],
        [2, 1, 2, 2, 3],
      ],
      f: (x, w) =>
        x!.conv(w!, {
          stride: [2, 2, 1],
          padding: [
            [3, 0],
            [0, 1],
            [2, 0],
          ],
        }),
    },
    {
      shapes: [
        [1, 2, 2, 2, 2],
        [3, 2, 1, 1, 1],
      ],
      f: (x, w) => x!.conv(w!),
    },
  ],
  reshape: [{ shapes: [[2, 6]], f: (x) => x!.reshape(3, -1) }],
  permute: [{ shapes: [[2, 3, 4]], f: (x) => x!.permute(2, 0, 1) }],
  broadcast: [{ shapes: [[3, 1]], f: (x) => x!.broadcast([2, 3, 4]) }],
  slice: [{ shapes: [[7, 5]], f: (x) => x!.slice(0, 1, 6, 2).slice(1, -2) }],
  pad: [{ shapes: [[2, 3]], f: (x) => x!.pad([1, 0], [0, 2]) }],
  concat: [
    {
      shapes: [
        [2, 3],
        [2, 1],
      ],
      f: (a, b) => concat([a!, b!, a!], 1),
    },
  ],
  flip: [{ shapes: [[3, 4]], f: (x) => x!.flip(0, 1) }],
  gather: [{ shapes: [[4, 3]], f: (x) => x!.gather(indices()) }],
  "scatter-add": [{ shapes: [[3, 2]], f: (x) => x!.scatterAdd(indices(), 4) }],
  barrier: [{ shapes: [[2, 3], [2]], f: (a, b) => a!.barrier(b!) }],
  sign: [{ shapes: [[2, 3]], f: (x) => x!.sign(), flat: true }],
  floor: [{ shapes: [[2, 3]], f: (x) => x!.mul(3).floor(), flat: true }],
  less: [{ shapes: [[2, 3], [3]], f: (a, b) => a!.less(b!).cast("f32"), flat: true }],
  equal: [{ shapes: [[2, 3], [3]], f: (a, b) => a!.floor().equal(b!.floor()).cast("f32"), flat: true }],
  not: [{ shapes: [[2, 3]], f: (a) => a!.less(0).not().cast("f32"), flat: true }],
} satisfies Record<Exclude<OpName, (typeof sources)[number]>, OpSample[]>;
