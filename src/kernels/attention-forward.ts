import { defineKernel } from "../tensor/kernel.ts";
import { unbroadcast } from "../tensor/reverse.ts";
import { call, concat, type Tensor } from "../tensor/tensor.ts";
import { keyValueGradientKernel, logitGradient, queryGradientKernel } from "./attention-backward.ts";
import { type AttentionOptions, join, logitsOf, logSumsOf, split } from "./attention-parts.ts";
import { streamingForward } from "./attention-wgsl.ts";
import { softmax } from "./softmax.ts";

/**
 * Attention where gradients go through it: operands as of `attentionKernel`, to its result [B, N, D] and, behind it in one row
 * of numbers, the log-sum-exp of each row of logits [2, B, N, heads] (see `logSumsOf`), from which the backward kernels find
 * the attention weights again, so that where they stream no matrix of scores is kept (Dao 2023, arXiv 2307.08691).
 */
export const attentionForwardKernel = defineKernel<AttentionOptions>({
  name: "attention-forward",
  definition: ([q, k, v, bias], options) => {
    const logits = logitsOf(q!, k!, bias, options);
    const mixed = softmax(logits).matmul(split(v!, options.heads));
    const parts = [join(mixed), ...logSumsOf(logits).map(join)];
    return concat(
      parts.map((part) => part.reshape(-1)),
      0,
    );
  },
  pullback: (g, out, [q, k, v, bias], options) => {
    const [mixed, logSums] = unpack(out, q!, options);
    const [gMixed, gLogSums] = unpack(g, q!, options);
    const perRow = logSums.shape.slice(1);
    const delta = gMixed
      .mul(mixed)
      .reshape(...perRow, -1)
      .sum(-1);
    const operands = [q!, k!, v!, gMixed, logSums, delta.sub(gLogSums.slice(0, 1).reshape(...perRow))];
    if (bias) operands.push(bias);
    const [gKey, gValue] = call(keyValueGradientKernel, operands, options).unstack(0) as [Tensor, Tensor];
    const gradients = [call(queryGradientKernel, operands, options), gKey, gValue];
    // Wanted for a trained bias only, and then in primitives.
    return bias ? [...gradients, unbroadcast(logitGradient(operands, options), bias.shape)] : gradients;
  },
  samples: [
    {
      shapes: [
        [2, 5, 8],
        [2, 3, 8],
        [2, 3, 8],
        [2, 1, 1, 3],
      ],
      options: { heads: 1, scale: 0.3 },
    },
  ],
  tolerance: { f32: 1e-5, f16: 3e-3 },
  fast: { webgpu: streamingForward },
});

/** The result and the log-sums that `attentionForwardKernel` gives, or their gradients. */
export function unpack(packed: Tensor, q: Tensor, { heads }: AttentionOptions): [mixed: Tensor, logSums: Tensor] {
  const [batch, tokens, width] = q.shape as [number, number, number];
  const [mixed, logSums] = packed.split([batch * tokens * width, 2 * batch * tokens * heads], 0) as [Tensor, Tensor];
  return [mixed.reshape(...q.shape), logSums.reshape(2, batch, tokens, heads)];
}
