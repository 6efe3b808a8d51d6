import { gelu } from "../kernels/activations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Linear, type Projection } from "./linear.ts";

/** Linear, an activation, Linear. */
export class FeedForward {
  readonly in: Projection;
  readonly out: Projection;
  readonly activation: (x: Tensor) => Tensor;

  /** @param activation GELU (tanh form) by default */
  constructor(width: number, inner: number, outer = width, activation = gelu) {
    this.in = new Linear(width, inner);
    this.out = new Linear(inner, outer);
    this.activation = activation;
  }

  forward(x: Tensor): Tensor {
    return this.out.forward(this.activation(this.in.forward(x)));
  }
}

/** activation(gate(x)) · in(x), then out (Shazeer 2020, arXiv 2002.05202). */
export class GatedFeedForward {
  readonly gate: Projection;
  readonly in: Projection;
  readonly out: Projection;
  readonly activation: (x: Tensor) => Tensor;

  constructor(
    { width, inner }: { readonly width: number; readonly inner: number },
    activation: (x: Tensor) => Tensor,
    { bias = false } = {},
  ) {
    this.gate = new Linear(width, inner, { bias });
    this.in = new Linear(width, inner, { bias });
    this.out = new Linear(inner, width, { bias });
    this.activation = activation;
  }

  forward(x: Tensor): Tensor {
    return this.out.forward(this.activation(this.gate.forward(x)).mul(this.in.forward(x)));
  }
}
