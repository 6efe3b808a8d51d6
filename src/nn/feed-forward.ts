import { gelu } from "../kernels/activations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Linear } from "./linear.ts";

/** Linear, GELU (tanh form), Linear. */
export class FeedForward {
  readonly in: Linear;
  readonly out: Linear;

  constructor(width: number, inner: number, outer = width) {
    this.in = new Linear(width, inner);
    this.out = new Linear(inner, outer);
  }

  forward(x: Tensor): Tensor {
    return this.out.forward(gelu(this.in.forward(x)));
  }
}
