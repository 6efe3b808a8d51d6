import { layerNorm, rmsNorm } from "../kernels/norms.ts";
import { rmsNormRope } from "../kernels/rms-norm-rope.ts";
import type { Rope } from "../kernels/rope.ts";
import { parameter, type Tensor } from "../tensor/tensor.ts";

/** x · (mean(x²) + ε)^-½ · weight over the last axis. */
export class RmsNorm {
  readonly weight: Tensor;
  readonly epsilon: number;

  constructor(width: number, epsilon: number) {
    this.weight = parameter([width]);
    this.epsilon = epsilon;
  }

  /** With `rope`, x is [B, N, D], rows of this norm's width (the whole or heads) side by side, and turned afterwards. */
  forward(x: Tensor, rope?: Rope): Tensor {
    const options = { weight: this.weight, epsilon: this.epsilon };
    return rope ? rmsNormRope(x, { ...options, ...rope }) : rmsNorm(x, options);
  }
}

/** Layer norm over the last axis with weight and bias. */
export class LayerNorm {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly epsilon: number;

  constructor(width: number, epsilon: number) {
    this.weight = parameter([width]);
    this.bias = parameter([width]);
    this.epsilon = epsilon;
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, { weight: this.weight, bias: this.bias, epsilon: this.epsilon });
  }
}

/** The adaptive part of a block: x (1 + scale) + shift. */
export const modulate = (x: Tensor, shift: Tensor, scale: Tensor): Tensor => x.mul(scale.add(1)).add(shift);
