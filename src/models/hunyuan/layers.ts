/** Pieces that the blocks of HunyuanVideo have in common. */
import { silu } from "../../kernels/activations.ts";
import type { Rope } from "../../kernels/rope.ts";
import { Linear } from "../../nn/linear.ts";
import { RmsNorm } from "../../nn/norm.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type HunyuanConfig, widthOf } from "./config.ts";

/** ε of every norm of this model, as published. */
export const epsilon = 1e-6;

/** `parts` vectors per item from the conditioning: shifts, scales, gates. */
export class Modulation {
  readonly linear: Linear;
  readonly parts: number;

  constructor(width: number, parts: number) {
    this.linear = new Linear(width, parts * width);
    this.parts = parts;
  }

  /** condition [B, W] to `parts` times [B, 1, W]. */
  forward(condition: Tensor): Tensor[] {
    return this.linear.forward(silu(condition)).unsqueeze(1).chunk(this.parts, 2);
  }
}

/** Queries, keys and values of one stream; queries and keys are normalised per head, and turned where there is a rotation. */
export class Projections {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly queryNorm: RmsNorm;
  readonly keyNorm: RmsNorm;
  readonly heads: number;

  constructor(config: HunyuanConfig) {
    const width = widthOf(config);
    this.query = new Linear(width, width);
    this.key = new Linear(width, width);
    this.value = new Linear(width, width);
    this.queryNorm = new RmsNorm(config.headWidth, epsilon);
    this.keyNorm = new RmsNorm(config.headWidth, epsilon);
    this.heads = config.heads;
  }

  /** x [B, N, W] to three of [B, N, W]. */
  forward(x: Tensor, table?: Rope): [q: Tensor, k: Tensor, v: Tensor] {
    const q = this.#placed(this.query.forward(x), this.queryNorm, table);
    const k = this.#placed(this.key.forward(x), this.keyNorm, table);
    return [q, k, this.value.forward(x)];
  }

  #placed(x: Tensor, norm: RmsNorm, table?: Rope): Tensor {
    if (table) return norm.forward(x, table);
    const [batch, tokens, width] = x.shape as [number, number, number];
    return norm.forward(x.reshape(batch, tokens, this.heads, width / this.heads)).reshape(batch, tokens, width);
  }
}
