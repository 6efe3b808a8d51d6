/**
 * The backward pass of attention (Dao 2023, arXiv 2307.08691, algorithm 2) in two kernels of the same operands: q, k and v;
 * the gradient g [B, N, D] of the result; the log-sums [2, B, N, heads] that the forward kernel kept, by which streaming forms
 * find the attention weights again (they follow from q, k and bias, so definitions do without); delta [B, N, heads], the sum
 * over a head's channels of g · result; and the bias, if any.
 */
import { defineKernel, type Sample } from "../tensor/kernel.ts";
import { stack, type Tensor } from "../tensor/tensor.ts";
import { streamingKeyValueGradient, streamingQueryGradient } from "./attention-backward-wgsl.ts";
import { type AttentionOptions, join, logitsOf, logSumsOf, split } from "./attention-parts.ts";
import { softmax } from "./softmax.ts";

const weightsOf = ([q, k, , , , , bias]: readonly Tensor[], options: AttentionOptions): Tensor =>
  softmax(logitsOf(q!, k!, bias, options));

/** The gradient of the logits, [B, heads, N, M]: weights · (g vᵀ - delta). */
export function logitGradient(operands: readonly Tensor[], options: AttentionOptions): Tensor {
  const [, , v, g, , delta] = operands;
  const gWeights = split(g!, options.heads).matmul(split(v!, options.heads), { transposeB: true });
  return weightsOf(operands, options).mul(gWeights.sub(delta!.permute(0, 2, 1).unsqueeze(-1)));
}

const sample = (queries: number, keys: number, options: AttentionOptions, bias?: readonly number[]) =>
  ({
    shapes: [
      ...[queries, keys, keys, queries].map((tokens) => [2, tokens, 8]),
      [2, queries, options.heads],
      ...(bias ? [bias] : []),
    ],
    operands: ([q, k, v, g, delta, bias]) => {
      const logSums = stack(logSumsOf(logitsOf(q!, k!, bias, options)).map(join), 0);
      return [q!, k!, v!, g!, logSums, delta!, ...(bias ? [bias] : [])];
    },
    options,
  }) satisfies Sample<AttentionOptions>;

const common = {
  samples: [sample(5, 5, { heads: 2, scale: 0.5 }), sample(3, 9, { heads: 2, scale: 1 }, [2, 3, 9])],
  tolerance: { f32: 1e-5, f16: 3e-3 },
};

/** The gradient of the queries, [B, N, D]. */
export const queryGradientKernel = defineKernel<AttentionOptions>({
  name: "attention-backward-query",
  definition: (operands, options) => {
    const { heads, scale } = options;
    return join(logitGradient(operands, options).matmul(split(operands[1]!, heads))).mul(scale);
  },
  ...common,
  fast: { webgpu: streamingQueryGradient },
});

/** The gradients of the keys and of the values, [2, B, M, D]. */
export const keyValueGradientKernel = defineKernel<AttentionOptions>({
  name: "attention-backward-key-value",
  definition: (operands, options) => {
    const { heads, scale } = options;
    const [q, , , g] = operands;
    const gKey = logitGradient(operands, options).matmul(split(q!.mul(scale), heads), { transposeA: true });
    const gValue = weightsOf(operands, options).matmul(split(g!, heads), { transposeA: true });
    return stack([join(gKey), join(gValue)], 0);
  },
  ...common,
  fast: { webgpu: streamingKeyValueGradient },
});
