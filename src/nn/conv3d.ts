import { concat, parameter, type Tensor } from "../tensor/tensor.ts";

export interface Conv3dConfig {
  /** Odd size of the cubic kernel. */
  readonly kernel?: number;
  readonly stride?: readonly [number, number, number];
}

/**
 * A 3-D convolution as the LTX autoencoder pads it: zeros around each frame, copies of the border frames in time;
 * causal puts all copies before the first frame.
 */
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
  forward(x: Tensor, { causal }: { causal: boolean }): Tensor {
    const size = this.weight.shape[2]!;
    const space: [number, number] = [(size - 1) / 2, (size - 1) / 2];
    const before = causal ? size - 1 : (size - 1) / 2;
    const frames = concat([...repeat(x.slice(2, 0, 1), before), x, ...repeat(x.slice(2, -1), size - 1 - before)], 2);
    const y = frames.conv(this.weight, { stride: this.stride, padding: [[0, 0], space, space] });
    return y.add(this.bias.reshape(-1, 1, 1, 1));
  }
}

const repeat = (x: Tensor, times: number): Tensor[] => new Array<Tensor>(times).fill(x);
