import { replicatePad } from "../kernels/replicate-pad.ts";
import { concat, parameter, type Tensor } from "../tensor/tensor.ts";

export interface Conv3dConfig {
  /** Odd size of the cubic kernel. */
  readonly kernel?: number;
  readonly stride?: readonly [number, number, number];
}

/** What lies around each frame: zeros, its border again, or its inside mirrored at the border. */
export const spatialPaddings = ["zeros", "replicate", "reflect"] as const;
export type SpatialPadding = (typeof spatialPaddings)[number];

export interface Conv3dPass {
  /** All copies of border frames before the first frame, instead of half of them behind the last. */
  readonly causal: boolean;
  /** Zeros where absent. */
  readonly padding?: SpatialPadding | undefined;
}

/** A 3-D convolution as the LTX autoencoder pads it: in space as the pass says, in time with copies of border frames. */
export class Conv3d {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly stride: readonly [number, number, number];

  constructor(inner: number, outer: number, { kernel = 3, stride = [1, 1, 1] }: Conv3dConfig = {}) {
    this.weight = parameter([outer, inner, kernel, kernel, kernel]);
    this.bias = parameter([outer]);
    this.stride = stride;
  }

  /** x [B, C, F, H, W] to [B, O, F', H', W']. */
  forward(x: Tensor, { causal, padding = "zeros" }: Conv3dPass): Tensor {
    const size = this.weight.shape[2]!;
    const half = (size - 1) / 2;
    const before = causal ? size - 1 : half;
    let around = concat([...repeat(x.slice(2, 0, 1), before), x, ...repeat(x.slice(2, -1), size - 1 - before)], 2);
    if (padding !== "zeros") around = borders[padding](around, half);
    const space: [number, number] = padding === "zeros" ? [half, half] : [0, 0];
    const y = around.conv(this.weight, { stride: this.stride, padding: [[0, 0], space, space] });
    return y.add(this.bias.reshape(-1, 1, 1, 1));
  }
}

/** Enlarges height and width by `width` places on both sides. */
const borders: Record<Exclude<SpatialPadding, "zeros">, (x: Tensor, width: number) => Tensor> = {
  replicate: (x, width) => {
    const both = [width, width] as const;
    return replicatePad(x, [[0, 0], both, both]);
  },
  reflect: (x, width) => reflect(reflect(x, 3, width), 4, width),
};

function reflect(x: Tensor, axis: number, width: number): Tensor {
  const last = x.shape[axis]! - 1;
  if (!width) return x;
  return concat([x.slice(axis, 1, width + 1).flip(axis), x, x.slice(axis, last - width, last).flip(axis)], axis);
}

const repeat = (x: Tensor, times: number): Tensor[] => new Array<Tensor>(times).fill(x);
