import { defineKernel } from "../tensor/kernel.ts";
import { call, type Tensor } from "../tensor/tensor.ts";
import { attentionForwardKernel, unpack } from "./attention-forward.ts";
import type { AttentionOptions } from "./attention-parts.ts";
import { streamingAttention } from "./attention-wgsl.ts";
import { ortForm } from "./onnx.ts";

/**
 * softmax(q kᵀ · scale + bias) v per head: q [B, N, D], k and v [B, M, D], bias (optional) broadcastable to
 * [B, heads, N, M], to [B, N, D]. Head h owns channels h·D/heads and following. Gradients go through `attentionForwardKernel`.
 */
export const attentionKernel = defineKernel<AttentionOptions>({
  name: "attention",
  definition: (operands, options) => unpack(call(attentionForwardKernel, operands, options), operands[0]!, options)[0],
  samples: [
    {
      shapes: [
        [2, 5, 8],
        [2, 5, 8],
        [2, 5, 8],
      ],
      options: { heads: 2, scale: 0.5 },
    },
    {
      shapes: [
        [2, 5, 8],
        [2, 3, 8],
        [2, 3, 8],
        [2, 1, 1, 3],
      ],
      options: { heads: 1, scale: 0.3 },
    },
    {
      shapes: [
        [1, 4, 8],
        [1, 4, 8],
        [1, 4, 8],
        [1, 2, 4, 4],
      ],
      options: { heads: 2, scale: 1 },
    },
  ],
  tolerance: { f32: 1e-5, f16: 3e-3 },
  fast: {
    webgpu: streamingAttention,
    ort: ortForm<AttentionOptions>({
      // It reads the bias as [B or 1, heads or 1, N, M].
      lower: (emit, [q, k, v, bias], { heads, scale }) => {
        const rows = q!.shape[1]!;
        const mask =
          bias && bias.shape[2] !== rows
            ? emit.node("Expand", [bias.name, emit.integers([bias.shape[0]!, bias.shape[1]!, rows, bias.shape[3]!])])
            : bias?.name;
        const inputs = [q!.name, k!.name, v!.name, ...(mask ? ["", "", mask] : [])];
        return emit.node("MultiHeadAttention", inputs, { num_heads: heads, scale: { float: scale } }, "com.microsoft");
      },
    }),
  },
});

/** See `attentionKernel`. */
export const attention = (
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { bias, ...options }: AttentionOptions & { bias?: Tensor },
): Tensor => call(attentionKernel, bias ? [q, k, v, bias] : [q, k, v], options);
