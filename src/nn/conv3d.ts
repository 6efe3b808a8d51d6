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
    if (padding !== "zeros") around = border(border(around, 3, half, padding), 4, half, padding);
    const space: [number, number] = padding === "zeros" ? [half, half] : [0, 0];
    const y = around.conv(this.weight, { stride: this.stride, padding: [[0, 0], space, space] });
    return y.add(this.bias.reshape(-1, 1, 1, 1));
  }
}

/** x with `width` places more on both sides of an axis. */
function border(x: Tensor, axis: number, width: number, padding: "replicate" | "reflect"): Tensor {
  const last = x.shape[axis]! - 1;
  const at = (index: number) => x.slice(axis, index, index + 1);
  const distances = Array.from({ length: width }, (_, i) => i + 1);
  const step = padding === "reflect" ? 1 : 0;
  const before = distances.toReversed().map((distance) => at(step * distance));
  const after = distances.map((distance) => at(last - step * distance));
  return concat([...before, x, ...after], axis);
}

const repeat = (x: Tensor, times: number): Tensor[] => new Array<Tensor>(times).fill(x);
