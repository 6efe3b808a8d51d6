import { attention } from "../kernels/attention.ts";
import { type Rope, rope } from "../kernels/rope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Linear, type Projection } from "./linear.ts";
import { LayerNorm, RmsNorm } from "./norm.ts";

export type QkNorm = "rms" | "layer" | "none";

export interface AttentionConfig {
  readonly width: number;
  readonly heads: number;
  /** Width of what is attended to; the same as `width` by default. */
  readonly contextWidth?: number;
  /** ε of the norms on queries and keys, which run over the full width, across heads. */
  readonly epsilon?: number;
  readonly norm?: QkNorm | undefined;
}

const norms: Record<QkNorm, (width: number, epsilon: number) => RmsNorm | LayerNorm | undefined> = {
  rms: (width, epsilon) => new RmsNorm(width, epsilon),
  layer: (width, epsilon) => new LayerNorm(width, epsilon),
  none: () => undefined,
};

/** Queries or keys, normalised, then turned to their places. */
function placed(x: Tensor, norm: RmsNorm | LayerNorm | undefined, table: Rope | undefined): Tensor {
  if (table && norm instanceof RmsNorm) return norm.forward(x, table);
  const normed = norm?.forward(x) ?? x;
  return table ? rope(normed, table) : normed;
}

/** Multi-head attention with normalised queries and keys, to itself (rotated by `rope`) or to a context. */
export class Attention {
  readonly query: Projection;
  readonly key: Projection;
  readonly value: Projection;
  readonly queryNorm: RmsNorm | LayerNorm | undefined;
  readonly keyNorm: RmsNorm | LayerNorm | undefined;
  readonly out: Projection;
  readonly heads: number;
  readonly scale: number;

  constructor({ width, heads, contextWidth = width, epsilon = 1e-5, norm = "rms" }: AttentionConfig) {
    this.query = new Linear(width, width);
    this.key = new Linear(contextWidth, width);
    this.value = new Linear(contextWidth, width);
    this.queryNorm = norms[norm](width, epsilon);
    this.keyNorm = norms[norm](width, epsilon);
    this.out = new Linear(width, width);
    this.heads = heads;
    this.scale = (width / heads) ** -0.5;
  }

  /** x [B, N, D], context [B, M, C], bias broadcastable to [B, heads, N, M], to [B, N, D]. */
  forward(
    x: Tensor,
    { context = x, bias, rope: table }: { context?: Tensor; bias?: Tensor; rope?: Rope } = {},
  ): Tensor {
    const q = placed(this.query.forward(x), this.queryNorm, table);
    const k = placed(this.key.forward(context), this.keyNorm, table);
    return this.out.forward(
      attention(q, k, this.value.forward(context), { heads: this.heads, scale: this.scale, bias }),
    );
  }

  /** What attention would give if each token attended to itself alone: its own value. */
  valuesOnly(x: Tensor): Tensor {
    return this.out.forward(this.value.forward(x));
  }
}
