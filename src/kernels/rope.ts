import { defineKernel } from "../tensor/kernel.ts";
import { call, stack, type Tensor } from "../tensor/tensor.ts";
import { ortForm } from "./onnx.ts";

/**
 * Rotates neighbouring channel pairs: (a, b) to (a cos - b sin, b cos + a sin). x [B, N, D], cos and sin
 * [N, D / 2], one entry per token and pair.
 */
export const ropeKernel = defineKernel<object>({
  name: "rope",
  definition: ([x, cos, sin]) => {
    const [batch, tokens, width] = x!.shape as [number, number, number];
    const [even, odd] = x!.reshape(batch, tokens, width / 2, 2).unstack(3) as [Tensor, Tensor];
    const turned = stack([even.mul(cos!).sub(odd.mul(sin!)), odd.mul(cos!).add(even.mul(sin!))], 3);
    return turned.reshape(batch, tokens, width);
  },
  // A rotation's transpose is the rotation back. The tables are data, never trained.
  pullback: (g, _, [, cos, sin]) => [rope(g, { cos: cos!, sin: sin!.neg() })],
  samples: [
    {
      shapes: [
        [2, 5, 8],
        [5, 4],
        [5, 4],
      ],
    },
  ],
  tolerance: { f32: 1e-5, f16: 3e-3 },
  fast: {
    ort: ortForm({
      lower: (emit, [x, cos, sin]) => {
        const [batch, tokens] = x!.shape as [number, number];
        const places = emit.integers(
          Array.from({ length: batch * tokens }, (_, i) => i % tokens),
          [batch, tokens],
        );
        const four = emit.node("Unsqueeze", [x!.name, emit.integers([1])]); // [B, one head, N, D]
        const turned = emit.node(
          "RotaryEmbedding",
          [four, places, cos!.name, sin!.name],
          { interleaved: 1 },
          "com.microsoft",
        );
        return emit.node("Squeeze", [turned, emit.integers([1])]);
      },
    }),
  },
});

export interface Rope {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/** See `ropeKernel`. */
export const rope = (x: Tensor, { cos, sin }: Rope): Tensor => call(ropeKernel, [x, cos, sin], {});
