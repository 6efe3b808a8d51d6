import { defineKernel } from "../tensor/kernel.ts";
import { call, stack, type Tensor } from "../tensor/tensor.ts";
import { ortForm } from "./onnx.ts";

/**
 * Rotates neighbouring channel pairs: (a, b) to (a cos - b sin, b cos + a sin). x [B, N, D], cos and sin [N, P], one
 * entry per token and pair; where 2 P < D, each run of 2 P channels (a head) is rotated alike.
 */
export const ropeKernel = defineKernel<object>({
  name: "rope",
  definition: ([x, cos, sin]) => {
    const [batch, tokens, width] = x!.shape as [number, number, number];
    const pairs = cos!.shape[1]!;
    const [even, odd] = x!.reshape(batch, tokens, width / (2 * pairs), pairs, 2).unstack(4) as [Tensor, Tensor];
    const [c, s] = [cos!, sin!].map((table) => table.reshape(tokens, 1, pairs)) as [Tensor, Tensor];
    const turned = stack([even.mul(c).sub(odd.mul(s)), odd.mul(c).add(even.mul(s))], 4);
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
    {
      shapes: [
        [2, 5, 12],
        [5, 2],
        [5, 2],
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
        return emit.node(
          "RotaryEmbedding",
          [x!.name, places, cos!.name, sin!.name],
          { interleaved: 1 },
          "com.microsoft",
        ); // [B, N, D]: heads of the tables' width side by side
      },
    }),
  },
});

export interface Rope {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/** See `ropeKernel`; tables of B N rows hold one for each of the batch. */
export function rope(x: Tensor, { cos, sin }: Rope): Tensor {
  const [batch, tokens, width] = x.shape as [number, number, number];
  if (cos.shape[0] === tokens) return call(ropeKernel, [x, cos, sin], {});
  return call(ropeKernel, [x.reshape(1, batch * tokens, width), cos, sin], {}).reshape(batch, tokens, width);
}
