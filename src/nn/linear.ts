import { linear } from "../kernels/linear.ts";
import { parameter, type Tensor } from "../tensor/tensor.ts";

/** What takes x [..., inner] to [..., outer]: a `Linear`, or what was put in its place. */
export interface Projection {
  forward(x: Tensor): Tensor;
}

/** x · Wᵀ + b. */
export class Linear implements Projection {
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
