import { linear } from "../kernels/linear.ts";
import { parameter, type Tensor } from "../tensor/tensor.ts";

/** x · Wᵀ + b. */
export class Linear {
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;

  constructor(inner: number, outer: number, { bias = true } = {}) {
    this.weight = parameter([outer, inner]);
    this.bias = bias ? parameter([outer]) : undefined;
  }

  /** x [..., inner] to [..., outer]. */
  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}
