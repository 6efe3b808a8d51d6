/** What the kernels of attention have in common, in primitives. Equal parts of their definitions are computed once. */
import type { Tensor } from "../tensor/tensor.ts";

export interface AttentionOptions {
  readonly heads: number;
  /** Factor on the logits; 1/√(head size) in most models, 1 in T5. */
  readonly scale: number;
}

/** [B, N, D] to [B, heads, N, D / heads]. */
export const split = (x: Tensor, heads: number): Tensor => {
  const [batch, tokens, width] = x.shape as [number, number, number];
  return x.reshape(batch, tokens, heads, width / heads).permute(0, 2, 1, 3);
};

/** [B, heads, N, D / heads] to [B, N, D]. */
export const join = (x: Tensor): Tensor => {
  const [batch, heads, tokens, width] = x.shape as [number, number, number, number];
  return x.permute(0, 2, 1, 3).reshape(batch, tokens, heads * width);
};

/** q kᵀ · scale + bias per head, [B, heads, N, M]. */
export function logitsOf(q: Tensor, k: Tensor, bias: Tensor | undefined, { heads, scale }: AttentionOptions): Tensor {
  const logits = split(q.mul(scale), heads).matmul(split(k, heads), { transposeB: true });
  return bias ? logits.add(bias) : logits;
}

/**
 * The log-sum-exp of each row of logits in two numbers, [B, heads, N, 1] each: the floor of the largest logit, and the rest,
 * from 0 to 1 + ln M. Apart, a row that is masked by -10,000 all over loses no digits.
 */
export function logSumsOf(logits: Tensor): readonly [whole: Tensor, rest: Tensor] {
  const whole = logits.amax(-1, true).floor();
  return [whole, logits.sub(whole).exp().sum(-1, true).log()];
}
